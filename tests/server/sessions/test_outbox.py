"""The outbox of a session: order, merging, limits, fairness, cancellation, and detection of a stalled writer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from server.sessions.outbox import OutboxOverflow
from streaming.wire import (
    WsError,
    WsPong,
    WsStreamBlock,
    WsStreamEnd,
)
from streaming.wire.codes import ErrorCode
from streaming.wire.stream_text import AnswerFrame, StreamText
from tests.server.sessions.outbox_session import A, B, C, Session, block, end, text

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


async def test_a_stopped_request_sends_nothing_directly(nursery: trio.Nursery) -> None:
    session = Session()
    session.direct.open = True
    nursery.start_soon(session.take_all)
    await wait_all_tasks_blocked()
    session.request(A).cancel()
    with trio.CancelScope() as scope:
        scope.cancel()
        await session.put(text(A, "a"))
    assert scope.cancelled_caught
    assert session.direct.sent == []
