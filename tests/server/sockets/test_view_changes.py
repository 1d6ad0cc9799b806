"""Mutations over a device's socket: to whom they go, and when."""

from __future__ import annotations

from uuid import uuid4

import pytest
import trio
import trio.testing

from streaming.model.errors import ModelError
from streaming.wire.codes import ErrorCode
from tests.server.memory_server import memory_server
from tests.server.scripted_model import call, text_block
from tests.server.sockets.received import texts


async def test_a_mutation_goes_to_the_other_devices_of_the_same_user_only() -> None:
    stack = memory_server()
    device_id = uuid4()
    async with (
        stack.device(device_id=device_id) as origin,
        stack.device() as second,
        stack.device(user_id=uuid4()) as stranger,
    ):
        await origin.say(type="mutation", op="update", entity="task", id="t1", data={"title": "New"})
        heard = await second.hear()
        assert heard["type"] == "mutation"
        assert (heard["op"], heard["id"], heard["data"]) == ("update", "t1", {"title": "New"})
        assert heard["origin_device_id"] == str(device_id)
        for socket in (origin, stranger):
            await socket.say(type="ping")
            assert (await socket.hear())["type"] == "pong"


async def test_a_mutating_tool_is_reported_at_the_end_and_to_the_other_devices() -> None:
    stack = memory_server()
    stack.model.answer(call("create_task", title="Water the plants"))
    stack.model.answer(text_block("Done."))
    async with stack.device() as socket, stack.device() as second:
        request_id = uuid4()
        await socket.say(type="home_request", request_id=request_id, message="add a task")
        asked = (await socket.hear_until("tool_call"))[-1]
        created = {"id": "t9", "title": "Water the plants", "status": "todo"}
        await socket.say(type="tool_result", call_id=asked["call_id"], ok=True, data=created)
        end = (await socket.hear_until("stream_end"))[-1]
        heard = await second.hear()
    assert [(change["op"], change["entity"], change["id"]) for change in end["mutations"]] == [("create", "task", "t9")]
    assert (heard["type"], heard["op"], heard["id"]) == ("mutation", "create", "t9")
    assert heard["request_id"] == str(request_id)


async def test_a_change_is_announced_while_the_answer_still_streams() -> None:
    stack = memory_server()
    go_on = trio.Event()
    stack.model.answer(call("create_task", title="Water the plants"))
    stack.model.answer('[{"type":"text","content":"Done', go_on, '."}]')
    async with stack.device() as socket, stack.device() as second:
        await socket.say(type="home_request", message="add a task")
        asked = (await socket.hear_until("tool_call"))[-1]
        await socket.say(type="tool_result", call_id=asked["call_id"], ok=True, data={"id": "t9"})
        assert (await second.hear())["id"] == "t9"
        go_on.set()
        await socket.hear_until("stream_end")


async def test_a_change_is_announced_even_if_the_answer_fails() -> None:
    stack = memory_server()
    stack.model.answer(call("create_task", title="Water the plants"))
    stack.model.answer(ModelError(ErrorCode.MODEL_UNAVAILABLE, "The model is away.", retryable=True))
    async with stack.device() as socket, stack.device() as second:
        await socket.say(type="home_request", message="add a task")
        asked = (await socket.hear_until("tool_call"))[-1]
        await socket.say(type="tool_result", call_id=asked["call_id"], ok=True, data={"id": "t9"})
        end = (await socket.hear_until("stream_end"))[-1]
        assert (end["status"], [change["id"] for change in end["mutations"]]) == ("failed", ["t9"])
        assert (await second.hear())["id"] == "t9"


async def test_a_device_that_does_not_say_what_is_open_costs_the_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stack = memory_server(heartbeat_s=1000)
    stack.model.answer("I cannot see it.")
    async with stack.device() as socket:
        await socket.say(type="popup_request", message="?", scope={"type": "note", "id": "n1"})
        frames = await socket.hear_until("stream_end")
        assert trio.current_time() == pytest.approx(30)
    assert (texts(frames), frames[-1]["status"]) == ("I cannot see it.", "completed")
