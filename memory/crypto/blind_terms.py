"""Blind terms: what lets PostgreSQL search the words of texts that it can't read.

Each term of a text (see `memory/text`) is replaced by an HMAC-SHA256 of it under a key that is derived from the
user's own key, cut to 16 bytes. Equal words of one user give equal terms, so counting them works as on the words;
another user's terms have nothing in common with them, and without the key a guessed word can't be checked.

Sixteen bytes: two of a user's words fall together with probability n²/2¹²⁹ (a million words: 10⁻²⁷), and a term takes
half the room, which is most of what the index stores. What remains visible to whoever reads the database: how many
different words a memory has, and which memories share one, which is enough to guess the commonest by their frequency.
"""

from __future__ import annotations

import hmac
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from memory.crypto.derive import derive_key
from memory.text import Analyser, without_stamp

TERM_BYTES: Final = 16

# The number changes when the same text gives other terms than before: stored ones must then be derived anew.
_LABEL: Final = b"tessera:user:blind-terms:1"


@dataclass(frozen=True, slots=True)
class DocumentTerms:
    """A text as the index holds it: how often each blind term occurs, and `length`, the sum of that."""

    counts: dict[bytes, int]
    length: int


class BlindTerms:
    """The blind terms of one user. Not safe to share between threads; making one takes some 30 µs."""

    __slots__ = ("_analyser", "_key")

    def __init__(self, user_key: bytes) -> None:
        """`user_key`: the user's Fernet key, as `Fernet.generate_key` gives it. Raises `ValueError`."""
        self._key = derive_key(user_key, _LABEL)
        self._analyser = Analyser()

    def __repr__(self) -> str:
        return "<BlindTerms>"

    def document(self, text: str, when: datetime | None = None) -> DocumentTerms:
        """The terms of a text to store, with those of the day it was said on, in the person's own time zone."""
        terms = [word.term for word in self._analyser.words(text)]
        if when is not None:
            terms += self._analyser.date_terms(when)
        counts = Counter(terms)
        return DocumentTerms({self._blind(term): count for term, count in counts.items()}, counts.total())

    def query(self, text: str) -> list[bytes]:
        """The terms to look for, each once."""
        return list(self.query_words(text))

    def query_words(self, text: str) -> dict[bytes, str]:
        """The terms to look for, each with the word of `text` that it stands for, to say what was matched."""
        written = {word.term: word.written for word in self._analyser.words(without_stamp(text))}
        return {self._blind(term): word for term, word in written.items()}

    def _blind(self, term: str) -> bytes:
        return hmac.digest(self._key, term.encode("utf-8", "surrogatepass"), "sha256")[:TERM_BYTES]
