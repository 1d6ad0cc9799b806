"""What tasks need beyond the five verbs."""

from __future__ import annotations

from typing import Any

from agents.tools.device_access import DeviceAccess
from agents.tools.fields import ById, TaskStatus
from agents.tools.tool import Tool

_DONE: TaskStatus = "done"
_OPEN: TaskStatus = "todo"


async def _complete(access: DeviceAccess, args: ById) -> Any:
    return await access.update_item("task", args.id, {"status": _DONE})


async def _reopen(access: DeviceAccess, args: ById) -> Any:
    return await access.update_item("task", args.id, {"status": _OPEN})


TASK_TOOLS: tuple[Tool[Any], ...] = (
    Tool("complete_task", "Mark one task as done.", ById, _complete),
    Tool("reopen_task", "Mark one task that was done as to do again.", ById, _reopen),
)
