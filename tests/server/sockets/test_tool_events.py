"""The `tool_event` frames of an answer: for clients that ask for them, in the order of the calls."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.server.memory_server import memory_server
from tests.server.memory_socket import MemorySocket
from tests.server.scripted_model import call, text_block

FEATURES = ["tool_events", "ledger"]


async def test_a_call_begins_and_ends_also_for_a_device_that_follows() -> None:
    stack = memory_server()
    stack.model.answer(call("list_tasks"))
    stack.model.answer(text_block("done"))
    request_id = str(uuid4())
    async with (
        stack.device(features=FEATURES) as asking,
        stack.device(features=FEATURES) as follower,
        stack.device() as older,
    ):
        await asking.say(type="home_request", request_id=request_id, message="what is due?")
        frames = await asking.hear_until("tool_call")
        for other in (follower, older):
            await other.say(type="watch", request_id=request_id)
        asked = frames[-1]
        frames += await _answered(asking, asked, ok=True, data={"items": []})
        events = [frame for frame in frames if frame["type"] == "tool_event"]
        assert [(event["tool"], event["state"], event.get("code")) for event in events] == [
            ("list_tasks", "started", None),
            ("list_tasks", "finished", None),
        ]
        assert {(event["request_id"], event["call_id"]) for event in events} == {(request_id, asked["call_id"])}
        followed = [
            frame["state"] for frame in await follower.hear_until("stream_end") if frame["type"] == "tool_event"
        ]
        assert followed == ["started", "finished"]
        assert "tool_event" not in {frame["type"] for frame in await older.hear_until("stream_end")}


async def _answered(socket: MemorySocket, asked: dict[str, Any], **answer: Any) -> list[dict[str, Any]]:
    await socket.say(type="tool_result", call_id=asked["call_id"], **answer)
    return await socket.hear_until("stream_end")


async def test_a_refused_approval_has_failed() -> None:
    stack = memory_server()
    stack.model.answer(call("delete_task", id="t1"))
    stack.model.answer(text_block("It stays."))
    async with stack.device(features=["tool_events"]) as socket:
        await socket.say(type="home_request", message="delete t1")
        frames = await socket.hear_until("tool_call")
        frames += await _answered(socket, frames[-1], ok=False, error={"code": "denied", "message": "No."})
    events = [(frame["state"], frame.get("code")) for frame in frames if frame["type"] == "tool_event"]
    assert events == [("waiting_for_approval", None), ("failed", "denied")]


@pytest.mark.parametrize("mode", ["home_request", "popup_request"])
async def test_a_client_that_does_not_ask_gets_none(mode: str) -> None:
    stack = memory_server()
    stack.model.answer(call("list_tasks"))
    stack.model.answer(text_block("done"))
    async with stack.device(features=["ledger"]) as socket:
        scope = {"scope": {"type": "task"}} if mode == "popup_request" else {}
        await socket.say(type=mode, message="what is due?", **scope)
        frames = await socket.hear_until("tool_call")
        frames += await _answered(socket, frames[-1], ok=True, data={"items": []})
    assert "tool_event" not in {frame["type"] for frame in frames}
