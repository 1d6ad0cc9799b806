"""One socket of a session, over memory: requests side by side, cancels, limits, heartbeats, expiry, backpressure."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
import structlog
import trio
import trio.testing

from streaming.model.errors import ModelError
from streaming.wire.codes import ErrorCode
from tests.server.memory_server import memory_server
from tests.server.scripted_model import call, text_block
from tests.server.sockets.received import texts, types


async def test_a_home_request_streams_and_ends() -> None:
    stack = memory_server()
    stack.model.answer('[{"type":"text","content":"Good ', 'morning"}]')
    async with stack.device() as socket:
        request_id = uuid4()
        await socket.say(type="home_request", request_id=request_id, message="hello")
        frames = await socket.hear_until("stream_end")
    assert frames[0] == {"seq": 2, "type": "stream_start", "request_id": str(request_id), "agent": "task_agent"}
    assert texts(frames) == "Good morning"
    assert frames[-1] == {
        "seq": len(frames) + 1,
        "type": "stream_end",
        "request_id": str(request_id),
        "status": "completed",
        "mutations": [],
        "usage": {"input_tokens": 20, "output_tokens": 10},
        "finish": "stop",
        "shown": 1,
        "locale": {"time_zone": "UTC", "time_zone_source": "default", "week_start": "monday"},
    }
    assert [frame["seq"] for frame in frames] == list(range(2, len(frames) + 2))


@pytest.mark.parametrize(
    ("features", "announced"),
    [(["block_open"], ["text", "table"]), (["unheard_of", "block_open"], ["text", "table"]), (["unheard_of"], [])],
)
async def test_opened_blocks_are_announced_to_devices_that_ask(features: list[str], announced: list[str]) -> None:
    stack = memory_server()
    stack.model.agent = "general_agent"
    stack.model.answer('[{"type":"text","content":"Two:"},{"type":"table",', '"headers":["a"],"rows":[[1]]}]')
    async with stack.device(features=features) as socket:
        await socket.say(type="home_request", message="hello")
        frames = await socket.hear_until("stream_end")
    assert [frame["block_type"] for frame in frames if frame["type"] == "block_open"] == announced
    answer = [frame["type"] for frame in frames if frame["type"] != "block_open"]
    assert answer == ["stream_start", "stream_text", "stream_block", "stream_end"]
    if announced:
        assert types(frames) == [
            "stream_start",
            "block_open",
            "stream_text",
            "block_open",
            "stream_block",
            "stream_end",
        ]


async def test_a_popup_announces_no_blocks() -> None:
    stack = memory_server()
    stack.model.answer('[{"type":"text","content":"Late."}]')
    async with stack.device(features=["block_open"]) as socket:
        await socket.say(type="popup_request", message="how is it?", scope={"type": "task"})
        assert types(await socket.hear_until("stream_end")) == ["popup_domain", "stream_text", "stream_end"]


async def test_a_request_without_an_id_is_given_one() -> None:
    stack = memory_server()
    stack.model.answer(text_block("hi"))
    async with stack.device() as socket:
        await socket.say(type="home_request", message="hello")
        frames = await socket.hear_until("stream_end")
    assert len({UUID(frame["request_id"]) for frame in frames}) == 1


async def test_a_popup_names_its_domain_first_then_asks_for_its_item() -> None:
    stack = memory_server()
    stack.model.answer("It is ", "late.")
    async with stack.device() as socket:
        await socket.say(type="popup_request", message="how is it?", scope={"type": "checkpoint", "id": "c1"})
        domain, asked = await socket.hear(), await socket.hear()
        assert (domain["type"], domain["domain"]) == ("popup_domain", "checkpoints")
        assert (asked["type"], asked["entity"], asked["id"]) == ("data_request", "checkpoint", "c1")
        await socket.say(type="data_response", data_id=asked["data_id"], items=[{"id": "c1", "title": "Beta"}])
        frames = await socket.hear_until("stream_end")
    assert texts(frames) == "It is late."
    assert "Beta" in "".join(message.content for message in stack.model.requests[0].messages)


async def test_a_popup_on_an_item_the_device_does_not_have_fails() -> None:
    stack = memory_server()
    async with stack.device() as socket:
        await socket.say(type="popup_request", message="?", scope={"type": "note", "id": "gone"})
        asked = (await socket.hear_until("data_request"))[-1]
        await socket.say(type="data_response", data_id=asked["data_id"], error={"code": "not_found"})
        end = (await socket.hear_until("stream_end"))[-1]
    assert (end["status"], end["error"]["code"]) == ("failed", "scope_not_found")


async def test_a_tool_round_trip() -> None:
    stack = memory_server()
    stack.model.answer(call("list_tasks"))
    stack.model.answer('[{"type":"entity_ref","entity":"task"}]')
    async with stack.device() as socket:
        await socket.say(type="home_request", message="what is due?")
        asked = (await socket.hear_until("tool_call"))[-1]
        assert (asked["tool"], asked["requires_approval"], asked["deadline_ms"]) == ("list_tasks", False, 30_000)
        item = {"id": "t1", "title": "Write", "status": "todo"}
        await socket.say(type="tool_result", call_id=asked["call_id"], ok=True, data={"items": [item]})
        frames = await socket.hear_until("stream_end")
        block = next(frame for frame in frames if frame["type"] == "stream_block")
        assert (block["block_type"], block["data"]) == ("entity_ref", {"entity": "task", "items": [item]})
        # The same answer again, and an answer to a call that never was.
        for call_id in (asked["call_id"], uuid4()):
            await socket.say(type="tool_result", call_id=call_id, ok=True, data={})
            assert (await socket.hear())["code"] == "unknown_call"


async def test_another_device_cannot_answer_a_call() -> None:
    stack = memory_server()
    stack.model.answer(call("list_tasks"))
    stack.model.answer(text_block("done"))
    async with stack.device() as asking, stack.device() as other:
        await asking.say(type="home_request", message="what is due?")
        asked = (await asking.hear_until("tool_call"))[-1]
        await other.say(type="tool_result", call_id=asked["call_id"], ok=True, data={"items": []})
        assert (await other.hear())["code"] == "unknown_call"
        await asking.say(type="tool_result", call_id=asked["call_id"], ok=True, data={"items": []})
        assert (await asking.hear_until("stream_end"))[-1]["status"] == "completed"


async def test_a_cancel_while_tools_are_out_withdraws_them_first() -> None:
    stack = memory_server()
    stack.model.answer(call("list_tasks", 0), call("list_notes", 1), call("list_projects", 2))
    async with stack.device() as socket:
        request_id = uuid4()
        await socket.say(type="home_request", request_id=request_id, message="all of it")
        calls = {(await socket.hear_until("tool_call"))[-1]["call_id"] for _ in range(3)}
        await socket.say(type="cancel", request_id=request_id)
        frames = await socket.hear_until("stream_end")
        assert {frame["call_id"] for frame in frames[:-1] if frame["type"] == "tool_cancel"} == calls
        assert types(frames) == ["tool_cancel"] * 3 + ["stream_end"]
        assert frames[-1]["status"] == "cancelled"
        for call_id in calls:
            await socket.say(type="tool_result", call_id=call_id, ok=True, data={})
            assert (await socket.hear())["code"] == "unknown_call"
    assert stack.model.open == 0


async def test_a_cancel_before_the_first_token() -> None:
    stack = memory_server()
    stack.model.answer(trio.Event())
    async with stack.device() as socket:
        request_id = uuid4()
        await socket.say(type="home_request", request_id=request_id, message="hello")
        await socket.hear_until("stream_start")
        await socket.say(type="cancel", request_id=request_id)
        end = await socket.hear()
        assert (end["type"], end["status"]) == ("stream_end", "cancelled")
        assert stack.model.open == 0
        await socket.say(type="cancel", request_id=request_id)
        refused = await socket.hear()
        assert (refused["code"], refused["request_id"]) == ("unknown_request", str(request_id))


async def test_a_cancel_that_follows_its_request_immediately() -> None:
    stack = memory_server()
    stack.model.answer(text_block("never seen"))
    async with stack.device() as socket:
        request_id = uuid4()
        await socket.say(type="home_request", request_id=request_id, message="hello")
        await socket.say(type="cancel", request_id=request_id)
        frames = await socket.hear_until("stream_end")
    assert frames[-1]["status"] == "cancelled"


async def test_an_id_runs_once_until_its_answer_is_no_longer_kept(autojump_clock: trio.testing.MockClock) -> None:
    stack = memory_server()
    go_on = trio.Event()
    stack.model.answer(go_on, text_block("once"))
    stack.model.answer(text_block("again"))
    async with stack.device() as socket, stack.device() as other:
        request = {"type": "home_request", "request_id": uuid4(), "message": "hello"}
        await socket.say(**request)
        await socket.hear_until("stream_start")
        await other.say(**request | {"message": "something else"})
        assert (await other.hear())["code"] == "duplicate_request"
        await socket.say(**request)
        assert (await socket.hear())["type"] == "stream_start"
        go_on.set()
        assert texts(await socket.hear_until("stream_end")) == "once"
        await other.say(**request)
        kept = await other.hear()
        assert (kept["type"], kept["status"]) == ("request_result", "completed")
        assert kept["blocks"] == [{"block": 0, "block_type": "text", "content": "once"}]
        await other.say(**request | {"message": "something else"})
        assert (await other.hear())["code"] == "duplicate_request"
        assert len(stack.model.requests) == 2
        await trio.sleep(901)
        await other.say(**request)
        assert texts(await other.hear_until("stream_end")) == "again"


async def test_an_id_sent_again_at_the_limit_is_not_refused() -> None:
    stack = memory_server(max_concurrent_requests=1)
    go_on = trio.Event()
    stack.model.answer(go_on, text_block("once"))
    async with stack.device() as socket:
        request = {"type": "home_request", "request_id": uuid4(), "message": "hello"}
        await socket.say(**request)
        await socket.hear_until("stream_start")
        await socket.say(**request)
        assert (await socket.hear())["type"] == "stream_start"
        go_on.set()
        assert (await socket.hear_until("stream_end"))[-1]["status"] == "completed"


async def test_a_cancel_drops_the_queued_text(autojump_clock: trio.testing.MockClock) -> None:
    stack = memory_server(heartbeat_s=1000)
    stack.model.answer('[{"type":"text","content":"', *["word " * 20] * 20, trio.Event())
    async with stack.device(capacity=0) as socket:
        await socket.say(type="home_request", request_id=(request_id := uuid4()), message="hello")
        await socket.hear_until("stream_start")
        await trio.sleep(1)
        await socket.say(type="cancel", request_id=request_id)
        await trio.sleep(1)
        frames = await socket.hear_until("stream_end")
    # One frame was being sent; the rest was still queued.
    assert len(texts(frames)) < 20 * 20 * 5 / 2
    assert frames[-1]["status"] == "cancelled"


async def test_log_lines_say_which_session_and_request() -> None:
    stack = memory_server()
    stack.model.answer(RuntimeError("a bug"))
    request_id = uuid4()
    # As in `server.logs`: without this processor, capture_logs would drop the bound values.
    merge = structlog.contextvars.merge_contextvars
    with structlog.testing.capture_logs(processors=[merge]) as logs:
        async with stack.device() as socket:
            await socket.say(type="home_request", request_id=request_id, message="hello")
            await socket.hear_until("stream_end")
    failed = next(line for line in logs if line["event"] == "request_failed")
    assert failed["request_id"] == str(request_id)


async def test_the_ninth_request_is_refused_and_the_eight_are_not_disturbed() -> None:
    stack = memory_server()
    go_on = trio.Event()
    for _ in range(8):
        stack.model.answer(go_on, text_block("done"))
    async with stack.device() as socket:
        for _ in range(8):
            await socket.say(type="home_request", message="hello")
        await socket.say(type="home_request", request_id=(ninth := uuid4()), message="hello")
        refused = (await socket.hear_until("error"))[-1]
        assert (refused["code"], refused["request_id"]) == ("too_many_requests", str(ninth))
        go_on.set()
        ends = [(await socket.hear_until("stream_end"))[-1]["status"] for _ in range(8)]
        assert ends == ["completed"] * 8


async def test_a_failing_request_leaves_its_sibling_alone() -> None:
    stack = memory_server()
    go_on = trio.Event()
    stack.model.answer(go_on, text_block("fine"))
    stack.model.answer(RuntimeError("a bug"))
    stack.model.answer(ModelError(ErrorCode.MODEL_UNAVAILABLE, "The model is away.", retryable=True))
    async with stack.device() as socket:
        good = uuid4()
        await socket.say(type="home_request", request_id=good, message="hello")
        await socket.hear_until("stream_start")
        await socket.say(type="home_request", message="hello")
        broken = (await socket.hear_until("stream_end"))[-1]
        assert (broken["status"], broken["error"]["code"]) == ("failed", "internal")
        assert "a bug" not in str(broken)
        await socket.say(type="home_request", message="hello")
        away = (await socket.hear_until("stream_end"))[-1]
        assert away["error"] == {"code": "model_unavailable", "message": "The model is away.", "retryable": True}
        go_on.set()
        frames = await socket.hear_until("stream_end")
    assert (texts(frames), frames[-1]["request_id"]) == ("fine", str(good))
