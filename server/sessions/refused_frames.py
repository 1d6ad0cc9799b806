"""Error frames for a device's frames that cannot be used, and the calls of this server that such a frame answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from streaming.wire import (
    ErrorCode,
    FrameError,
    WsApproval,
    WsDataResponse,
    WsError,
    WsFrameType,
    WsToolError,
    WsToolResult,
    frame_subject,
)

_MAX_FAULT_CHARS: Final = 500
_AWAITED: Final = frozenset(
    {
        WsFrameType.HOME_REQUEST,
        WsFrameType.POPUP_REQUEST,
        WsFrameType.WATCH,
        WsFrameType.MEMORY_FORGET,
        WsFrameType.MEMORY_FORGET_PREVIEW,
        WsFrameType.MUTATION,
    }
)
"""Frames that a client waits for: the error ends this wait."""


def refuse_frame(
    error: FrameError,
    tool_answered: Callable[[WsToolResult], object],
    data_answered: Callable[[WsDataResponse], object],
) -> WsError:
    """The error frame that answers an invalid frame.

    If the frame was the reply to a call of this server, that call fails now instead of at its deadline: its failure
    goes to `tool_answered` or `data_answered`.
    """
    subject = error.subject
    fault = WsToolError(code="invalid_reply", message=f"The device's reply is not valid: {error}"[:_MAX_FAULT_CHARS])
    if subject.frame_type is WsFrameType.TOOL_RESULT and subject.call_id is not None:
        tool_answered(WsToolResult(call_id=subject.call_id, ok=False, error=fault))
    if subject.frame_type is WsFrameType.DATA_RESPONSE and subject.data_id is not None:
        data_answered(WsDataResponse(data_id=subject.data_id, error=fault))
    return WsError(
        code=error.code,
        message=str(error),
        frame_type=subject.frame_type,
        # The id in a result is that of the request that made the call, which goes on.
        request_id=None if subject.frame_type is WsFrameType.TOOL_RESULT else subject.request_id,
        call_id=subject.call_id,
        data_id=subject.data_id,
        memory_id=subject.memory_id,
        mutation_id=subject.mutation_id,
    )


def refuse_over_rate(text: str) -> WsError:
    """The error frame that answers the frame `text` of a socket that sends too many.

    It has the id of a frame that the client waits for, and no other ids. A request goes on when its `cancel` was not
    read, and a call waits when its result was not read.
    """
    subject = frame_subject(text)
    awaited = subject.frame_type in _AWAITED
    return WsError(
        code=ErrorCode.RATE_LIMITED,
        message="Too many frames per second; this frame was not read.",
        retryable=True,
        frame_type=subject.frame_type,
        request_id=subject.request_id if awaited else None,
        memory_id=subject.memory_id if awaited else None,
        mutation_id=subject.mutation_id if awaited else None,
    )


def unknown_call(frame: WsToolResult | WsDataResponse | WsApproval) -> WsError:
    """The error frame for a reply that no call of this server waits for."""
    if isinstance(frame, WsApproval):
        return WsError(
            code=ErrorCode.UNKNOWN_CALL,
            message=f"The approval of call {frame.call_id} is not waiting for an answer: it is answered or closed.",
            frame_type=frame.type,
            call_id=frame.call_id,
        )
    if isinstance(frame, WsToolResult):
        return WsError(
            code=ErrorCode.UNKNOWN_CALL,
            message=f"No tool call {frame.call_id} is waiting for a result of this device.",
            frame_type=frame.type,
            call_id=frame.call_id,
        )
    return WsError(
        code=ErrorCode.UNKNOWN_CALL,
        message=f"No data request {frame.data_id} is waiting for a response.",
        frame_type=frame.type,
        data_id=frame.data_id,
    )
