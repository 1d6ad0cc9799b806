"""Tools for tasks in addition to the five verbs."""

from __future__ import annotations

from typing import Any

from agents.tools.device_access import DeviceAccess
from agents.tools.fields import ById, Identity, TaskStatus
from agents.tools.tool import Tool, ToolArgs

_DONE: TaskStatus = "done"
_OPEN: TaskStatus = "todo"


class MoveTask(ToolArgs):
    """A task and its new project."""

    id: Identity
    project_id: Identity


async def _complete(access: DeviceAccess, args: ById) -> Any:
    return await access.update_item("task", args.id, {"status": _DONE})


async def _reopen(access: DeviceAccess, args: ById) -> Any:
    return await access.update_item("task", args.id, {"status": _OPEN})


async def _move(access: DeviceAccess, args: MoveTask) -> Any:
    return await access.update_item("task", args.id, {"projectId": args.project_id})


TASK_TOOLS: tuple[Tool[Any], ...] = (
    Tool("complete_task", "Mark a task as done.", ById, _complete, "task"),
    Tool("reopen_task", "Reopen a finished task.", ById, _reopen, "task"),
    Tool("move_task", "Move a task to another project.", MoveTask, _move, "task"),
)
