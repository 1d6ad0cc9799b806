"""One socket of a session, over memory: requests side by side, cancels, limits, heartbeats, expiry, backpressure."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
import trio
import trio.testing

from streaming.model.errors import ModelError
from streaming.wire.codes import CloseCode, ErrorCode
from tests.server.memory_server import hello, memory_server
from tests.server.memory_socket import MemorySocket
from tests.server.scripted_model import call, text_block


def texts(frames: list[dict[str, Any]]) -> str:
    return "".join(frame["chunk"] for frame in frames if frame["type"] == "stream_text")


def types(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["type"] for frame in frames]


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


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "invalid_frame"),
        ("not json", "invalid_frame"),
        ("[]", "invalid_frame"),
        ("{}", "invalid_frame"),
        ('{"type": "stream_end"}', "unknown_type"),
        ('{"type": "no_such_type"}', "unknown_type"),
        ('{"type": "home_request"}', "invalid_frame"),
        ('{"type": "cancel", "request_id": "x"}', "invalid_frame"),
        ('{"type": "home_request", "message": "' + "x" * 101 + '"}', "message_too_long"),
        ("[" * 100_000, "invalid_frame"),
    ],
)
async def test_a_bad_frame_is_answered_and_the_socket_stays_open(text: str, code: str) -> None:
    async with memory_server().device() as socket:
        await socket.say_text(text)
        answer = await socket.hear()
        assert (answer["type"], answer["code"]) == ("error", code)
        await socket.say(type="ping")
        assert (await socket.hear())["type"] == "pong"


async def test_a_refused_frame_names_its_request() -> None:
    request_id = uuid4()
    async with memory_server().device() as socket:
        await socket.say(type="home_request", request_id=request_id, message=7)
        assert (await socket.hear())["request_id"] == str(request_id)


async def test_a_second_hello_is_refused() -> None:
    stack = memory_server()
    async with stack.device() as socket:
        await socket.say(**hello(stack.token()))
        assert (await socket.hear())["code"] == "already_ready"


async def test_the_same_device_again_replaces_the_older_socket() -> None:
    stack = memory_server()
    stack.model.answer(trio.Event())
    device_id = uuid4()
    async with stack.device(device_id=device_id) as older:
        await older.say(type="home_request", message="hello")
        await older.hear_until("stream_start")
        async with stack.device(device_id=device_id) as newer:
            await older.rest()
            assert older.closed_with is not None
            assert older.closed_with[0] == CloseCode.REPLACED
            assert stack.model.open == 1
            await newer.say(type="ping")
            assert (await newer.hear())["type"] == "pong"
            assert len(stack.registry) == 1


async def test_requests_of_a_peer_that_vanishes_run_on_until_the_grace_time_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stack = memory_server()
    stack.model.answer(trio.Event())
    stack.model.answer(call("list_tasks"))
    stack.model.answer(text_block("the device did not answer in time"))
    ids = [uuid4(), uuid4()]
    async with stack.running():
        async with stack.device() as socket:
            for request_id in ids:
                await socket.say(type="home_request", request_id=request_id, message="hello")
            await socket.hear_until("tool_call")
        await trio.sleep(119)
        assert stack.model.open == 1
        # Its call waited for the device until the call's own deadline; then the model answered.
        waited = await stack.sessions.result(stack.user_id, ids[1])
        assert waited is not None
        assert waited.status == "completed"
        await trio.sleep(2)
        assert stack.model.open == 0
        assert len(stack.registry) == len(stack.sessions) == 0
        expired = await stack.sessions.result(stack.user_id, ids[0])
        assert expired is not None
        assert expired.error is not None
        assert (expired.status, expired.error.code, expired.error.retryable) == ("failed", "resume_expired", True)


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


async def test_answers_to_the_servers_calls_are_not_rate_limited() -> None:
    stack = memory_server(frames_per_s=0.001, frames_burst=1)
    stack.model.answer(*(call("list_tasks", number) for number in range(5)))
    stack.model.answer(text_block("five answers"))
    async with stack.device() as socket:
        await socket.say(type="home_request", message="hello")
        for _ in range(5):
            asked = (await socket.hear_until("tool_call"))[-1]
            await socket.say(type="tool_result", call_id=asked["call_id"], ok=True, data={"items": []})
        heard = await socket.hear_until("stream_end")
        assert texts(heard) == "five answers"
        assert [frame for frame in heard if frame["type"] == "error"] == []
        await socket.say(type="ping")
        assert (await socket.hear())["code"] == "rate_limited"


async def test_a_silent_peer_is_closed_after_two_heartbeats(autojump_clock: trio.testing.MockClock) -> None:
    async with memory_server().device(answers_pings=False) as socket:
        await socket.rest()
        assert socket.closed_with is not None
        assert socket.closed_with[0] == CloseCode.HEARTBEAT_LOST
        assert trio.current_time() == pytest.approx(50)


async def test_a_peer_that_answers_pings_stays(autojump_clock: trio.testing.MockClock) -> None:
    async with memory_server().device() as socket:
        await trio.sleep(1000)
        assert socket.pings >= 39
        assert socket.closed_with is None


async def test_a_ping_of_the_server_that_fails_does_not_end_the_socket(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: MemorySocket) -> None:
        raise RuntimeError("a bug")

    stack = memory_server()
    go_on = trio.Event()
    stack.model.answer(go_on, text_block("fine"))
    monkeypatch.setattr(MemorySocket, "ping", broken)
    async with stack.device() as socket:
        await socket.say(type="home_request", message="hello")
        with structlog.testing.capture_logs() as logs:
            await trio.sleep(26)
        assert [entry["event"] for entry in logs] == ["ping_failed"]
        go_on.set()
        assert texts(await socket.hear_until("stream_end")) == "fine"
        # A peer that is silent is still noticed.
        await socket.rest()
        assert socket.closed_with is not None
        assert socket.closed_with[0] == CloseCode.HEARTBEAT_LOST


@pytest.mark.parametrize("type_", ["ping", "changes_seen", "mutation", "home_request"])
async def test_a_fault_in_a_frame_does_not_end_the_socket(type_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    stack = memory_server()
    go_on = trio.Event()
    stack.model.answer(go_on, text_block("fine"))
    async with stack.device() as socket:
        await socket.say(type="home_request", message="hello")
        await socket.hear_until("stream_start")
        with monkeypatch.context() as faulty:
            faulty.setattr(stack.sessions.frames, "take", broken)
            fields = {"change": 1, "op": "delete", "entity": "task", "id": "t1", "message": "hello"}
            await socket.say(type=type_, **fields)
            answer = await socket.hear()
            assert (answer["type"], answer["code"], answer["retryable"]) == ("error", "internal", True)
        await socket.say(type="ping")
        assert (await socket.hear())["type"] == "pong"
        go_on.set()
        assert texts(await socket.hear_until("stream_end")) == "fine"


async def test_a_session_ends_with_its_token_unless_it_is_refreshed(autojump_clock: trio.testing.MockClock) -> None:
    stack = memory_server()
    async with stack.device() as socket:
        warning = await socket.hear()
        assert (warning["type"], warning["in_s"]) == ("auth_expiring", 60)
        await socket.say(type="auth_refresh", token=stack.token(uuid4()))
        assert (await socket.hear())["code"] == "unauthorized"
        await socket.say(type="auth_refresh", token="forged")
        assert (await socket.hear())["code"] == "unauthorized"
        await socket.say(type="auth_refresh", token=stack.token())
        assert (await socket.hear())["type"] == "auth_expiring"
        assert trio.current_time() == pytest.approx(3540 * 2)
        await socket.rest()
        assert socket.closed_with is not None
        assert socket.closed_with[0] == CloseCode.TOKEN_EXPIRED
        assert trio.current_time() == pytest.approx(3540 * 2 + 60)


async def test_a_peer_that_stops_reading_holds_its_model_up_and_is_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stack = memory_server(heartbeat_s=1000)
    words = ["word " * 100] * 1000
    stack.model.answer('[{"type":"text","content":"', *words, '"}]')
    async with stack.device(capacity=1) as socket:
        await socket.say(type="home_request", request_id=(request_id := uuid4()), message="hello")
        await trio.sleep(20)
        # Text that waits is merged, but still counts, so the model is no longer read.
        assert stack.model.open == 1
        await trio.sleep(13)
        # Without a socket the answer is read to its end.
        assert stack.model.open == 0
        await socket.rest()
        assert socket.closed_with is not None
        assert socket.closed_with[0] == CloseCode.TOO_SLOW
        result = await stack.sessions.result(stack.user_id, request_id)
        assert result is not None
        assert result.blocks[0].content == "".join(words)
    assert b"tessera_outbox_stalls_total 1.0" in stack.metrics.render()


async def test_too_many_frames_are_refused_and_a_flood_is_closed() -> None:
    stack = memory_server(frames_per_s=1, frames_burst=3)
    async with stack.device() as socket:
        for _ in range(4):
            await socket.say(type="ping")
        assert sorted(types([await socket.hear() for _ in range(4)])) == ["error"] + ["pong"] * 3
        for _ in range(1000):
            await socket.say(type="ping")
        frames = await socket.rest()
        assert {frame.get("code") for frame in frames} == {"rate_limited"}
        assert socket.closed_with is not None
        assert socket.closed_with[0] in {CloseCode.POLICY_VIOLATION, CloseCode.TOO_SLOW}


async def test_draining_lets_a_request_finish_and_takes_no_other() -> None:
    stack = memory_server()
    go_on = trio.Event()
    stack.model.answer(go_on, text_block("the last"))
    async with stack.device() as busy, stack.device() as idle:
        await busy.say(type="home_request", message="hello")
        await busy.hear_until("stream_start")
        stack.pipeline.drain()
        for link in stack.registry.all():
            link.drain()
        await idle.rest()
        assert idle.closed_with is not None
        assert idle.closed_with[0] == CloseCode.DRAINING
        told = await busy.hear()
        assert told["type"] == "draining"
        assert 0 <= told["retry_after_ms"] < 1000
        await busy.say(type="home_request", message="one more")
        assert (await busy.hear())["code"] == "server_draining"
        go_on.set()
        frames = await busy.rest()
        assert (texts(frames), frames[-1]["status"]) == ("the last", "completed")
        assert busy.closed_with == (CloseCode.DRAINING, "the server is stopping")


async def test_a_session_that_was_asked_to_resume_says_that_it_cannot() -> None:
    stack = memory_server()
    socket = MemorySocket()
    async with stack.running(), trio.open_nursery() as nursery:
        nursery.start_soon(stack.run_session, socket)
        await socket.say(**hello(stack.token(), resume={"session_id": str(uuid4()), "seq": 3}))
        ready = await socket.hear()
        socket.hang_up()
    assert ready["resume"] == "lost"
    assert ready["limits"]["max_concurrent_requests"] == 8
    assert ready["protocol_version"] == 3
