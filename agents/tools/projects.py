"""Tools for projects in addition to the five verbs: their progress, counted from the items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from agents.dates import with_local_times
from agents.tools.concurrent_calls import call_all
from agents.tools.device_access import DeviceAccess, Item
from agents.tools.fields import Identity
from agents.tools.tool import Tool, ToolArgs
from person import UTC_CALENDAR, Calendar

_DONE = frozenset({"done", "completed"})
_LISTED = 500
_AHEAD = 5


class ProjectProgress(ToolArgs):
    """One project, or all of them."""

    id: Identity | None = None


async def _progress(access: DeviceAccess, args: ProjectProgress) -> Any:
    """`{"items": [...], "truncated"?: true}`, one summary per project. Projects without an id are left out."""
    wanted = {"limit": _LISTED} if args.id is None else {"limit": _LISTED, "filter": {"projectId": args.id}}

    async def projects() -> Any:
        if args.id is not None:
            return {"items": [await access.get_item("project", args.id)]}
        return await access.list_items("project", {"limit": _LISTED})

    found, tasks, checkpoints = await call_all(
        projects,
        lambda: access.list_items("task", wanted),
        lambda: access.list_items("checkpoint", wanted),
    )
    items = [
        progress_of(project, _own(tasks, project), _own(checkpoints, project), access.now_ms, access.calendar)
        for project in found["items"]
        if project.get("id") is not None
    ]
    partial = any(result.get("truncated") for result in (found, tasks, checkpoints))
    return {"items": items, "truncated": True} if partial else {"items": items}


def progress_of(
    project: Item,
    tasks: Sequence[Item],
    checkpoints: Sequence[Item],
    now_ms: int,
    calendar: Calendar = UTC_CALENDAR,
) -> dict[str, Any]:
    """The project's tasks by status, the number overdue, the next task due, and the coming checkpoints.

    A task is overdue from the person's next day on. A checkpoint is ahead until its day is over.
    """
    today = calendar.day_of(now_ms)
    open_tasks = [task for task in tasks if _status(task) not in _DONE]
    due = sorted(
        ((when, task) for task in open_tasks if (when := calendar.read(task.get("dueDate"))) is not None),
        key=lambda pair: calendar.start(pair[0]),
    )
    coming = [task for when, task in due if calendar.day_of(when) >= today]
    ahead = sorted(
        (
            (when, one)
            for one in checkpoints
            if (when := calendar.read(one.get("date"))) is not None and not calendar.is_before(when, now_ms)
        ),
        key=lambda pair: calendar.start(pair[0]),
    )
    summary: dict[str, Any] = {
        "id": project["id"],
        "name": project.get("name"),
        "status": project.get("status"),
        "tasks": len(tasks),
        "done": len(tasks) - len(open_tasks),
        "byStatus": dict(Counter(_status(task) for task in tasks)),
        "overdue": len(due) - len(coming),
    }
    if tasks:
        summary["donePercent"] = round(100 * summary["done"] / len(tasks))
    if coming:
        summary["nextDue"] = with_local_times({key: coming[0].get(key) for key in ("id", "title", "dueDate")}, calendar)
    summary["checkpointsAhead"] = [
        with_local_times({key: one.get(key) for key in ("id", "title", "date", "isApproved")}, calendar)
        for _, one in ahead[:_AHEAD]
    ]
    return summary


def _status(task: Item) -> str:
    """The status as text, whatever the device stores."""
    return str(task.get("status") or "none")


def _own(listed: Mapping[str, Any], project: Item) -> list[Item]:
    return [item for item in listed["items"] if str(item.get("projectId")) == str(project["id"])]


PROJECT_TOOLS: tuple[Tool[Any], ...] = (
    Tool(
        "project_progress",
        "Progress of a project, or of all: tasks by status, overdue, next due, coming checkpoints.",
        ProjectProgress,
        _progress,
        "project",
        changes=False,
    ),
)
