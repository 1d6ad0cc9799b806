"""The logs of one session are bounded together: ended ones are dropped, then running requests wait, then one fails."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.server.memory_server import MemoryServer, memory_server
from tests.server.memory_socket import MemorySocket
from tests.server.scripted_model import Step, text_block
from tests.server.sessions.resuming_client import home

LONG = "word " * 100


def long_answer(*steps: Step) -> list[Step]:
    return ['[{"type":"text","content":"', *steps, '"}]']


async def ask(socket: MemorySocket) -> UUID:
    request = home()
    await socket.say(**request)
    return UUID(str(request["request_id"]))


async def end_of(socket: MemorySocket, request_id: UUID) -> dict[str, Any]:
    return (await socket.hear_until("stream_end", request_id=request_id))[-1]


def log_bytes(stack: MemoryServer) -> int:
    return stack.sessions.log_bytes


@pytest.mark.parametrize("processed", ["nothing", "the last end"])
async def test_the_oldest_ended_answer_is_dropped_and_a_resume_gets_its_result(processed: str) -> None:
    stack = memory_server(session_log_bytes=1500)
    device_id = uuid4()
    async with stack.running():
        async with stack.device(device_id=device_id) as socket:
            requests = []
            for _ in range(3):
                stack.model.answer(*long_answer(LONG))
                requests.append(await ask(socket))
                end = await end_of(socket, requests[-1])
                assert end["status"] == "completed"
            assert log_bytes(stack) <= 1500 + 300  # the end of an answer is accepted over the bound
        resume = socket.ready["session_id"], socket.ready["seq"] if processed == "nothing" else end["seq"]
        async with stack.device(device_id=device_id, resume=resume) as again:
            assert again.ready["resume"] == "resumed"
            assert [one["state"] for one in again.ready["requests"]] == ["completed"] * 3
            await wait_all_tasks_blocked()
            frames = again.heard()
    results = {UUID(frame["request_id"]): frame for frame in frames if frame["type"] == "request_result"}
    ends = {UUID(frame["request_id"]) for frame in frames if frame["type"] == "stream_end"}
    if processed == "nothing":
        assert set(results) == {requests[0]}
        assert results[requests[0]]["blocks"][0]["content"] == LONG
        assert ends == set(requests[1:])
    else:
        assert frames == []


async def test_an_answer_that_is_dropped_before_its_time_is_named_lost_and_is_not_made_again() -> None:
    stack = memory_server()
    stack.sessions._in_memory._max_user_bytes = 1500
    device_id, asked = uuid4(), [home() for _ in range(3)]
    async with stack.running():
        async with stack.device(device_id=device_id) as socket:
            for request in asked:
                stack.model.answer(*long_answer(LONG))
                await socket.say(**request)
                end = await end_of(socket, UUID(str(request["request_id"])))
        models = len(stack.model.requests)
        for resume in ((socket.ready["session_id"], socket.ready["seq"]), (socket.ready["session_id"], end["seq"])):
            async with stack.device(device_id=device_id, resume=resume) as again:
                states = {one["request_id"]: one for one in again.ready["requests"]}
                lost = states.pop(str(asked[0]["request_id"]))
                assert (lost["state"], lost["reason"]) == ("lost", "the answer is no longer kept")
                assert [one["state"] for one in states.values()] == ["completed"] * 2
                frames = []
                for sent in ({"type": "watch", "request_id": asked[0]["request_id"]}, asked[0]):
                    await again.say(**sent)
                    frames += await again.hear_until("error")
                mine = [frame for frame in frames if frame.get("request_id") == lost["request_id"]]
                # Nothing of it is replayed, not even its end.
                assert [frame.get("code") for frame in mine] == ["unknown_request", "duplicate_request"]
    assert len(stack.model.requests) == models


async def test_a_request_waits_until_another_one_has_ended() -> None:
    stack = memory_server(session_log_bytes=1000)
    go_on, more = trio.Event(), trio.Event()
    stack.model.answer(*long_answer(LONG, go_on))
    stack.model.answer(*long_answer(more, LONG, "and more"))
    async with stack.device() as socket:
        first = await ask(socket)
        await wait_all_tasks_blocked()
        second = await ask(socket)
        await wait_all_tasks_blocked()
        more.set()
        await wait_all_tasks_blocked()
        result = await stack.sessions.result(stack.user_id, second)
        assert result is not None
        assert (result.status, result.blocks[0].content) == ("running", LONG)  # it waits with the frames that follow
        go_on.set()
        statuses = {}
        for _ in range(2):
            end = (await socket.hear_until("stream_end"))[-1]
            statuses[end["request_id"]] = end["status"]
        assert statuses == {str(first): "completed", str(second): "completed"}


@pytest.mark.parametrize("attached", [True, False])
async def test_only_when_every_request_waits_one_of_them_fails(attached: bool) -> None:
    stack = memory_server(session_log_bytes=900)
    go_on = trio.Event()
    for _ in range(2):
        stack.model.answer(*long_answer(go_on, LONG, "and", " more"))
    async with stack.running():
        async with stack.device() as socket:
            requests = [await ask(socket), await ask(socket)]
            await wait_all_tasks_blocked()
            if attached:
                go_on.set()
                for _ in requests:
                    await socket.hear_until("stream_end")
        go_on.set()
        await stack.sessions.idle()
        results = [await stack.sessions.result(stack.user_id, one) for one in requests]
    assert sorted(one.status for one in results if one is not None) == ["completed", "failed"]
    (error,) = (one.error for one in results if one is not None and one.error is not None)
    assert error.code == "log_overflow"


async def test_an_answer_that_is_still_being_sent_is_not_dropped() -> None:
    stack = memory_server(session_log_bytes=700, outbox_bytes=4096)
    stack.model.answer(*long_answer(LONG))
    stack.model.answer(*long_answer(LONG, "and", " more"))
    async with stack.device(capacity=0) as socket:
        first = await ask(socket)
        await wait_all_tasks_blocked()  # it has ended, and its client has read nothing
        await ask(socket)
        await wait_all_tasks_blocked()
        frames = await socket.hear_until("stream_end")
        assert frames[-1]["request_id"] == str(first)
        assert (await socket.hear_until("stream_end"))[-1]["status"] == "completed"


async def test_the_gauges_count_sessions_without_a_socket_and_the_bytes_of_logs() -> None:
    stack = memory_server()
    stack.model.answer(*long_answer(LONG))
    async with stack.running():
        async with stack.device() as socket:
            assert (stack.sessions.detached, log_bytes(stack)) == (0, 0)
            await end_of(socket, await ask(socket))
            assert len(LONG) < log_bytes(stack) < 2 * len(LONG) + 500
        await wait_all_tasks_blocked()
        assert stack.sessions.detached == 1
        async with stack.device() as other:
            stack.model.answer(text_block("Well."))
            await end_of(other, await ask(other))
            assert stack.sessions.detached == 1
