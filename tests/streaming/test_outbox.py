"""The outbox: order, merging, limits, fairness, cancellation, and detection of a stalled writer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from streaming.outbox import DataFrame, Outbox, OutboxOverflow
from streaming.wire import (
    WsPong,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
)
from streaming.wire.stream_text import AnswerFrame, StreamText

A, B, C = (UUID(int=number) for number in (1, 2, 3))


def text(request: UUID, chunk: str, block: int = 0) -> StreamText:
    return StreamText(request, block, chunk)


def block(request: UUID, index: int = 1) -> WsStreamBlock:
    return WsStreamBlock(request_id=request, block=index, block_type="table", data={"headers": ["h"], "rows": []})


def end(request: UUID) -> WsStreamEnd:
    return WsStreamEnd(request_id=request, status="completed")


async def drain(outbox: Outbox) -> list[AnswerFrame]:
    outbox.close()
    frames = []
    while True:
        try:
            frames.append(await outbox.take())
        except trio.EndOfChannel:
            return frames


async def put_all(outbox: Outbox, *frames: DataFrame) -> None:
    for frame in frames:
        await outbox.put(frame)


# ---- order and merging ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("put", "taken"),
    [
        ([text(A, "a"), text(A, "b"), text(A, "ç")], [text(A, "abç")]),
        ([text(A, "a"), text(B, "1"), text(A, "b"), text(B, "2")], [text(A, "ab"), text(B, "12")]),
        ([text(A, "a"), text(A, "b", 1), text(A, "c", 1)], [text(A, "a"), text(A, "bc", 1)]),
        ([text(A, "a"), block(A), text(A, "b", 2)], [text(A, "a"), block(A), text(A, "b", 2)]),
        ([text(A, "a"), block(A), text(A, "b")], [text(A, "a"), block(A), text(A, "b")]),
        ([text(A, "a"), end(A), text(A, "b")], [text(A, "a"), end(A), text(A, "b")]),
        ([text(A, "a"), end(B), text(A, "b")], [text(A, "ab"), end(B)]),
    ],
)
async def test_text_is_merged_within_its_request_and_block(put: list[DataFrame], taken: list[DataFrame]) -> None:
    outbox = Outbox()
    await put_all(outbox, *put)
    assert await drain(outbox) == taken
    assert outbox.queued_bytes == 0


async def test_text_is_not_merged_into_a_taken_frame() -> None:
    outbox = Outbox()
    await outbox.put(text(A, "a"))
    first = await outbox.take()
    await outbox.put(text(A, "b"))
    assert [first, *await drain(outbox)] == [text(A, "a"), text(A, "b")]


async def test_control_goes_first() -> None:
    outbox = Outbox()
    await outbox.put(text(A, "a"))
    start = WsStreamStart(request_id=B, agent="task_agent")
    outbox.put_control(start)
    outbox.put_control(WsPong())
    assert await drain(outbox) == [start, WsPong(), text(A, "a")]


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
    frames: list[DataFrame], takes: list[bool], max_bytes: int
) -> None:
    received: list[AnswerFrame] = []
    outbox = Outbox(max_bytes)

    async def write() -> None:
        pauses = iter(takes)
        with suppress(trio.EndOfChannel):
            while True:
                if next(pauses, False):
                    await wait_all_tasks_blocked()
                received.append(await outbox.take())

    async def put_of(request: UUID) -> None:
        await put_all(outbox, *(frame for frame in frames if frame.request_id == request))

    async def main() -> None:
        async with trio.open_nursery() as writing:
            async with trio.open_nursery() as putting:
                for request in (A, B, C):
                    putting.start_soon(put_of, request)
                writing.start_soon(write)
            outbox.close()

    trio.run(main)
    for request in (A, B, C):
        assert flattened(received, request) == flattened(frames, request)


# ---- bounds ---------------------------------------------------------------------------------------------------------


async def test_a_full_outbox_makes_puts_wait_in_order(nursery: trio.Nursery) -> None:
    outbox = Outbox(max_bytes=1000)
    await outbox.put(text(A, "x" * 990))
    done: list[UUID] = []

    async def put(request: UUID, chunk: str) -> None:
        await outbox.put(text(request, chunk))
        done.append(request)

    for request, chunk in ((B, "y" * 500), (C, "z")):
        nursery.start_soon(put, request, chunk)
        await wait_all_tasks_blocked()
    # C's frame would fit earlier, but B came first.
    assert done == []
    assert "2 waiting" in repr(outbox)
    assert await outbox.take() == text(A, "x" * 990)
    await wait_all_tasks_blocked()
    assert sorted(done) == [B, C]
    assert await drain(outbox) == [text(B, "y" * 500), text(C, "z")]


async def test_a_frame_larger_than_the_outbox_goes_through_when_it_is_empty(nursery: trio.Nursery) -> None:
    outbox = Outbox(max_bytes=10)
    await outbox.put(text(A, "x" * 100))
    nursery.start_soon(outbox.put, text(A, "y" * 100))
    await wait_all_tasks_blocked()
    assert await outbox.take() == text(A, "x" * 100)
    assert await outbox.take() == text(A, "y" * 100)


async def test_bytes_count_what_the_wire_will_carry() -> None:
    outbox = Outbox()
    await outbox.put(text(A, "e" * 1000))
    ascii_bytes = outbox.queued_bytes
    await outbox.put(text(A, "é" * 1000))
    assert outbox.queued_bytes - ascii_bytes == 2000
    assert ascii_bytes == pytest.approx(len(text(A, "e" * 1000).to_json(1)), rel=0.1)


async def test_control_is_bounded() -> None:
    outbox = Outbox(max_control=2)
    outbox.put_control(WsPong())
    outbox.put_control(WsPong())
    with pytest.raises(OutboxOverflow):
        outbox.put_control(WsPong())


# ---- cancellation ---------------------------------------------------------------------------------------------------


async def test_a_cancelled_put_enqueued_nothing_and_lets_the_next_pass(nursery: trio.Nursery) -> None:
    outbox = Outbox(max_bytes=1000)
    await outbox.put(text(A, "x" * 700))
    scope = trio.CancelScope()

    async def put_cancelled() -> None:
        with scope:
            await outbox.put(text(B, "never" * 200))

    nursery.start_soon(put_cancelled)
    await wait_all_tasks_blocked()
    nursery.start_soon(outbox.put, text(C, "fits"))
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert scope.cancelled_caught
    assert outbox.full_since is None
    assert await drain(outbox) == [text(A, "x" * 700), text(C, "fits")]


async def test_a_put_in_a_cancelled_scope_enqueues_nothing() -> None:
    outbox = Outbox()
    with trio.move_on_after(0):
        await outbox.put(text(A, "a"))
    assert await drain(outbox) == []


async def test_a_cancelled_take_took_nothing() -> None:
    outbox = Outbox()
    with trio.move_on_after(0):
        await outbox.take()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.take)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    await outbox.put(text(A, "a"))
    with trio.move_on_after(0):
        await outbox.take()
    assert await outbox.take() == text(A, "a")


async def test_puts_and_takes_are_checkpoints() -> None:
    outbox = Outbox()
    with trio.testing.assert_checkpoints():
        await outbox.put(text(A, "a"))
    with trio.testing.assert_checkpoints():
        await outbox.take()


async def test_one_reader() -> None:
    outbox = Outbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.take)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await outbox.take()
        nursery.cancel_scope.cancel()


# ---- discarding and closing -----------------------------------------------------------------------------------------


async def test_discarding_a_request_keeps_the_others_and_its_end(nursery: trio.Nursery) -> None:
    outbox = Outbox(max_bytes=4000)
    await put_all(outbox, text(A, "x" * 800), text(B, "b"), block(A), text(A, "x", 2), end(A))
    nursery.start_soon(outbox.put, text(C, "y" * 3500))
    await wait_all_tasks_blocked()
    assert "1 waiting" in repr(outbox)
    outbox.discard_request(A)
    await wait_all_tasks_blocked()
    assert "0 waiting" in repr(outbox)
    await outbox.put(text(B, "b"))
    assert await drain(outbox) == [text(B, "bb"), end(A), text(C, "y" * 3500)]
    assert outbox.queued_bytes == 0


async def test_text_after_a_discard_is_not_merged() -> None:
    outbox = Outbox()
    await outbox.put(text(A, "old"))
    outbox.discard_request(A)
    await outbox.put(text(A, "new"))
    assert await drain(outbox) == [text(A, "new")]


async def test_closing_refuses_puts_and_lets_takes_drain(nursery: trio.Nursery) -> None:
    outbox = Outbox(max_bytes=100)
    await outbox.put(text(A, "a" * 100))
    outbox.put_control(WsPong())
    refused = trio.Event()

    async def put() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await outbox.put(text(B, "b"))
        refused.set()

    nursery.start_soon(put)
    await wait_all_tasks_blocked()
    outbox.close()
    await refused.wait()
    with pytest.raises(trio.ClosedResourceError):
        await outbox.put(text(A, "late"))
    with pytest.raises(trio.ClosedResourceError):
        outbox.put_control(WsPong())
    assert await drain(outbox) == [WsPong(), text(A, "a" * 100)]


async def test_closing_ends_a_waiting_take(nursery: trio.Nursery) -> None:
    outbox = Outbox()
    ended = trio.Event()

    async def take() -> None:
        with pytest.raises(trio.EndOfChannel):
            await outbox.take()
        ended.set()

    nursery.start_soon(take)
    await wait_all_tasks_blocked()
    outbox.close()
    await ended.wait()


# ---- a writer that makes no progress --------------------------------------------------------------------------------


async def test_stalled_when_full_and_nothing_is_taken(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    outbox = Outbox(max_bytes=10)
    started = trio.current_time()
    await outbox.put(text(A, "x" * 10))

    async def write_until(moment: float) -> None:
        while trio.current_time() < moment:
            await trio.sleep(20)
            await outbox.take()
        await trio.sleep_forever()

    async def put_forever() -> None:
        while True:
            await outbox.put(text(A, "x" * 10))

    nursery.start_soon(put_forever)
    nursery.start_soon(write_until, started + 100)
    await outbox.wait_stalled(30)
    assert trio.current_time() - started == 130


async def test_not_stalled_while_no_put_waits(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    outbox = Outbox(max_bytes=10)
    await outbox.put(text(A, "x" * 10))
    with trio.move_on_after(1000) as scope:
        await outbox.wait_stalled(30)
    assert scope.cancelled_caught


# ---- direct writes --------------------------------------------------------------------------------------------------


class Direct:
    """A direct writer that accepts frames while `open`, and leaves part of each unsent while `narrow`."""

    def __init__(self) -> None:
        self.sent: list[AnswerFrame] = []
        self.open = True
        self.narrow = False
        self.unsent = False
        self.go_on = trio.Event()

    def try_send(self, frame: StreamText) -> bool:
        if self.open:
            self.sent.append(frame)
            self.unsent = self.narrow
        return self.open

    async def flush(self) -> None:
        await self.go_on.wait()
        self.unsent = False


async def write_all(outbox: Outbox, sent: list[AnswerFrame]) -> None:
    with suppress(trio.EndOfChannel):
        while True:
            sent.append(await outbox.take())


async def test_text_is_sent_directly_while_the_reader_waits(nursery: trio.Nursery) -> None:
    direct = Direct()
    outbox = Outbox(direct=direct)
    await outbox.put(text(A, "early"))  # before the reader waits
    assert direct.sent == []
    nursery.start_soon(write_all, outbox, direct.sent)
    await wait_all_tasks_blocked()
    await put_all(outbox, text(A, "a"), text(B, "b"))
    # No other task has run.
    assert direct.sent == [text(A, "early"), text(A, "a"), text(B, "b")]
    outbox.put_control(WsPong())
    await put_all(outbox, text(A, "c"), end(A))
    await wait_all_tasks_blocked()
    assert direct.sent[3:] == [WsPong(), text(A, "c"), end(A)]
    assert outbox.queued_bytes == 0


async def test_text_that_cannot_be_sent_directly_is_queued(nursery: trio.Nursery) -> None:
    direct = Direct()
    outbox = Outbox(direct=direct)
    nursery.start_soon(write_all, outbox, direct.sent)
    await wait_all_tasks_blocked()
    direct.open = False
    await outbox.put(text(A, "a"))
    direct.open = True
    await outbox.put(text(A, "b"))
    await wait_all_tasks_blocked()
    # One frame or two: the writer may have taken the first already.
    assert flattened(direct.sent, A) == [(0, "a"), (0, "b")]


async def test_nothing_overtakes_a_frame_that_was_sent_in_part(nursery: trio.Nursery) -> None:
    direct = Direct()
    outbox = Outbox(direct=direct)
    nursery.start_soon(write_all, outbox, direct.sent)
    await wait_all_tasks_blocked()
    direct.narrow = True
    await put_all(outbox, text(A, "a"), text(A, "b"), text(A, "c"))
    await wait_all_tasks_blocked()
    assert direct.sent == [text(A, "a")]
    outbox.close()
    await wait_all_tasks_blocked()
    assert direct.sent == [text(A, "a")]
    direct.go_on.set()
    await wait_all_tasks_blocked()
    assert direct.sent == [text(A, "a"), text(A, "bc")]


async def test_a_cancelled_put_does_not_overtake_others(nursery: trio.Nursery) -> None:
    direct = Direct()
    outbox = Outbox(direct=direct)
    nursery.start_soon(write_all, outbox, direct.sent)
    await wait_all_tasks_blocked()
    with trio.CancelScope() as scope:
        scope.cancel()
        await outbox.put(text(A, "a"))
    assert scope.cancelled_caught
    assert direct.sent == []
