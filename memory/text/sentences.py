"""Sentences and questions of a text."""

from __future__ import annotations

import re
from typing import Final

_FRAGMENT: Final = re.compile(r"[^.!?\n]+[.!?]*")
# The end of a sentence is followed by white space. The full stop of a title ends no sentence.
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bProf\.)\s+|\n+")
_QUESTION: Final = re.compile(
    r"^(?:what|who|whom|whose|when|where|which|why|how|is|are|was|were|do|does|did|can|could|will|would|should|have|has"
    r"|tell me|show|list|remind me (?:what|who|when|where|which|how)|find|give me)\b",
    re.IGNORECASE,
)


def fragments_of(text: str) -> list[str]:
    """`text`, cut at every full stop, question mark, exclamation mark and line break, decimal points included.

    Stored digests are made from fragments (`memory.text.Said`), so this rule can't change. `sentences_of` is more
    precise.
    """
    return _FRAGMENT.findall(text)


def sentences_of(text: str) -> list[str]:
    """`text`, cut at the ends of sentences, at semicolons and at line breaks. "Dr. Smith" and "2.5" stay whole."""
    return _SENTENCE_END.split(text)


def is_question(text: str) -> bool:
    """Whether every sentence of `text` has the form of a question or a request for information."""
    found = [sentence for fragment in fragments_of(text) if (sentence := fragment.strip())]
    return bool(found) and all(sentence.endswith("?") or _QUESTION.match(sentence) is not None for sentence in found)
