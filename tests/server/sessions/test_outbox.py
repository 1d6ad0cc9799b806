"""The outbox of a session: order, merging, limits, fairness, cancellation, and detection of a stalled writer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from server.requests import ChatInput, DuplicateRequest
from server.sessions.feed import Feed
from server.sessions.ledger import Ledger
from server.sessions.log_room import LogRoom
from server.sessions.outbox import Outbox, OutboxOverflow
from server.sessions.running_request import RunningRequest
from streaming.wire import (
    ServerFrame,
    WsAuthExpiring,
    WsError,
    WsPong,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamText,
    WsToolCancel,
)
from streaming.wire.codes import ErrorCode
from streaming.wire.stream_text import AnswerFrame, StreamText

A, B, C = (UUID(int=number) for number in (1, 2, 3))


def text(request: UUID, chunk: str, block: int = 0) -> StreamText:
    return StreamText(request, block, chunk)


def block(request: UUID, index: int = 1) -> WsStreamBlock:
    return WsStreamBlock(request_id=request, block=index, block_type="table", data={"headers": ["h"], "rows": []})


def end(request: UUID) -> WsStreamEnd:
    return WsStreamEnd(request_id=request, status="completed")


class Direct:
    """A socket that takes frames directly while `open`, and leaves part of each unsent while `narrow`."""

    def __init__(self) -> None:
        self.sent: list[AnswerFrame] = []
        self.open = False
        self.narrow = False
        self.unsent = False
        self.go_on = trio.Event()
        self.full = 0

    def try_send(self, message: bytes) -> bool:
        if self.open:
            fields = WsStreamText.model_validate_json(message)
            self.sent.append(text(fields.request_id, fields.chunk, fields.block))
            self.unsent = self.narrow
        return self.open

    async def flush(self) -> None:
        await self.go_on.wait()
        self.unsent = False

    def filled(self) -> None:
        self.full += 1


class Session:
    """One session's outbox with an attached socket, and its requests. It is its own follower."""

    def __init__(self, max_bytes: int = 256 * 1024, max_control: int = 1024, *, attached: bool = True) -> None:
        self.ledger = Ledger()
        self.outbox = Outbox(self.ledger, max_bytes, max_control)
        self.room = LogRoom(math.inf)
        self.direct = Direct()
        self.requests: dict[UUID, RunningRequest] = {}
        if attached:
            self.attach()

    def attach(self) -> None:
        self.outbox.attach(self.direct, WsPong())
        assert self.outbox._next() == WsPong()

    def send_control(self, frame: ServerFrame) -> None:
        self.outbox.put_control(frame)

    def answer_duplicate(self, chat: ChatInput, duplicate: DuplicateRequest) -> None:
        raise AssertionError(chat, duplicate)

    async def wait_for_log_room(self) -> None:
        raise AssertionError(self.room)

    def request(self, request_id: UUID) -> RunningRequest:
        request = self.requests.get(request_id)
        if request is None:
            chat = ChatInput(request_id=request_id, user_id=A, message="hello", mode="home")
            nothing: Any = None
            request = self.requests[request_id] = RunningRequest(chat, nothing, self, 1 << 20)
            request.follow(self, Feed(request.log, block_open=True))
        return request

    async def put(self, *frames: AnswerFrame) -> None:
        for frame in frames:
            assert not isinstance(frame, WsPong | WsError)
            await self.request(frame.request_id)._emit(frame)  # type: ignore[union-attr,arg-type]  # answers have it

    async def take(self) -> AnswerFrame:
        return (await self.outbox.take(self.direct))[1]

    async def take_all(self) -> None:
        with suppress(trio.EndOfChannel):
            while True:
                self.direct.sent.append(await self.take())

    async def drain(self) -> list[AnswerFrame]:
        self.outbox.finish(self.direct)
        frames = []
        with suppress(trio.EndOfChannel):
            while True:
                frames.append(await self.take())
        return frames


# ---- order and merging ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("put", "taken"),
    [
        ([text(A, "a"), text(A, "b"), text(A, "ç")], [text(A, "abç")]),
        ([text(A, "a"), text(B, "1"), text(A, "b"), text(B, "2")], [text(A, "ab"), text(B, "12")]),
        ([text(A, "a"), text(A, "b", 1), text(A, "c", 1)], [text(A, "a"), text(A, "bc", 1)]),
        ([text(A, "a"), block(A), text(A, "b", 2)], [text(A, "a"), block(A), text(A, "b", 2)]),
        ([text(A, "a"), block(A), text(A, "b")], [text(A, "a"), block(A), text(A, "b")]),
        ([text(A, "a"), end(A)], [text(A, "a"), end(A)]),
        ([text(A, "a"), end(B), text(A, "b")], [text(A, "ab"), end(B)]),
        ([text(A, "a"), block(A), block(A, 2), text(B, "b")], [text(A, "a"), text(B, "b"), block(A), block(A, 2)]),
    ],
)
async def test_text_is_merged_within_its_request_and_block(put: list[AnswerFrame], taken: list[AnswerFrame]) -> None:
    session = Session()
    await session.put(*put)
    assert await session.drain() == taken
    assert session.outbox.queued_bytes == 0


