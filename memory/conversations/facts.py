"""The facts of an answer within a size: whole items are left out, never a whole list that could be shortened. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

_LISTS: Final = ("items", "rows", "checkpoints", "data")
_NAMES: Final = ("id", "title", "name")
_KINDS: Final = ("showed", "changed", "read", "entity")
_MORE: Final = "more"


def shorten_facts(facts: Iterable[Mapping[str, Any]], max_chars: int) -> list[dict[str, Any]]:
    """`facts` in at most `max_chars` characters of JSON, in their order.

    If a fact is too large, its items keep only their id and title. If it is still too large, its last items are left
    out and counted in `more`. A fact of which no item fits is left out.
    """
    kept, left = [], max_chars
    for fact in facts:
        shorter = _within(dict(fact), left)
        if shorter is not None:
            kept.append(shorter)
            left -= _size(shorter)
    return kept


def name_facts(facts: Iterable[Mapping[str, Any]], max_chars: int) -> list[dict[str, Any]]:
    """The ids and titles of the items in `facts`, in at most about `max_chars` characters of JSON.

    Items without room are counted in `more`. Facts without ids, such as a chart, are left out.
    """
    named, count = [], 0
    for fact in facts:
        short = {name: fact[name] for name in _KINDS if name in fact}
        if isinstance(items := fact.get("items"), list):
            ids = [_named(item) for item in items if isinstance(item, Mapping) and "id" in item]
            more = fact.get(_MORE, 0) + len(items) - len(ids)
            named.append(short | {"items": ids} | ({_MORE: more} if more else {}))
            count += len(ids) + more
        elif isinstance(item := fact.get("item"), Mapping):
            named.append(short | {"item": _named(item)})
            count += 1
    kept = shorten_facts(named, max_chars)
    left_out = count - sum(_count(fact) for fact in kept)
    return [*kept, {_MORE: left_out}] if left_out else kept


def _count(fact: Mapping[str, Any]) -> int:
    items = fact.get("items")
    return 1 if not isinstance(items, list) else len(items) + int(fact.get(_MORE, 0))


def _within(fact: dict[str, Any], max_chars: int) -> dict[str, Any] | None:
    if _size(fact) <= max_chars:
        return fact
    name = next((name for name in _LISTS if isinstance(fact.get(name), list)), None)
    if name is None:
        return None
    items = [_named(item) for item in fact[name]]
    already = fact.get(_MORE, 0)
    sizes = [_size(item) + len(", ") for item in items]
    room = max_chars - _size(fact | {name: [], _MORE: already + len(items)})
    count = 0
    while count < len(items) and sizes[count] <= room:
        room -= sizes[count]
        count += 1
    if count == 0:
        return None
    more = already + len(items) - count
    return fact | {name: items[:count]} | ({_MORE: more} if more else {})


def _named(item: Any) -> Any:
    """The id and the title of an item. A row of a table, or a point of a chart, stays unchanged."""
    if not isinstance(item, Mapping) or "id" not in item:
        return item
    return {name: item[name] for name in _NAMES if name in item}


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, default=str))
