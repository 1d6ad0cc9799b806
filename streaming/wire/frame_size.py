"""A bound of the values in one JSON text, checked before it is parsed.

Parsing blocks the event loop, the longer the more values the text has: one text of a megabyte takes a millisecond, a
megabyte of empty lists a third of a second.
"""

from __future__ import annotations

from typing import Final

MAX_VALUES: Final = 20_000
"""Arrays, objects and elements of one frame, or of one REST body."""

_SMALL: Final = 65_536
"""A text with at most this many characters is not counted."""


def has_too_many_values(text: str) -> bool:
    """Whether `text`, valid JSON or not, has more than about `MAX_VALUES` values."""
    if len(text) <= _SMALL:
        return False
    # A key and a value have up to four quotation marks. An escaped one ends no text.
    bare = text.replace("\\\\", "").replace('\\"', "") if "\\" in text else text
    if bare.count('"') > 4 * MAX_VALUES:
        return True
    outside = "".join(bare.split('"')[::2])
    return outside.count(",") + outside.count("[") + outside.count("{") > MAX_VALUES