async def test_text_is_not_merged_into_a_taken_frame() -> None:
    session = Session()
    await session.put(text(A, "a"))
    first = await session.take()
    await session.put(text(A, "b"))
    assert [first, *await session.drain()] == [text(A, "a"), text(A, "b")]


async def test_frames_are_numbered_in_the_order_in_which_they_are_sent(nursery: trio.Nursery) -> None:
    session = Session()
    before = session.outbox.seq
    session.direct.open = True
    await session.put(text(A, "a"))
    assert await session.outbox.take(session.direct) == (before + 1, text(A, "a"))
    nursery.start_soon(session.take_all)
    await wait_all_tasks_blocked()
    await session.put(text(A, "b"), text(A, "c"))
    assert session.outbox.seq == before + 3
    session.outbox.put_control(WsPong())
    await wait_all_tasks_blocked()
    assert session.outbox.seq == before + 4


async def test_control_goes_first() -> None:
    session = Session()
    await session.put(text(A, "a"))
    error = WsError(code=ErrorCode.INTERNAL, message="")
    session.outbox.put_control(error)
    session.outbox.put_control(WsPong())
    assert await session.drain() == [error, WsPong(), text(A, "a")]


frames_strategy = st.lists(
    st.one_of(
        st.builds(text, st.sampled_from([A, B, C]), st.text(max_size=5), st.integers(0, 2)),
        st.builds(block, st.sampled_from([A, B, C])),
        st.builds(end, st.sampled_from([A, B, C])),
    ),
    max_size=40,
)


def flattened(frames: Sequence[AnswerFrame], request: UUID) -> list[object]:
    """A request's frames with text split into characters, which merging must not change."""
    flat: list[object] = []
    for frame in frames:
        if isinstance(frame, StreamText) and frame.request_id == request:
            flat += [(frame.block, character) for character in frame.chunk]
        elif isinstance(frame, WsStreamBlock | WsStreamEnd) and frame.request_id == request:
            flat.append(frame)
    return flat


@given(frames=frames_strategy, takes=st.lists(st.booleans(), max_size=80), max_bytes=st.integers(1, 2000))
def test_nothing_is_lost_and_each_request_keeps_its_order(
    frames: list[AnswerFrame], takes: list[bool], max_bytes: int
) -> None:
    session = Session(max_bytes)
    received = session.direct.sent

    async def write() -> None:
        pauses = iter(takes)
        with suppress(trio.EndOfChannel):
            while True:
                if next(pauses, False):
                    await wait_all_tasks_blocked()
                received.append(await session.take())

    async def put_of(request: UUID) -> None:
        await session.put(
            *(f for f in frames if isinstance(f, StreamText | WsStreamBlock | WsStreamEnd) and f.request_id == request)
        )

    async def main() -> None:
        async with trio.open_nursery() as writing:
            async with trio.open_nursery() as putting:
                for request in (A, B, C):
                    putting.start_soon(put_of, request)
                writing.start_soon(write)
            session.outbox.finish(session.direct)

    trio.run(main)
    for request in (A, B, C):
        assert flattened(received, request) == flattened(frames, request)
    assert session.outbox.queued_bytes == 0


# ---- bounds ---------------------------------------------------------------------------------------------------------


async def test_a_full_outbox_makes_requests_wait(nursery: trio.Nursery) -> None:
    session = Session(max_bytes=1000)
    await session.put(text(A, "x" * 990))
    assert session.direct.full == 0
    done: list[UUID] = []

    async def put(request: UUID, chunk: str) -> None:
        await session.put(text(request, chunk))
        done.append(request)

    for request, chunk in ((B, "y" * 500), (C, "z")):
        nursery.start_soon(put, request, chunk)
        await wait_all_tasks_blocked()
    assert done == []
    assert session.direct.full == 1
    assert "2 waiting" in repr(session.outbox)
    # What waits for room is logged already: nothing can be lost.
    assert session.requests[C].log.size == 1
    assert await session.take() == text(A, "x" * 990)
    await wait_all_tasks_blocked()
    assert sorted(done) == [B, C]
    assert await session.drain() == [text(B, "y" * 500), text(C, "z")]


