"""Requests over REST are found, watched and cancelled like those of sockets, and an id runs once over both."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from memory.delivery import DeviceRecord
from server.requests import ChatInput, DuplicateRequest, ListedRequest
from server.sessions.kept import KeptAnswer
from streaming.chat import Message
from streaming.wire import ServerFrame, WsMutationRecord, WsStreamEnd, WsStreamText
from tests.server.memory_server import MemoryServer, NoMemory, memory_server
from tests.server.scripted_model import text_block
from tests.server.sessions.resuming_client import home


class Caller:
    """One `POST /chat`: what it was sent, and how it ended."""

    def __init__(self, stack: MemoryServer, request_id: UUID, message: str = "hello") -> None:
        self.chat = ChatInput(request_id, stack.user_id, message, "home")
        self.frames: list[ServerFrame] = []
        self.end: WsStreamEnd | None = None
        self.refused = False
        self.scope = trio.CancelScope()
        self._stack = stack

    async def run(self) -> None:
        async def emit(frame: ServerFrame) -> None:
            self.frames.append(frame)
            await trio.lowlevel.checkpoint()

        with self.scope:
            try:
                self.end = await self._stack.sessions.rest.run(self.chat, emit=emit)
            except DuplicateRequest:
                self.refused = True

    @property
    def text(self) -> str:
        return "".join(frame.chunk for frame in self.frames if isinstance(frame, WsStreamText))


async def result_of(stack: MemoryServer, request_id: UUID) -> Any:
    return await stack.sessions.result(stack.user_id, request_id)


def halted() -> tuple[MemoryServer, trio.Event]:
    """A server whose model says "Good ", and "morning" after the event."""
    stack, go_on = memory_server(), trio.Event()
    stack.model.answer('[{"type":"text","content":"Good ', go_on, 'morning"}]')
    return stack, go_on


async def test_a_request_over_rest_is_fetched_and_watched_while_it_runs() -> None:
    stack, go_on = halted()
    caller = Caller(stack, uuid4())
    async with stack.running(), stack.device() as socket, trio.open_nursery() as nursery:
        nursery.start_soon(caller.run)
        await wait_all_tasks_blocked()
        running = await result_of(stack, caller.chat.request_id)
        assert (running.status, running.blocks[0].content) == ("running", "Good ")
        await socket.say(type="watch", request_id=caller.chat.request_id)
        assert [frame["type"] for frame in await socket.hear_until("stream_text")] == ["stream_start", "stream_text"]
        await socket.say(type="cancel", request_id=caller.chat.request_id)
        assert (await socket.hear())["code"] == "unknown_request"  # the device did not ask
        go_on.set()
        assert (await socket.hear_until("stream_end"))[-1]["status"] == "completed"
    assert caller.end is not None
    assert (caller.end.status, caller.text) == ("completed", "Good morning")
    assert (await result_of(stack, caller.chat.request_id)).blocks[0].content == "Good morning"


async def test_a_request_over_rest_is_cancelled_by_its_id() -> None:
    stack, _ = halted()
    caller = Caller(stack, uuid4())
    async with stack.running(), trio.open_nursery() as nursery:
        nursery.start_soon(caller.run)
        await wait_all_tasks_blocked()
        assert not await stack.sessions.cancel(uuid4(), caller.chat.request_id)
        assert await stack.sessions.cancel(stack.user_id, caller.chat.request_id)
    assert caller.end is not None
    assert (caller.end.status, stack.model.open) == ("cancelled", 0)


async def test_the_same_request_again_follows_the_running_one() -> None:
    stack, go_on = halted()
    request_id = uuid4()
    first, second, other = (
        Caller(stack, request_id),
        Caller(stack, request_id),
        Caller(stack, request_id, "something else"),
    )
    async with stack.running(), trio.open_nursery() as nursery:
        nursery.start_soon(first.run)
        await wait_all_tasks_blocked()
        nursery.start_soon(second.run)
        nursery.start_soon(other.run)
        await wait_all_tasks_blocked()
        assert (second.text, other.refused) == ("Good ", True)
        go_on.set()
    assert first.end == second.end
    assert (first.text, second.text) == ("Good morning", "Good morning")
    assert len(stack.model.requests) == 2  # one to route, one to answer
    late = Caller(stack, request_id)
    await late.run()
    assert (late.text, late.end) == ("Good morning", first.end)
    for changes in ({"conversation_id": "another"}, {"history": (Message("user", "Hi"),)}):
        elsewhere = Caller(stack, request_id)
        elsewhere.chat = replace(elsewhere.chat, **changes)
        await elsewhere.run()
        assert (elsewhere.refused, elsewhere.text) == (True, "")


async def test_an_id_of_a_socket_is_followed_over_rest_and_the_other_way_round() -> None:
    stack, go_on = halted()
    request = home()
    caller = Caller(stack, request["request_id"])
    async with stack.running(), stack.device() as socket:
        await socket.say(**request)
        await socket.hear_until("stream_text")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(caller.run)
            await wait_all_tasks_blocked()
            assert caller.text == "Good "
            caller.scope.cancel()  # the device's request goes on
        go_on.set()
        assert (await socket.hear_until("stream_end"))[-1]["status"] == "completed"
    stack, go_on = halted()
    caller = Caller(stack, request["request_id"])
    async with stack.running(), stack.device() as socket, trio.open_nursery() as nursery:
        nursery.start_soon(caller.run)
        await wait_all_tasks_blocked()
        await socket.say(**request)
        await socket.hear_until("stream_text")
        go_on.set()
        assert (await socket.hear_until("stream_end"))[-1]["status"] == "completed"
    assert caller.text == "Good morning"


@pytest.mark.parametrize("followed", [False, True])
async def test_a_caller_that_goes_cancels_its_request_unless_someone_follows_it(followed: bool) -> None:
    stack, go_on = halted()
    request_id = uuid4()
    caller, other = Caller(stack, request_id), Caller(stack, request_id)
    async with stack.running():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(caller.run)
            await wait_all_tasks_blocked()
            if followed:
                nursery.start_soon(other.run)
                await wait_all_tasks_blocked()
            caller.scope.cancel()
            await wait_all_tasks_blocked()
            assert stack.model.open == followed
            go_on.set()
        status = (await result_of(stack, request_id)).status
    assert status == ("completed" if followed else "cancelled")
    assert other.text == ("Good morning" if followed else "")


class SlowMemory(NoMemory):
    """Stores an exchange when `go_on` is set."""

    def __init__(self) -> None:
        self.began, self.go_on = trio.Event(), trio.Event()

    async def store(self, *args: Any, **kwargs: Any) -> None:
        self.began.set()
        await self.go_on.wait()


class SlowStore:
    """Keeps an answer when `go_on` is set."""

    def __init__(self) -> None:
        self.began, self.go_on = trio.Event(), trio.Event()

    async def keep(self, answer: KeptAnswer) -> bool:
        self.began.set()
        await self.go_on.wait()
        return True

    async def find(self, user_id: UUID, request_id: UUID) -> KeptAnswer | None:
        return None

    async def erased(self, user_id: UUID, request_ids: Collection[UUID]) -> set[UUID]:
        return set()

    async def amend(self, user_id: UUID, request_id: UUID, change: WsMutationRecord) -> None:
        """Nothing is kept."""

    async def of_device(self, user_id: UUID, device_id: UUID, record: DeviceRecord) -> list[KeptAnswer]:
        return []

    async def page(self, user_id: UUID, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedRequest]:
        return []


@pytest.mark.parametrize("first", ["memory", "store"])
async def test_the_exchange_is_stored_beside_the_answer_and_both_come_before_the_end(first: str) -> None:
    memory, store = SlowMemory(), SlowStore()
    stack = replace(memory_server(), memory=memory, store=store)
    stack.model.answer(text_block("Well."))
    async with stack.device() as socket:
        await socket.say(**home())
        await socket.hear_until("stream_text")
        await memory.began.wait()
        await store.began.wait()
        slow, fast = (store, memory) if first == "memory" else (memory, store)
        fast.go_on.set()
        await socket.say(type="ping")
        assert (await socket.hear())["type"] == "pong"
        await wait_all_tasks_blocked()
        slow.go_on.set()
        assert (await socket.hear())["type"] == "stream_end"
