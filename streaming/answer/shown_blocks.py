"""Counts the blocks of an answer that a person can see."""

from __future__ import annotations

import re
from typing import Final

# Text of which nothing is left without white space, invisible characters and the punctuation of JSON and code fences
# shows nothing.
_EMPTY: Final = re.compile(r"""[\s\u00ad\u200b-\u200f\u2060\ufeff\[\]{}",:`]*""")


class ShownBlocks:
    """The indexes of the blocks that have data, or text other than white space and stray JSON punctuation."""

    def __init__(self) -> None:
        self._indexes: set[int] = set()

    def __len__(self) -> int:
        return len(self._indexes)

    def __contains__(self, index: int) -> bool:
        return index in self._indexes

    def add(self, index: int) -> None:
        """A block with data was sent."""
        self._indexes.add(index)

    def add_text(self, index: int, text: str) -> None:
        """A piece of a text block was sent."""
        if index not in self._indexes and not _EMPTY.fullmatch(text):
            self._indexes.add(index)
