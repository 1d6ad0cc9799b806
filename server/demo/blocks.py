"""The blocks of an answer, computed from the items of tool results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from server.demo.dates import moment_ms
from server.demo.items import Item, Items, is_done, item_day, title, urgency

Block = dict[str, Any]
Row = list[str | int | None]
_COLORS = ("#2563eb", "#16a34a")
_GROUP_NAMES = {"projectId": "project", "day": "day", "clientId": "client", "isApproved": "approval"}
_GROUPS = {
    "task": ("status", "priority", "projectId", "assignee", "day"),
    "project": ("status", "clientId"),
    "note": ("projectId", "day"),
    "checkpoint": ("projectId", "isApproved", "day"),
}
_STATUS_WORDS = {"todo": "to do", "in_progress": "in progress", "on_hold": "on hold"}


def text_block(content: str) -> Block:
    return {"type": "text", "content": content}


def entity_block(entity: str, chosen: Sequence[Item]) -> Block:
    """Names the items; the server fills in their data from the tool results."""
    return {"type": "entity_ref", "entity": entity, "ids": [str(item["id"]) for item in chosen]}


def count_chart(entity: str, chosen: Sequence[Item], items: Items, chart: str, group: str | None) -> Block:
    """How many of `chosen` there are by a field that this entity has; the field's values in order of first sight."""
    field = group if group in _GROUPS[entity] else _GROUPS[entity][0]
    if field == "day":
        # A day is a place on an axis; what has none is not on it, unless nothing has.
        chosen = [item for item in chosen if item_day(entity, item) is not None] or chosen
    labels = [_group_label(entity, item, field, items) for item in chosen]
    counted = sorted(Counter(labels).items()) if field == "day" else list(Counter(labels).items())
    name = _GROUP_NAMES.get(field, field)
    return {
        "type": "chart",
        "chartType": chart,
        "title": f"{entity.capitalize()}s by {name}",
        "data": [{name: label, "count": count} for label, count in counted],
        "config": {"count": {"label": f"{entity.capitalize()}s", "color": _COLORS[0]}},
    }


def progress_chart(projects: Sequence[Item], items: Items, chart: str) -> Block:
    """Open and finished tasks of each project."""
    tasks = items.of("task")
    data = []
    for project in projects:
        own = [task for task in tasks if str(task.get("projectId")) == str(project["id"])]
        done = sum(is_done(task) for task in own)
        data.append({"project": title(project), "open": len(own) - done, "done": done})
    config = {
        "open": {"label": "Open", "color": _COLORS[0]},
        "done": {"label": "Done", "color": _COLORS[1]},
    }
    return {"type": "chart", "chartType": chart, "title": "Tasks by project", "data": data, "config": config}


def table_block(entity: str, chosen: Sequence[Item], items: Items, today: date) -> Block:
    """The fields of each item that a person would look for."""
    rows: list[Row]
    if entity == "task":
        headers = ["Task", "Due", "Priority", "Status", "Project"]
        rows = [
            [title(item), _day(entity, item), _word(item, "priority"), _word(item, "status"), items.project_name(item)]
            for item in sorted(chosen, key=urgency)
        ]
    elif entity == "project":
        headers = ["Project", "Status", "Open tasks", "Done", "Next checkpoint"]
        rows = [_project_row(item, items, today) for item in chosen]
    elif entity == "note":
        headers = ["Note", "Written", "Project"]
        rows = [[title(item), _day(entity, item), items.project_name(item)] for item in chosen]
    else:
        headers = ["Checkpoint", "Date", "Project", "Approved"]
        rows = [
            [title(item), _day(entity, item), items.project_name(item), bool(item.get("isApproved"))] for item in chosen
        ]
    return {"type": "table", "headers": headers, "rows": rows}


def timeline_block(entity: str, chosen: Sequence[Item]) -> Block | None:
    """Checkpoints at their dates, or tasks at their due dates; None when not one has a date."""
    field = "date" if entity == "checkpoint" else "dueDate"
    dated = sorted(
        ((moment, item) for item in chosen if (moment := moment_ms(item.get(field))) is not None),
        key=lambda pair: pair[0],
    )
    points = [
        {"id": str(item["id"]), "title": title(item), "date": moment}
        | {name: item[name] for name in ("projectId", "isAiSuggested", "isApproved") if item.get(name) is not None}
        for moment, item in dated
    ]
    return {"type": "timeline", "checkpoints": points} if points else None


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


def _group_label(entity: str, item: Item, field: str, items: Items) -> str:
    if field == "projectId":
        return items.project_name(item) or "no project"
    if field == "day":
        return _day(entity, item) or "no date"
    if field == "isApproved":
        return "approved" if item.get(field) else "not approved"
    return _word(item, field) or f"no {_GROUP_NAMES.get(field, field)}"


def _day(entity: str, item: Item) -> str | None:
    day = item_day(entity, item)
    return day.isoformat() if day is not None else None


def _word(item: Item, field: str) -> str | None:
    value = item.get(field)
    return None if value is None else _STATUS_WORDS.get(str(value), str(value))
