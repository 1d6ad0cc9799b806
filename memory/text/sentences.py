"""Sentences of a text, and the statements of an exchange: the units in which memory compares what was said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from memory.text.analyser import Analyser

_FRAGMENT: Final = re.compile(r"[^.!?\n]+[.!?]*")
# The end of a sentence is followed by white space. The full stop of a title ends no sentence.
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bProf\.)\s+|\n+")
# A shorter statement is not specific enough to be recognised by its words.
_MIN_STATEMENT_WORDS: Final = 3
_QUESTION: Final = re.compile(
    r"^(?:what|who|whom|whose|when|where|which|why|how|is|are|was|were|do|does|did|can|could|will|would|should|have|has"
    r"|tell me|show|list|remind me (?:what|who|when|where|which|how)|find|give me)\b",
    re.IGNORECASE,
)


def fragments_of(text: str) -> list[str]:
    """`text`, cut at every full stop, question mark, exclamation mark and line break, decimal points included.

    Stored digests are made from fragments (`statements`), so this rule can't change. `sentences_of` is more precise.
    """
    return _FRAGMENT.findall(text)


def sentences_of(text: str) -> list[str]:
    """`text`, cut at the ends of sentences, at semicolons and at line breaks. "Dr. Smith" and "2.5" stay whole."""
    return _SENTENCE_END.split(text)


def is_question(text: str) -> bool:
    """Whether every sentence of `text` has the form of a question or a request for information."""
    found = [sentence for fragment in fragments_of(text) if (sentence := fragment.strip())]
    return bool(found) and all(sentence.endswith("?") or _QUESTION.match(sentence) is not None for sentence in found)


def statements(message: str, response: str) -> list[frozenset[str]]:
    """The statements of an exchange, each as the set of its index terms. Tombstones recognise an exchange by them.

    If the message only asks, the statements of the response count, otherwise those of the message. Statements of one
    word ("Thank you!") count only if there is none of three or more; then all words of the exchange are one statement.
    """
    side = message if not is_question(message) else response
    analyser = Analyser()
    found = [frozenset(analyser.terms(fragment)) for fragment in fragments_of(side) if not is_question(fragment)]
    if any(len(words) >= _MIN_STATEMENT_WORDS for words in found):
        return list(dict.fromkeys(words for words in found if len(words) > 1))
    whole = frozenset(analyser.terms(message + " " + side if side is not message else message))
    return [whole] if whole else []


def restates(stated: Sequence[frozenset[str]], message: str, response: str) -> bool:
    """Whether an exchange repeats all statements of another exchange (`stated`).

    A statement is repeated when one sentence, on either side, has all of its words. One repeated sentence is not
    enough: exchanges share greetings and phrases. One different word makes a different fact ("on Thursday").
    """
    if not stated or statements(message, response) == list(stated):
        return bool(stated)
    if len(stated) == 1 and len(stated[0]) < _MIN_STATEMENT_WORDS:
        return False
    analyser = Analyser()
    found = [analyser.terms(fragment) for side in (message, response) for fragment in fragments_of(side)]
    return all(any(words <= sentence for sentence in found) for words in stated)
