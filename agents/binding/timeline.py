"""A timeline's `checkpoints`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.binding.groups import MAX_ROWS
from agents.binding.selection import matching
from agents.binding.unbindable import Unbindable
from agents.binding.values import Item
from parser.blocks import BindReason, BoundTimelineBlock
from person import Calendar, When

_DATE_FIELD: Mapping[str, str] = {"checkpoint": "date", "task": "dueDate"}
_PASSED_ON = ("projectId", "isAiSuggested", "isApproved", "status")


def timeline_data(block: BoundTimelineBlock, items: Sequence[Item], calendar: Calendar) -> dict[str, Any]:
    """The `data` of a timeline's `stream_block` frame: days as text, instants in epoch milliseconds.

    Items without a date are left out. Raises `Unbindable`.
    """
    source = block.source
    dated = [
        (when, item)
        for item in matching(source.entity, items, source.filter, calendar)
        if (when := calendar.read(item.get(_DATE_FIELD[source.entity]))) is not None
    ]
    if not dated:
        raise Unbindable(BindReason.NO_DATA, f"No {source.entity} with a date that a tool returned matches.")
    dated.sort(key=lambda pair: calendar.start(pair[0]))
    return {"checkpoints": [_point(when, item) for when, item in dated[: source.limit or MAX_ROWS]]}


def _point(when: When, item: Item) -> dict[str, Any]:
    known = {name: item[name] for name in _PASSED_ON if item.get(name) is not None}
    date = when if isinstance(when, int) else when.isoformat()
    return {"id": str(item["id"]), "title": str(item.get("title") or item["id"]), "date": date} | known
