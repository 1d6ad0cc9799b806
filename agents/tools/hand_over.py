"""The tool with which an agent hands a request over to the agent of another kind of item. It asks no device."""

from __future__ import annotations

from typing import Any, Final, Literal

import trio

from agents.tools.device_access import DeviceAccess
from agents.tools.tool import Tool, ToolArgs

HAND_OVER_NAME: Final = "hand_over"


class HandOver(ToolArgs):
    """The kind of item that the rest of the request is about."""

    to: Literal["task", "project", "note", "checkpoint"]


async def _hand_over(access: DeviceAccess, args: HandOver) -> Any:  # noqa: ARG001 - every tool gets it
    await trio.lowlevel.checkpoint()
    return {"agent": f"{args.to}_agent", "note": "You are this agent now and have its tools. Go on with the request."}


HAND_OVER: Final[Tool[Any]] = Tool(
    HAND_OVER_NAME,
    "Get the tools of another kind of item.",
    HandOver,
    _hand_over,
    None,
    changes=False,
)
