"""The outbox while requests are cancelled and sockets come, go, or take nothing."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from streaming.wire import (
    WsAuthExpiring,
    WsError,
    WsPong,
    WsToolCancel,
)
from streaming.wire.codes import ErrorCode
from tests.server.sessions.outbox_session import A, B, C, Direct, Session, block, end, text

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


async def test_a_stopped_request_logs_nothing_more() -> None:
    session = Session()
    await session.put(text(A, "a"))
    session.requests[A].cancel()
    with trio.move_on_after(0):
        await session.put(text(A, "b"))
    assert session.requests[A].log.result().blocks[0].content == "a"
    assert await session.drain() == [text(A, "a")]


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
async def test_queued_puts_and_takes_are_checkpoints(attached: bool) -> None:
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
