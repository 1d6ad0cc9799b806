"""Tools for checkpoints in addition to the five verbs."""

from __future__ import annotations

from typing import Any

from agents.dates import DateArgument
from agents.tools.device_access import DeviceAccess
from agents.tools.fields import ById, Identity
from agents.tools.tool import Tool, ToolArgs


class RescheduleCheckpoint(ToolArgs):
    """A checkpoint and its new date."""

    id: Identity
    date: DateArgument


async def _approve(access: DeviceAccess, args: ById) -> Any:
    return await access.update_item("checkpoint", args.id, {"isApproved": True})


async def _reschedule(access: DeviceAccess, args: RescheduleCheckpoint) -> Any:
    return await access.update_item("checkpoint", args.id, {"date": args.date})


CHECKPOINT_TOOLS: tuple[Tool[Any], ...] = (
    Tool(
        "approve_checkpoint",
        "Approve a suggested checkpoint, only when the person asks.",
        ById,
        _approve,
        "checkpoint",
    ),
    Tool("reschedule_checkpoint", "Move a checkpoint.", RescheduleCheckpoint, _reschedule, "checkpoint"),
)
