"""A table's `headers` and `rows`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.binding.groups import grouped, rows_of
from agents.binding.labels import Labels
from agents.binding.values import Item, cell, require_field
from parser.blocks import BoundTableBlock, TableFrom
from person import Calendar

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "task": ("title", "status", "priority", "dueDate", "projectId"),
    "project": ("name", "status"),
    "note": ("title", "createdAt", "projectId"),
    "checkpoint": ("title", "date", "projectId", "isApproved"),
}


def table_data(block: BoundTableBlock, items: Sequence[Item], labels: Labels, calendar: Calendar) -> dict[str, Any]:
    """The `data` of a table's `stream_block` frame. Raises `Unbindable`."""
    source = block.source
    if source.group_by is not None:
        groups = grouped(source, items, labels, calendar)
        headers = [labels.field(source.group_by), labels.number(source)]
        return {"headers": headers, "rows": [[group.label, group.value] for group in groups]}
    columns = shown_columns(source)
    for column in columns:
        require_field(source.entity, column, items)
    rows = [
        [cell(column, item.get(column), labels, calendar) for column in columns]
        for item in rows_of(source, items, calendar)
    ]
    return {"headers": [labels.header(source.entity, column) for column in columns], "rows": rows}


def shown_columns(source: TableFrom) -> Sequence[str]:
    """The fields of a table with one row per item."""
    return source.columns or _COLUMNS[source.entity]
