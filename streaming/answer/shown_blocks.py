"""Counts the blocks of an answer that a person can see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

# Text of which nothing is left without white space, invisible characters, the punctuation of JSON, code fences, `null`
# and `undefined`.
_EMPTY: Final = re.compile(
    r"""(?:(?:`{3,}|~{3,})(?:json[c5l]?|ndjson)?(?=\s|\Z)|[\s\u00ad\u200b-\u200f\u2060\ufeff\[\]{}",:`~]|\b(?:null|undefined)\b)*"""
)
_EMPTY_WORDS: Final = ("null", "undefined", "jsonc", "json5", "jsonl", "ndjson")
_LONG: Final = 64  # characters of which only the end is kept, because it alone can still become another word
_WORD_END: Final = re.compile(r"[`~]{0,3}\w*\Z")
_SPACES: Final = re.compile(r"\s+")
_ROWS: Final = {"table": "rows", "timeline": "checkpoints", "chart": "data", "entity_ref": "items"}


class ShownBlocks:
    """The indexes of the blocks that have data, or text other than white space and stray JSON."""

    def __init__(self) -> None:
        self._indexes: set[int] = set()
        self._undecided: dict[int, str] = {}  # texts that show nothing so far

    def __len__(self) -> int:
        return len(self._indexes) + sum(not _EMPTY.fullmatch(text) for text in self._undecided.values())

    def __contains__(self, index: int) -> bool:
        text = self._undecided.get(index)
        return index in self._indexes or (text is not None and not _EMPTY.fullmatch(text))

    def add(self, index: int, block_type: str, data: Mapping[str, Any]) -> None:
        """A block with this data was sent. It counts unless it has no rows at all."""
        if data.get(_ROWS.get(block_type, "")) != []:
            self._indexes.add(index)

    def add_text(self, index: int, text: str) -> None:
        """A piece of a text block was sent."""
        if index in self._indexes:
            return
        text = _SPACES.sub(" ", self._undecided.get(index, "") + text)
        if _may_be_empty(text):
            end = _WORD_END.search(text)
            self._undecided[index] = text if len(text) < _LONG or end is None else end.group()
        else:
            self._undecided.pop(index, None)
            self._indexes.add(index)


def _may_be_empty(text: str) -> bool:
    """Whether a text that begins like this may show nothing."""
    begun = _EMPTY.match(text)
    rest = text[begun.end() :] if begun else text
    return not rest or any(word.startswith(rest) for word in _EMPTY_WORDS)
