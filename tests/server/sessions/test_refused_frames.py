"""An invalid reply of a device ends the server's call immediately, and the error frame names what it was about."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest
import trio

from server.devices import PendingReplies
from server.sessions.refused_frames import refuse_frame, unknown_call
from streaming.wire import (
    ErrorCode,
    FrameError,
    WsDataResponse,
    WsError,
    WsFrameType,
    WsToolResult,
    decode_client_frame,
)

CALL = uuid4()


def refused(text: str, tools: PendingReplies[WsToolResult], data: PendingReplies[WsDataResponse]) -> WsError:
    with pytest.raises(FrameError) as raised:
        decode_client_frame(text)
    return refuse_frame(
        raised.value,
        lambda result: tools.answer(result.call_id, result),
        lambda response: data.answer(response.data_id, response),
    )


@pytest.mark.parametrize(
    "text", ['{"type":"tool_result","call_id":"%s","ok":"what"}', '{"type":"tool_result","call_id":"%s",']
)
async def test_an_invalid_tool_result_fails_its_call_now(text: str) -> None:
    tools, data = PendingReplies[WsToolResult](), PendingReplies[WsDataResponse]()
    with tools.expect(CALL) as reply, trio.fail_after(5):
        error = refused(text % CALL, tools, data)
        result = await reply.wait()
    assert isinstance(result, WsToolResult)
    assert result.error is not None
    assert (result.ok, result.error.code) == (False, "invalid_reply")
    assert (error.code, error.frame_type, error.call_id) == (ErrorCode.INVALID_FRAME, WsFrameType.TOOL_RESULT, CALL)


async def test_an_invalid_data_response_fails_its_request_now() -> None:
    tools, data = PendingReplies[WsToolResult](), PendingReplies[WsDataResponse]()
    with data.expect(CALL) as reply, trio.fail_after(5):
        error = refused(json.dumps({"type": "data_response", "data_id": str(CALL), "items": 5}), tools, data)
        response = await reply.wait()
    assert isinstance(response, WsDataResponse)
    assert response.error is not None
    assert response.error.code == "invalid_reply"
    assert (error.frame_type, error.data_id) == (WsFrameType.DATA_RESPONSE, CALL)


def test_a_frame_of_another_type_ends_no_call() -> None:
    tools, data = PendingReplies[WsToolResult](), PendingReplies[WsDataResponse]()
    with tools.expect(CALL):
        error = refused(json.dumps({"type": "home_request", "call_id": str(CALL)}), tools, data)
        assert len(tools) == 1
    assert error.call_id == CALL


@pytest.mark.parametrize(
    ("frame", "field"),
    [(WsToolResult(call_id=CALL, ok=True), "call_id"), (WsDataResponse(data_id=CALL, items=[]), "data_id")],
)
def test_a_reply_that_nothing_waits_for_is_named(frame: WsToolResult | WsDataResponse, field: str) -> None:
    error = unknown_call(frame)
    found: UUID = getattr(error, field)
    assert (error.code, error.frame_type, found) == (ErrorCode.UNKNOWN_CALL, frame.type, CALL)


def test_an_invalid_result_does_not_name_the_request_which_goes_on() -> None:
    tools, data = PendingReplies[WsToolResult](), PendingReplies[WsDataResponse]()
    error = refused(json.dumps({"type": "tool_result", "call_id": str(CALL), "request_id": str(uuid4())}), tools, data)
    assert (error.call_id, error.request_id) == (CALL, None)
