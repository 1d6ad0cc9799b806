"""A timeline's `checkpoints`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.binding.groups import MAX_ROWS
from agents.binding.selection import matching
from agents.binding.unbindable import Unbindable
from agents.binding.values import Item
from agents.dates import item_ms
from parser.blocks import BindReason, BoundTimelineBlock

_DATE_FIELD: Mapping[str, str] = {"checkpoint": "date", "task": "dueDate"}
_PASSED_ON = ("projectId", "isAiSuggested", "isApproved", "status")


def timeline_data(block: BoundTimelineBlock, items: Sequence[Item]) -> dict[str, Any]:
    """The `data` of a timeline's `stream_block` frame; items without a date are left out. Raises `Unbindable`."""
    source = block.source
    dated = [
        (moment, item)
        for item in matching(source.entity, items, source.filter)
        if (moment := item_ms(item.get(_DATE_FIELD[source.entity]))) is not None
    ]
    if not dated:
        raise Unbindable(BindReason.NO_DATA, f"No {source.entity} with a date that a tool returned matches.")
    dated.sort(key=lambda pair: pair[0])
    return {"checkpoints": [_point(moment, item) for moment, item in dated[: source.limit or MAX_ROWS]]}


def _point(moment: int, item: Item) -> dict[str, Any]:
    known = {name: item[name] for name in _PASSED_ON if item.get(name) is not None}
    return {"id": str(item["id"]), "title": str(item.get("title") or item["id"]), "date": moment} | known
