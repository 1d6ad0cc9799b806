"""Sessions and their sockets: resume, lost, new, the grace time, two sockets together, watching, and kept answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
import trio
import trio.testing
from trio.testing import MockClock, wait_all_tasks_blocked

from memory import Forgotten
from streaming.wire.codes import CloseCode
from tests.server.memory_server import MemoryServer, NoMemory, memory_server
from tests.server.scripted_model import call, text_block
from tests.server.sessions.resuming_client import home


def texts(frames: list[dict[str, Any]]) -> str:
    return "".join(frame["chunk"] for frame in frames if frame["type"] == "stream_text")


async def result_of(stack: MemoryServer, request: dict[str, Any]) -> Any:
    return await stack.sessions.result(stack.user_id, request["request_id"])


async def test_what_was_missed_is_sent_once_and_live_frames_follow() -> None:
    stack = memory_server()
    seen, unseen, rest = trio.Event(), trio.Event(), trio.Event()
    stack.model.answer('[{"type":"text","content":"One', seen, " two", unseen, " three", rest, '"}]')
    device_id, request = uuid4(), home()
    async with stack.running():
        async with stack.device(device_id=device_id) as socket:
            await socket.say(**request)
            frames = await socket.hear_until("stream_text")
            session_id, processed = socket.ready["session_id"], frames[-1]["seq"]
            seen.set()
            await wait_all_tasks_blocked()  # this text is sent, but its client does not process it
        unseen.set()
        await wait_all_tasks_blocked()
        async with stack.device(device_id=device_id, resume=(session_id, processed)) as socket:
            assert (socket.ready["resume"], socket.ready["session_id"]) == ("resumed", session_id)
            assert socket.ready["seq"] == processed + 2
            assert socket.ready["requests"] == [{"request_id": str(request["request_id"]), "state": "running"}]
            whole = await socket.hear()
            assert (whole["chunk"], whole["replace"], whole["seq"]) == ("One two three", True, processed + 3)
            rest.set()
            end = (await socket.hear_until("stream_end"))[-1]
            assert (end["status"], end["seq"]) == ("completed", processed + 4)
        # After the end: from the same cursor again, everything is replayed again.
        async with stack.device(device_id=device_id, resume=(session_id, processed)) as socket:
            assert socket.ready["requests"][0]["state"] == "completed"
            assert texts(await socket.hear_until("stream_end")) == "One two three"
        async with stack.device(device_id=device_id, resume=(session_id, end["seq"] + 3)) as socket:
            await socket.say(type="ping")
            assert (await socket.hear())["type"] == "pong"


@pytest.mark.parametrize("stranger", ["session", "seq", "device", "user"])
async def test_a_resume_that_is_impossible_is_lost_and_its_requests_can_be_watched(stranger: str) -> None:
    stack = memory_server()
    go_on = trio.Event()
    stack.model.answer('[{"type":"text","content":"Good ', go_on, 'morning"}]')
    device_id, request = uuid4(), home()
    async with stack.running():
        async with stack.device(device_id=device_id) as socket:
            await socket.say(**request)
            await socket.hear_until("stream_text")
            resume = socket.ready["session_id"], socket.ready["seq"]
        match stranger:
            case "session":
                resume = str(uuid4()), 1
            case "seq":
                resume = resume[0], 1000
        other_device = uuid4() if stranger == "device" else device_id
        user = uuid4() if stranger == "user" else stack.user_id
        async with stack.device(device_id=other_device, user_id=user, resume=resume) as socket:
            assert socket.ready["resume"] == "lost"
            assert socket.ready["session_id"] != resume[0]
            mine = stranger in {"session", "seq"}
            assert [one["state"] for one in socket.ready["requests"]] == ["running"] * mine
            await socket.say(type="watch", request_id=request["request_id"])
            if stranger == "user":
                assert (await socket.hear())["code"] == "unknown_request"
                return
            assert (await socket.hear())["type"] == "stream_start"
            replay = await socket.hear()
            assert (replay["chunk"], replay["replace"]) == ("Good ", True)
            go_on.set()
            assert texts(await socket.hear_until("stream_end")) == "morning"


async def test_a_client_without_resume_gets_a_new_session_and_its_old_one_cannot_be_resumed() -> None:
    stack = memory_server()
    stack.model.answer(trio.Event())
    device_id, request = uuid4(), home()
    async with stack.running():
        async with stack.device(device_id=device_id) as socket:
            await socket.say(**request)
            start = await socket.hear()
        async with stack.device(device_id=device_id) as again:
            assert again.ready["resume"] == "new"
            assert again.ready["requests"] == [{"request_id": str(request["request_id"]), "state": "running"}]
            await again.say(type="ping")
            assert (await again.hear())["type"] == "pong"
        resume = socket.ready["session_id"], start["seq"]
        async with stack.device(device_id=device_id, resume=resume) as late:
            assert late.ready["resume"] == "lost"
            await late.say(type="watch", request_id=request["request_id"])
            assert (await late.hear())["type"] == "stream_start"


async def test_two_sockets_resume_at_once(nursery: trio.Nursery) -> None:
    stack = memory_server()
    go_on = trio.Event()
    stack.model.answer('[{"type":"text","content":"Good ', go_on, 'morning"}]')
    device_id, request = uuid4(), home()
    async with stack.running():
        async with stack.device(device_id=device_id) as socket:
            await socket.say(**request)
            frames = await socket.hear_until("stream_text")
        resume = socket.ready["session_id"], frames[-1]["seq"]
        async with (
            stack.device(device_id=device_id, resume=resume) as first,
            stack.device(device_id=device_id, resume=resume) as second,
        ):
            await wait_all_tasks_blocked()
            assert first.closed_with == (CloseCode.REPLACED, "this device connected again")
            go_on.set()
            assert texts(await second.hear_until("stream_end")) == "morning"
            assert await first.rest() == []
            assert len(stack.registry) == len(stack.sessions) == 1


async def test_a_cancel_while_no_socket_is_attached() -> None:
    stack = memory_server()
    stack.model.answer('[{"type":"text","content":"Good ', trio.Event())
    device_id, request = uuid4(), home()
    async with stack.running():
        async with stack.device(device_id=device_id) as socket:
            await socket.say(**request)
            frames = await socket.hear_until("stream_text")
        assert not await stack.sessions.cancel(uuid4(), request["request_id"])
        assert await stack.sessions.cancel(stack.user_id, request["request_id"])
        await wait_all_tasks_blocked()
        assert not await stack.sessions.cancel(stack.user_id, request["request_id"])
        assert stack.model.open == 0
        resume = socket.ready["session_id"], frames[-1]["seq"]
        async with stack.device(device_id=device_id, resume=resume) as socket:
            assert socket.ready["requests"][0]["state"] == "cancelled"
            end = await socket.hear()
            assert (end["type"], end["status"]) == ("stream_end", "cancelled")


async def test_an_expired_token_detaches_and_cancels_nothing(autojump_clock: MockClock) -> None:
    stack = memory_server()
    stack.model.answer(call("create_task", title="Walk"))
    stack.model.answer(text_block("Done."))
    device_id, request = uuid4(), home()
    async with stack.running():
        async with stack.device(device_id=device_id, features=["ledger"]) as socket:
            await trio.sleep(3590)
            await socket.say(**request)
            asked = (await socket.hear_until("tool_call"))[-1]
            await socket.rest()
            assert socket.closed_with is not None
            assert socket.closed_with[0] == CloseCode.TOKEN_EXPIRED
        resume = socket.ready["session_id"], asked["seq"]
        async with stack.device(device_id=device_id, features=["ledger"], resume=resume) as socket:
            assert socket.ready["resume"] == "resumed"
            again = (await socket.hear_until("tool_call"))[-1]
            assert (again["call_id"], again["offered_again"]) == (asked["call_id"], True)
            assert again["deadline_ms"] <= 20_000
            await socket.say(type="tool_result", call_id=again["call_id"], ok=True, data={"id": "t9"})
            assert [change["id"] for change in (await socket.hear_until("stream_end"))[-1]["mutations"]] == ["t9"]


async def test_a_peer_that_keeps_sending_does_not_outlive_its_token(autojump_clock: MockClock) -> None:
    async with memory_server(heartbeat_s=10_000).device() as socket:
        for _ in range(3600):
            await trio.sleep(1)
            if socket.closed_with is not None:
                break
            await socket.say(type="ping")
        await wait_all_tasks_blocked()
        assert socket.closed_with is not None
        assert socket.closed_with[0] == CloseCode.TOKEN_EXPIRED


async def test_pings_to_a_peer_that_never_answers_do_not_pile_up(autojump_clock: MockClock) -> None:
    stack = memory_server()
    async with stack.device(answers_pings=False) as socket:
        await wait_all_tasks_blocked()
        base = trio.lowlevel.current_statistics().tasks_living
        for _ in range(200):
            await socket.say(type="auth_refresh", token=stack.token())
            await trio.sleep(20)
        await wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living - base <= 1
        assert socket.pings == 1


async def test_a_slow_reader_gets_a_large_backlog(autojump_clock: MockClock) -> None:
    stack = memory_server(heartbeat_s=10_000, log_bytes=1 << 24)
    word = "word " * 2000
    stack.model.answer('[{"type":"text","content":"', *[word] * 100, '"}]')
    device_id, request = uuid4(), home()
    async with stack.running():
        async with stack.device(device_id=device_id) as socket:
            await socket.say(**request)
            start = await socket.hear()
        await trio.sleep(1)
        resume = socket.ready["session_id"], start["seq"]
        async with stack.device(device_id=device_id, resume=resume, capacity=0) as socket:
            chunks = []
            while True:
                await trio.sleep(8)  # 16 KB at 2 KB a second
                frame = await socket.hear()
                if frame["type"] == "stream_end":
                    break
                assert len(frame["chunk"]) <= 16 * 1024
                chunks.append(frame)
            assert "".join(frame["chunk"] for frame in chunks) == word * 100
            assert [frame.get("replace") for frame in chunks] == [True] + [None] * (len(chunks) - 1)


async def test_an_answer_over_the_bound_of_its_log_fails() -> None:
    stack = memory_server(log_bytes=1000)
    stack.model.answer('[{"type":"text","content":"', *["word " * 50] * 10, '"}]')
    async with stack.device() as socket:
        await socket.say(**home())
        frames = await socket.hear_until("stream_end")
    assert (frames[-1]["status"], frames[-1]["error"]["code"]) == ("failed", "log_overflow")
    assert 0 < len(texts(frames)) <= 1000


async def test_another_device_watches_and_may_not_cancel() -> None:
    stack = memory_server()
    go_on = trio.Event()
    stack.model.answer(call("list_tasks"))
    stack.model.answer('[{"type":"text","content":"Good ', go_on, 'morning"}]')
    request = home()
    async with stack.device(features=["block_open"]) as owner, stack.device() as watcher:
        await owner.say(**request)
        asked = (await owner.hear_until("tool_call"))[-1]
        await owner.say(type="tool_result", call_id=asked["call_id"], ok=True, data={"items": []})
        await owner.hear_until("stream_text")
        await watcher.say(type="watch", request_id=request["request_id"])
        # No call of a tool, and no frame of a feature that this client does not have.
        assert [(await watcher.hear())["type"] for _ in range(2)] == ["stream_start", "stream_text"]
        await watcher.say(type="cancel", request_id=request["request_id"])
        assert (await watcher.hear())["code"] == "unknown_request"
        go_on.set()
        for socket in (owner, watcher):
            assert texts(await socket.hear_until("stream_end")) == "morning"
        await watcher.say(type="watch", request_id=request["request_id"])
        kept = await watcher.hear()
        assert (kept["type"], kept["blocks"][0]["content"]) == ("request_result", "Good morning")
        await watcher.say(type="watch", request_id=uuid4())
        assert (await watcher.hear())["code"] == "unknown_request"


async def test_unwatch_ends_the_following_and_not_the_request() -> None:
    stack = memory_server()
    go_on = trio.Event()
    stack.model.answer('[{"type":"text","content":"Good ', go_on, 'morning"}]')
    request = home()
    async with stack.device() as owner, stack.device() as watcher:
        await owner.say(**request)
        await owner.hear_until("stream_text")
        await watcher.say(type="watch", request_id=request["request_id"])
        await watcher.hear_until("stream_text")
        await watcher.say(type="unwatch", request_id=request["request_id"])
        await watcher.say(type="ping")
        assert (await watcher.hear())["type"] == "pong"
        go_on.set()
        await owner.hear_until("stream_end")
        await watcher.say(type="ping")
        assert (await watcher.hear())["type"] == "pong"


async def test_a_failed_request_that_changed_something_is_not_retryable(autojump_clock: MockClock) -> None:
    stack = memory_server()
    stack.model.answer(call("create_task", title="Walk"))
    stack.model.answer(trio.Event())
    device_id, request = uuid4(), home()
    async with stack.running():
        async with stack.device(device_id=device_id) as socket:
            await socket.say(**request)
            asked = (await socket.hear_until("tool_call"))[-1]
            await socket.say(type="tool_result", call_id=asked["call_id"], ok=True, data={"id": "t9"})
            await wait_all_tasks_blocked()
        await trio.sleep(121)
        result = await result_of(stack, request)
        assert (result.error.code, result.error.retryable) == ("resume_expired", False)
        assert [change.id for change in result.mutations] == ["t9"]


@pytest.mark.parametrize(("features", "outcome"), [([], "lost"), (["ledger"], "offered")])
async def test_a_call_that_a_restarted_app_lost(features: list[str], outcome: str) -> None:
    stack = memory_server()
    stack.model.answer(call("create_task", title="Walk"))
    stack.model.answer(text_block("It is not known whether the task was added."))
    device_id, request = uuid4(), home()
    async with stack.running():
        async with stack.device(device_id=device_id, features=features) as socket:
            await socket.say(**request)
            asked = (await socket.hear_until("tool_call"))[-1]
            if features:
                await socket.say(type="tool_accepted", call_id=asked["call_id"])
                await wait_all_tasks_blocked()
        async with stack.device(device_id=device_id, features=features) as socket:
            if outcome == "offered":
                again = (await socket.hear_until("tool_call"))[-1]
                assert (again["call_id"], again["offered_again"], again["accepted"]) == (asked["call_id"], True, True)
                unknown = {"code": "unknown", "message": "restarted"}
                await socket.say(type="tool_result", call_id=again["call_id"], ok=False, error=unknown)
                assert (await socket.hear_until("tool_ack"))[-1]["call_id"] == asked["call_id"]
                await socket.say(type="tool_result", call_id=again["call_id"], ok=False, error=unknown)
                assert (await socket.hear_until("tool_ack"))[-1]["call_id"] == asked["call_id"]
            await wait_all_tasks_blocked()
        result = await result_of(stack, request)
    assert (result.status, result.mutations) == ("completed", [])
    told = [message.content for message in stack.model.requests[-1].messages if message.role == "tool"]
    assert "outcome_unknown" in told[0]


async def test_a_fault_of_forgetting_ends_no_socket() -> None:
    class Broken(NoMemory):
        async def forget(self, user_id: UUID, item_id: UUID, *, preview: bool = False) -> Forgotten:
            raise RuntimeError("a bug")

    stack = memory_server()
    stack.pipeline.memory = Broken()
    go_on = trio.Event()
    stack.model.answer(go_on, text_block("fine"))
    async with stack.device() as socket:
        await socket.say(**home())
        await socket.hear_until("stream_start")
        await socket.say(type="memory_forget", memory_id=uuid4())
        assert (await socket.hear())["code"] == "internal"
        go_on.set()
        assert texts(await socket.hear_until("stream_end")) == "fine"