async def test_bytes_count_what_the_wire_will_carry() -> None:
    session = Session()
    await session.put(text(A, "e" * 1000))
    ascii_bytes = session.outbox.queued_bytes
    await session.put(text(A, "é" * 1000))
    assert (ascii_bytes, session.outbox.queued_bytes) == (1000, 3000)


async def test_control_is_bounded_and_a_session_that_lost_control_frames_cannot_be_resumed() -> None:
    session = Session(max_control=2)
    assert session.outbox.can_resume(0)
    session.outbox.put_control(WsPong())
    session.outbox.put_control(WsPong())
    with pytest.raises(OutboxOverflow):
        session.outbox.put_control(WsPong())
    assert not session.outbox.can_resume(session.outbox.seq)
    session.outbox.forget_sent()
    assert session.outbox.can_resume(session.outbox.seq)


# ---- cancellation ---------------------------------------------------------------------------------------------------


async def test_a_request_that_is_cancelled_while_it_waits_lets_the_next_pass(nursery: trio.Nursery) -> None:
    session = Session(max_bytes=1000)
    await session.put(text(A, "x" * 700))
    scope = trio.CancelScope()

    async def put_cancelled() -> None:
        with scope:
            await session.put(text(B, "never" * 200))

    nursery.start_soon(put_cancelled)
    await wait_all_tasks_blocked()
    nursery.start_soon(session.put, text(C, "fits"))
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert scope.cancelled_caught
    request = session.requests[B]
    request._cut_unsent()
    session.outbox.drop(request._feeds[0][1])
    await wait_all_tasks_blocked()
    assert session.outbox.full_since is None
    assert await session.drain() == [text(A, "x" * 700), text(C, "fits")]


async def test_a_put_in_a_cancelled_scope_logs_nothing() -> None:
    session = Session()
    with trio.move_on_after(0):
        await session.put(text(A, "a"))
    assert session.requests[A].log.entries == []
    assert await session.drain() == []


async def test_a_cancelled_take_took_nothing() -> None:
    session = Session()
    with trio.move_on_after(0):
        await session.take()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.take)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    await session.put(text(A, "a"))
    with trio.move_on_after(0):
        await session.take()
    assert await session.take() == text(A, "a")


@pytest.mark.parametrize("attached", [True, False])
async def test_puts_and_takes_are_checkpoints(attached: bool) -> None:
    session = Session(attached=attached)
    with trio.testing.assert_checkpoints():
        await session.put(text(A, "a"))
    with trio.testing.assert_checkpoints(), suppress(trio.EndOfChannel):
        await session.take()


async def test_one_reader() -> None:
    session = Session()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.take)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await session.take()
        nursery.cancel_scope.cancel()


# ---- sockets that come and go ---------------------------------------------------------------------------------------


async def test_a_cut_drops_what_was_not_sent(nursery: trio.Nursery) -> None:
    session = Session(max_bytes=4000)
    await session.put(text(A, "x" * 800), text(B, "b"))
    assert await session.take() == text(A, "x" * 800)
    await session.put(text(A, "y" * 100), block(A))
    session.requests[A]._cut_unsent()
    session.requests[A].push(end(A))
    assert await session.drain() == [text(B, "b"), end(A)]
    assert session.requests[A].log.result().blocks[0].content == "x" * 800


async def test_finishing_lets_takes_drain_and_ends_a_waiting_take(nursery: trio.Nursery) -> None:
    session = Session()
    await session.put(text(A, "a"))
    session.outbox.put_control(WsPong())
    nursery.start_soon(session.take_all)
    session.outbox.finish(session.direct)
    await wait_all_tasks_blocked()
    assert session.direct.sent == [WsPong(), text(A, "a")]
    with pytest.raises(trio.EndOfChannel):
        await session.take()


async def test_without_a_socket_requests_do_not_wait_and_nothing_is_lost(nursery: trio.Nursery) -> None:
    session = Session(max_bytes=10)
    await session.put(text(A, "early"))
    nursery.start_soon(session.put, text(A, "x" * 100))
    await wait_all_tasks_blocked()
    session.outbox.detach()
    await wait_all_tasks_blocked()
    assert "0 waiting" in repr(session.outbox)
    await session.put(text(A, "y" * 100), block(A))
    withdrawn = WsToolCancel(call_id=A)
    for frame in (WsPong(), withdrawn, WsAuthExpiring(in_s=1)):
        session.outbox.put_control(frame)
    session.attach()
    assert session.outbox.full_since is not None
    # A pong and a warning of an older socket mean nothing to the next one.
    assert await session.drain() == [withdrawn, text(A, "early" + "x" * 100 + "y" * 100), block(A)]


