"""What ends a device's socket, and which faults and refusals do not."""

from __future__ import annotations

from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
import structlog
import trio
import trio.testing

from streaming.wire.codes import CloseCode
from tests.server.memory_server import hello, memory_server
from tests.server.memory_socket import MemorySocket
from tests.server.scripted_model import call, text_block
from tests.server.sockets.received import texts, types

ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


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
    stack = memory_server(frames_per_s=0.001, frames_burst=3)
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


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        ({"type": "home_request", "message": "x", "request_id": ID}, {"request_id": ID}),
        ({"type": "popup_request", "message": "x", "request_id": ID}, {"request_id": ID}),
        ({"type": "watch", "request_id": ID}, {"request_id": ID}),
        ({"type": "memory_forget", "memory_id": ID}, {"memory_id": ID}),
        ({"type": "memory_forget_preview", "memory_id": ID}, {"memory_id": ID}),
        ({"type": "mutation", "mutation_id": ID, "op": "delete"}, {"mutation_id": ID}),
        # These end nothing at the client.
        ({"type": "cancel", "request_id": ID}, {}),
        ({"type": "tool_result", "call_id": ID, "request_id": ID}, {}),
        ({"type": "approval", "call_id": ID, "approved": True}, {}),
        ({"type": "ping"}, {}),
    ],
    ids=lambda value: value.get("type", ""),
)
async def test_a_frame_over_the_rate_is_named_if_the_client_waits_for_it(
    frame: dict[str, object], named: dict[str, str]
) -> None:
    stack = memory_server(frames_per_s=0.001, frames_burst=1)
    async with stack.device() as socket:
        await socket.say(type="ping")
        assert (await socket.hear())["type"] == "pong"
        await socket.say(**frame)
        error = await socket.hear()
        assert (error["code"], error["retryable"], error["frame_type"]) == ("rate_limited", True, frame["type"])
        ids = ("request_id", "call_id", "data_id", "memory_id", "mutation_id")
        assert {name: error[name] for name in ids if error.get(name) is not None} == named


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


async def test_a_draining_server_spreads_the_times_at_which_its_devices_come_back() -> None:
    stack = memory_server()
    async with AsyncExitStack() as devices:
        sockets = [await devices.enter_async_context(stack.device()) for _ in range(20)]
        for link in stack.registry.all():
            link.drain()
        times = [(await socket.hear_until("draining"))[-1]["retry_after_ms"] for socket in sockets]
    # At random over a second: two of 20 devices may get the same time, but not many.
    assert all(0 <= time < 1000 for time in times)
    assert len(set(times)) > 10
    assert max(times) - min(times) > 200


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
