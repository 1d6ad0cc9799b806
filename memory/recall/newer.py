"""Of statements that contradict each other, the newer one counts. Pure.

A contradiction is recognised by the rules for preferences: two values of a preference that has only one value.
Other memories keep the order of their scores. Each has its time, so the model can tell which one is newer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from memory.preferences import FAMILIES, preferences_in
from memory.recall.recalled import Found

_MAX_STATEMENT_CHARS: Final = 120
"""A longer message is not read for statements, because the rules take time in proportion to it."""


def newest_first(found: Sequence[Found], preferences: Mapping[str, Any]) -> list[Found]:
    """`found` with `superseded` set. A superseded memory comes after all others.

    It states a value of a preference, and a newer one among `found` or the present `preferences` has another value.
    """
    preferred = {key: value for key, value in preferences.items() if isinstance(value, str)}
    if len(found) <= 1 and not preferred:
        return list(found)  # nothing else states a value
    stated = [_stated(item) for item in found]
    present: dict[str, str | None] = {}
    for _, values in sorted(zip(map(_time, found), stated, strict=True), key=lambda pair: pair[0]):
        present |= values
    present |= preferred
    marked = [
        replace(item, superseded=True) if any(not _same(value, present[key]) for key, value in values.items()) else item
        for item, values in zip(found, stated, strict=True)
    ]
    return sorted(marked, key=lambda item: item.superseded)


def _time(item: Found) -> float:
    return item.when.timestamp() if item.when is not None else 0.0


def _stated(item: Found) -> dict[str, str | None]:
    said = item.text if item.message is None and item.entity is None else item.message
    if not said or len(said) > _MAX_STATEMENT_CHARS:
        return {}
    return {one.key: one.value for one in preferences_in(said) if one.key.split("_")[0] not in FAMILIES}


def _same(one: str | None, other: str | None) -> bool:
    return (one or "").casefold() == (other or "").casefold()