async def test_an_older_socket_gets_nothing_more(nursery: trio.Nursery) -> None:
    session = Session()
    older, newer = session.direct, Direct()
    nursery.start_soon(session.take_all)
    await wait_all_tasks_blocked()
    session.outbox.attach(newer, WsPong())
    await session.put(text(A, "a"))
    await wait_all_tasks_blocked()
    assert older.sent == []
    session.outbox.detach(older)  # it closes late
    assert (await session.outbox.take(newer))[1] == WsPong()
    assert (await session.outbox.take(newer))[1] == text(A, "a")


async def test_control_frames_that_matter_are_repeated_until_they_are_processed() -> None:
    session = Session()
    start = session.outbox.seq
    withdrawn, error = WsToolCancel(call_id=A), WsError(code=ErrorCode.INTERNAL, message="")
    for frame in (withdrawn, WsPong(), error):
        session.outbox.put_control(frame)
    assert [await session.take() for _ in range(3)] == [withdrawn, WsPong(), error]
    for _ in range(2):  # the second socket is lost before its client has processed anything
        session.outbox.detach()
        assert session.outbox.can_resume(start)
        session.outbox.rewind(start)
        session.attach()
        assert [await session.take() for _ in range(2)] == [withdrawn, error]
    session.outbox.detach()
    processed = session.outbox.seq
    session.outbox.rewind(processed)
    assert not session.outbox.can_resume(start)
    assert not session.outbox.can_resume(processed + 1)
    session.attach()
    assert await session.drain() == []


async def test_a_resume_is_refused_when_the_repeated_frames_do_not_reach_back() -> None:
    session = Session(max_control=1000)
    start = session.outbox.seq
    for _ in range(129):
        session.outbox.put_control(WsToolCancel(call_id=A))
        await session.take()
    assert not session.outbox.can_resume(start)
    assert session.outbox.can_resume(start + 1)


# ---- a writer that makes no progress --------------------------------------------------------------------------------


async def test_full_since_the_last_frame_was_taken(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    session = Session(max_bytes=10)
    for request in (A, B, C):
        nursery.start_soon(session.put, block(request))
    await wait_all_tasks_blocked()
    assert session.outbox.full_since == trio.current_time()
    await trio.sleep(20)
    await session.take()
    await trio.sleep(20)
    await session.take()
    assert session.outbox.full_since == trio.current_time()
    await session.take()
    assert session.outbox.full_since is None


# ---- direct writes --------------------------------------------------------------------------------------------------


async def test_text_is_sent_directly_while_the_reader_waits(nursery: trio.Nursery) -> None:
    session = Session()
    sent = session.direct.sent
    session.direct.open = True
    await session.put(text(A, "early"))  # before the reader waits
    assert sent == []
    nursery.start_soon(session.take_all)
    await wait_all_tasks_blocked()
    await session.put(text(A, "a"), text(B, "b"))
    # No other task has run.
    assert sent == [text(A, "early"), text(A, "a"), text(B, "b")]
    session.outbox.put_control(WsPong())
    await session.put(text(A, "c"), end(A))
    await wait_all_tasks_blocked()
    assert sent[3:] == [WsPong(), text(A, "c"), end(A)]
    assert session.outbox.queued_bytes == 0


async def test_text_that_cannot_be_sent_directly_is_queued(nursery: trio.Nursery) -> None:
    session = Session()
    nursery.start_soon(session.take_all)
    await wait_all_tasks_blocked()
    await session.put(text(A, "a"))
    session.direct.open = True
    await session.put(text(A, "b"))
    await wait_all_tasks_blocked()
    # One frame or two: the writer may have taken the first already.
    assert flattened(session.direct.sent, A) == [(0, "a"), (0, "b")]


async def test_nothing_overtakes_a_frame_that_was_sent_in_part(nursery: trio.Nursery) -> None:
    session = Session()
    nursery.start_soon(session.take_all)
    await wait_all_tasks_blocked()
    direct = session.direct
    direct.open = direct.narrow = True
    await session.put(text(A, "a"), text(A, "b"), text(A, "c"))
    await wait_all_tasks_blocked()
    assert direct.sent == [text(A, "a")]
    session.outbox.finish(direct)
    await wait_all_tasks_blocked()
    assert direct.sent == [text(A, "a")]
    direct.go_on.set()
    await wait_all_tasks_blocked()
    assert direct.sent == [text(A, "a"), text(A, "bc")]


async def test_a_cancelled_put_does_not_overtake_others(nursery: trio.Nursery) -> None:
    session = Session()
    session.direct.open = True
    nursery.start_soon(session.take_all)
    await wait_all_tasks_blocked()
    with trio.CancelScope() as scope:
        scope.cancel()
        await session.put(text(A, "a"))
    assert scope.cancelled_caught
    assert session.direct.sent == []
