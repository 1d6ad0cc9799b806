"""Blind terms: PostgreSQL can search the words of encrypted texts by them.

Each index term of a text (see `memory/text`) is replaced by its HMAC-SHA256, cut to 16 bytes. The HMAC's key is derived
from the user's key. Equal words of one user have equal blind terms, so counting them works as with the words. The blind
terms of different users have nothing in common, and a single guessed word can't be checked without the key.

16 bytes are enough: two of n words of a user collide with probability n²/2¹²⁹ (10⁻²⁷ for a million words). They take
half the space of a full HMAC, and terms are most of the index. A reader of the database still sees how many different
words a memory has, and which memories share a word. So terms are in the order of their values and not of the text, the
commonest words are not indexed, and the day of a memory has no terms, because its rows have a readable time. Other
frequent words can still be guessed by their frequency. A reader who knows some of a user's texts recognises them by the
numbers of their words, and then reads their words wherever else they are (`bench/memories/attacks.py`).
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from memory.crypto.derive import derive_key
from memory.text import Analyser, without_stamp

TERM_BYTES: Final = 16

# Part of the stored data. If texts get other terms than before, `Analyser.asked` must yield the terms of older rows
# too. Otherwise raise the number; stored terms must then be derived again.
_LABEL: Final = b"tessera:user:blind-terms:1"


@dataclass(frozen=True, slots=True)
class DocumentTerms:
    """A text in the index: the number of occurrences of each blind term, sorted by term, and `length`, their sum."""

    counts: dict[bytes, int]
    length: int


@dataclass(frozen=True, slots=True)
class AskedTerms:
    """The terms of a question. `words` has the number of the word that each term was made from."""

    terms: tuple[bytes, ...] = ()
    words: tuple[int, ...] = ()
    written: Mapping[bytes, str] = field(default_factory=dict)
    """The normalised word of each term, to show which words matched."""


class BlindTerms:
    """Makes the blind terms of one user. Not safe to share between threads. Creating one takes about 30 µs."""

    __slots__ = ("_analyser", "_key")

    def __init__(self, user_key: bytes) -> None:
        """`user_key`: the user's Fernet key, in base64. Raises `ValueError` if it is too short."""
        self._key = derive_key(user_key, _LABEL)
        self._analyser = Analyser()

    def __repr__(self) -> str:
        return "<BlindTerms>"

    def document(self, text: str) -> DocumentTerms:
        """The terms of a text to store."""
        counts = Counter(word.term for word in self._analyser.indexed(text))
        blind = sorted((self._blind(term), count) for term, count in counts.items())
        return DocumentTerms(dict(blind), counts.total())

    def same_words(self, one: str, other: str) -> bool:
        """Whether two texts have the same words, also those that are not indexed."""
        return self._analyser.terms(one) == self._analyser.terms(other)

    def query(self, text: str) -> list[bytes]:
        """The distinct terms to search for."""
        return list(self.query_words(text))

    def query_words(self, text: str) -> dict[bytes, str]:
        """The distinct terms to search for, each with its word in `text`, to show which words matched."""
        written = {word.term: word.written for word in self._analyser.indexed(without_stamp(text))}
        return {self._blind(term): word for term, word in written.items()}

    def asked(self, text: str, most: int) -> AskedTerms:
        """The terms to search for, at most about `most`. A word has several, because its language may be another one.

        If a word would have no term within the limit, every word has one term, and the first and the last half count.
        """
        words = self._analyser.asked(without_stamp(text))
        if sum(len(word.terms) for word in words) > most:
            words = [word._replace(terms=word.terms[:2]) for word in words]
        if sum(len(word.terms) for word in words) > most:
            half = most // 2
            words = [word._replace(terms=word.terms[:1]) for word in words]
            words = words if len(words) <= most else [*words[:half], *words[-half:]]
        number_of: dict[bytes, int] = {}
        for number, word in enumerate(words):
            for term in word.terms:
                number_of.setdefault(self._blind(term), number)
        return AskedTerms(
            tuple(number_of),
            tuple(number_of.values()),
            {term: words[number].written for term, number in number_of.items()},
        )

    def _blind(self, term: str) -> bytes:
        return hmac.digest(self._key, term.encode("utf-8", "surrogatepass"), "sha256")[:TERM_BYTES]
