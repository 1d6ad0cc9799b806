"""Novelty: the part of an exchange that memory does not hold yet."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from memory.text import Analyser, fragments_of, is_question

TermsOf = Callable[[str], AbstractSet[str]]
"""The distinct index terms of a text."""

MAX_LEARNED_CHARS: Final = 20_000
_WORD: Final = re.compile(r"\w+(?:['\u2019]\w+)?")
# A sentence of the response repeats a recalled text if that text has at least this share of the sentence's words.
_REPEATED_SHARE: Final = 0.8
_NO_ANSWER: Final = re.compile(
    r"(?:(?:i['\u2019]m |i am )?(?:sorry|afraid)[\s,:\u2013\u2014-]*(?:but )?(?:that )?)?"
    r"(?:i (?:do not|don['\u2019]t|can['\u2019]?t|cannot|could not|couldn['\u2019]t|did not|didn['\u2019]t)"
    r" (?:know|have|find|remember|see|recall|tell|answer|access)\b"
    r"|i (?:found|have|know) (?:no|nothing)\b|i(?:['\u2019]m| am) (?:not (?:sure|able|certain)|unable)\b"
    r"|there (?:is|are) no (?:information|record|note|data)\b"
    r"|(?:please )?(?:let me know|feel free)\b|is there anything else\b|(?:how|what) (?:else )?can i\b"
    r"|(?:i['\u2019]m |i am )?(?:happy|glad|here) to help\b|(?:could|can) you (?:tell|give|share)\b"
    r"|(?:sorry|thanks|thank you|sure|of course|okay|ok)\W*$"
    r"|(?:i['\u2019]m |i am )?sorry\b[^,;:]*$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Learned:
    """What is new in an exchange, by the side that said it."""

    message: str
    answer: str

    @property
    def text(self) -> str:
        """Both sides, at most `MAX_LEARNED_CHARS`."""
        return "\n".join(side for side in (self.message, self.answer) if side)[:MAX_LEARNED_CHARS]

    @property
    def said(self) -> int:
        """The number of characters of `text` that the person said."""
        return min(len(self.message), MAX_LEARNED_CHARS)


def worth_learning(
    message: str, response: str, recalled: Sequence[str], terms_of: TermsOf | None = None
) -> Learned | None:
    """What to store as a new memory; None if there is nothing new. `terms_of`: `Analyser.terms`, perhaps cached.

    Recalled texts that come back in the response are left out; otherwise each question would store them again. The
    person's message is left out only if it repeats a recalled text word for word, because a single different word may
    be a correction ("on Thursday", "I don't").
    """
    terms_of = terms_of or Analyser().terms
    known = [terms_of(text) for text in recalled]
    said = message.strip()
    if _is_quoted(said, recalled):
        said = ""
    new = " ".join(
        fragment.strip() for fragment in fragments_of(response) if not _is_repeated(terms_of(fragment), known)
    ).strip()
    if not said or (is_question(said) and not terms_of(_answered(new))):
        # A question without an answer states nothing, and an answer without its question is not specific enough.
        return None
    if not terms_of(said) and not terms_of(new):
        return None
    return Learned(said, new)


def _answered(response: str) -> str:
    """The part of a response that answers: without stock phrases and sentences that say that it can't answer."""
    return " ".join(fragment for fragment in fragments_of(response) if not _NO_ANSWER.match(fragment.strip()))


def _is_repeated(terms: AbstractSet[str], known: Sequence[AbstractSet[str]]) -> bool:
    return bool(terms) and any(
        len(terms & other) >= _REPEATED_SHARE * len(terms) and not any(map(_has_digit, terms - other))
        for other in known
    )


def _has_digit(term: str) -> bool:
    return any(character.isdigit() for character in term)


def _is_quoted(text: str, known: Sequence[str]) -> bool:
    """Whether one of `known` contains all sentences of `text`, word for word."""
    found = [words for fragment in fragments_of(text) if (words := _words_of(fragment))]
    return bool(found) and any(all(words in other for words in found) for other in map(_words_of, known))


def _words_of(text: str) -> str:
    words = _WORD.findall(text.casefold())
    return f" {' '.join(words)} " if words else ""
