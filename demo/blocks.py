"""The blocks of an answer. They name their items by `from`, and the server computes the data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from demo.dates import DATE_FIELD
from demo.items import Item, Items, is_done, item_day, title

Block = dict[str, Any]
Row = list[str | int | None]
_GROUP_NAMES = {"projectId": "project", "day": "day", "clientId": "client", "isApproved": "approval"}
_GROUPS = {
    "task": ("status", "priority", "projectId", "assignee", "day"),
    "project": ("status", "clientId"),
    "note": ("projectId", "day"),
    "checkpoint": ("projectId", "isApproved", "day"),
}
_COLUMNS = {
    "task": ["title", "dueDate", "priority", "status", "projectId"],
    "note": ["title", "createdAt", "projectId"],
    "checkpoint": ["title", "date", "projectId", "isApproved"],
}
_SORTS: dict[str, Block] = {
    "task": {"sort": "dueDate"},
    "note": {"sort": "createdAt", "order": "desc"},
    "checkpoint": {"sort": "date"},
}
_STATUS_WORDS = {"todo": "to do", "in_progress": "in progress", "on_hold": "on hold"}


def text_block(content: str) -> Block:
    return {"type": "text", "content": content}


def entity_block(entity: str, chosen: Sequence[Item]) -> Block:
    """Names the items; the server fills in their data from the tool results."""
    return {"type": "entity_ref", "entity": entity, "ids": [str(item["id"]) for item in chosen]}


def count_chart(entity: str, chosen: Sequence[Item], items: Items, chart: str, group: str | None) -> Block:
    """A chart of the number of `chosen` items by a field of this entity. The server counts them."""
    field = group if group in _GROUPS[entity] else _GROUPS[entity][0]
    if field == "day":
        # Items without a day have no place on the axis; they are kept only if no item has a day.
        chosen = [item for item in chosen if item_day(entity, item) is not None] or chosen
    name = _GROUP_NAMES.get(field, field)
    grouping = {"groupBy": DATE_FIELD[entity], "interval": "day"} if field == "day" else {"groupBy": field}
    return {
        "type": "chart",
        "chartType": chart,
        "title": f"{entity.capitalize()}s by {name}",
        "from": _source(entity, chosen, items) | grouping | {"agg": "count"},
    }


def progress_chart(projects: Sequence[Item], chart: str) -> Block:
    """A chart of each project's tasks by status. The server counts them."""
    source = {"entity": "task", "filter": {"projectId": _ids(projects)}, "groupBy": "projectId", "splitBy": "status"}
    return {"type": "chart", "chartType": chart, "title": "Tasks by project", "from": source}


def broken_chart(entity: str) -> Block:
    """A chart that cannot be computed, to show how the server repairs a block."""
    source = {"entity": entity, "groupBy": "nonsense"}
    return {"type": "chart", "chartType": "bar", "title": f"{entity.capitalize()}s", "from": source}


def table_block(entity: str, chosen: Sequence[Item], items: Items, today: date) -> Block:
    """A table with the most useful fields of each item."""
    if entity == "project":
        headers = ["Project", "Status", "Open tasks", "Done", "Next checkpoint"]
        return {"type": "table", "headers": headers, "rows": [_project_row(item, items, today) for item in chosen]}
    return {"type": "table", "from": _source(entity, chosen, items) | {"columns": _COLUMNS[entity]} | _SORTS[entity]}


def timeline_block(entity: str, chosen: Sequence[Item], items: Items) -> Block | None:
    """Checkpoints at their dates, or tasks at their due dates; None if no item has a date."""
    if not any(item_day(entity, item) is not None for item in chosen):
        return None
    return {"type": "timeline", "from": _source(entity, chosen, items)}


def _source(entity: str, chosen: Sequence[Item], items: Items) -> Block:
    """`from` for exactly the `chosen` items: without a filter if these are all, else by their ids."""
    source: Block = {"entity": entity}
    if len(chosen) < len(items.of(entity)):
        source["filter"] = {"id": _ids(chosen)}
    return source


def _ids(items: Sequence[Item]) -> list[Any]:
    return [item["id"] for item in items]


def _project_row(project: Item, items: Items, today: date) -> Row:
    own = [task for task in items.of("task") if str(task.get("projectId")) == str(project["id"])]
    done = sum(is_done(task) for task in own)
    ahead = sorted(
        (day, title(item))
        for item in items.of("checkpoint")
        if str(item.get("projectId")) == str(project["id"])
        and (day := item_day("checkpoint", item)) is not None
        and day >= today
    )
    coming = f"{ahead[0][1]} ({ahead[0][0]})" if ahead else None
    return [title(project), _word(project, "status"), len(own) - done, done, coming]


def _word(item: Item, field: str) -> str | None:
    value = item.get(field)
    return None if value is None else _STATUS_WORDS.get(str(value), str(value))
