"""Answers to the server's calls: a tool call runs its tool, a data request runs the entity's list or get tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, get_args
from uuid import UUID

import trio

from parser import well_formed
from streaming.wire import (
    MAX_ENTITY_ID_CHARS,
    MutationOp,
    WsDataRequest,
    WsDataResponse,
    WsToolCall,
    WsToolError,
    WsToolResult,
)

_CHANGES: Final = frozenset(get_args(MutationOp))

Tool = Callable[[Mapping[str, Any]], Awaitable[Any]]
Tools = Mapping[str, Tool]
Approve = Callable[[WsToolCall], Awaitable[bool | Mapping[str, Any]]]
"""Asks the person. True approves, False refuses, a mapping approves with these arguments instead."""


class ToolError(Exception):
    """A tool cannot run a call. The model gets `code` and `message`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


async def answer_tool_call(
    call: WsToolCall,
    tools: Tools,
    approve: Approve | None,
    started: Callable[[WsToolCall], Awaitable[None]] | None = None,
) -> WsToolResult | None:
    """Run `call`. If it needs approval, ask the person first. Returns None if the deadline passed.

    `started` is awaited before the tool runs. Its exceptions are raised.
    """
    if call.tool not in tools:
        return WsToolResult(call_id=call.call_id, ok=False, error=_no_such_tool(call.tool))
    with trio.move_on_after(call.deadline_ms / 1000):
        if call.requires_approval:
            answer = approve is not None and await approve(call)
            if isinstance(answer, Mapping):
                return WsToolResult(call_id=call.call_id, ok=True, edited_args=dict(answer))
            if not answer:
                return failed(call.call_id, "denied", "The person refused.")
        if started is not None:
            await started(call)
        data, error = await _run(tools, call.tool, call.args)
        if error is not None:
            return WsToolResult(call_id=call.call_id, ok=False, error=error)
        return _stated(call, WsToolResult(call_id=call.call_id, ok=True, data=data, error=None))
    return None


def _stated(call: WsToolCall, result: WsToolResult) -> WsToolResult:
    """The result, and the fields that the server needs to record the change if it does not know the call any more."""
    verb = call.tool.partition("_")[0]
    item = result.data if isinstance(result.data, Mapping) else {}
    found = item.get("id") if verb == "create" else call.args.get("id")
    if verb not in _CHANGES or not isinstance(found, str) or not 0 < len(found) <= MAX_ENTITY_ID_CHARS:
        return result
    return result.model_copy(update={"request_id": call.request_id, "tool": call.tool, "id": found})


async def answer_data_request(request: WsDataRequest, tools: Tools) -> WsDataResponse:
    """Return the data of a popup: one item by its id, or the items that match the filter."""
    if request.id is not None:
        data, error = await _run(tools, f"get_{request.entity}", {"id": request.id})
        items = [data]
    else:
        data, error = await _run(tools, f"list_{request.entity}s", {"filter": request.filter or {}})
        items = data["items"] if error is None else []
    if error is not None:
        return WsDataResponse(data_id=request.data_id, items=None, error=error)
    return WsDataResponse(data_id=request.data_id, items=items, error=None)


async def _run(tools: Tools, name: str, args: Mapping[str, Any]) -> tuple[Any, WsToolError | None]:
    tool = tools.get(name)
    if tool is None:
        return None, _no_such_tool(name)
    try:
        return await tool(args), None
    except ToolError as error:
        return None, WsToolError(code=well_formed(error.code), message=well_formed(error.message))
    # An unexpected error of a tool fails one call, not the device. (Cancelled is a BaseException.)
    except Exception as error:  # noqa: BLE001 - the boundary between the device and its tools
        return None, WsToolError(code="tool_failed", message=f"{name} failed with {type(error).__name__}.")


def _no_such_tool(name: str) -> WsToolError:
    return WsToolError(code="unknown_tool", message=f"This device has no tool {name}.")


def failed(call_id: UUID, code: str, message: str) -> WsToolResult:
    """The result of a call that failed."""
    return WsToolResult(call_id=call_id, ok=False, error=WsToolError(code=code, message=message))
