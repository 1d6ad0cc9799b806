"""A stream that sends without a task switch: order, partial sends, cancellation, and the bytes the peer receives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from server.sockets.direct_stream import DirectStream

LARGE = b"x" * 20_000_000


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[DirectStream, trio.SocketStream]]:
    """Two ends of one TCP connection."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, await trio.open_tcp_stream(*listener.socket.getsockname()[:2]) as peer:
        stream = DirectStream(await listener.accept())
        try:
            yield stream, peer
        finally:
            await stream.aclose()


async def received(peer: trio.SocketStream, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        data += await peer.receive_some()
    return bytes(data)


async def test_direct_and_awaited_sends_keep_their_order() -> None:
    async with connected() as (stream, peer):
        assert stream.getpeername().startswith("127.0.0.1:")
        assert stream.try_send(b"one ") is not None
        await stream.send_all(b"two ")
        assert stream.try_send(b"three ") is not None
        await stream.send_all(bytearray(b"four"))
        assert await received(peer, 18) == b"one two three four"
        await peer.send_all(b"back")
        assert await stream.receive_some(2) == b"ba"
        assert await stream.receive_some() == b"ck"
        await peer.send_eof()
        assert await stream.receive_some() == b""


async def test_the_rest_of_a_partial_send_is_sent_first(nursery: trio.Nursery) -> None:
    async with connected() as (stream, peer):
        assert stream.try_send(LARGE) is not None
        assert "bytes unsent" in repr(stream)
        assert stream.try_send(b"no") is None
        nursery.start_soon(stream.send_all, b"after")
        await wait_all_tasks_blocked()
        assert stream.try_send(b"nor now") is None
        assert await received(peer, len(LARGE) + 5) == LARGE + b"after"
        await wait_all_tasks_blocked()
        assert "0 bytes unsent" in repr(stream)
        assert stream.try_send(b"again") is not None
        assert await received(peer, 5) == b"again"


async def test_a_send_of_nothing_sends_the_rest(nursery: trio.Nursery) -> None:
    async with connected() as (stream, peer):
        stream.try_send(LARGE)
        nursery.start_soon(stream.send_all, b"")
        assert await received(peer, len(LARGE)) == LARGE


async def test_after_a_cancelled_send_try_send_sends_nothing() -> None:
    async with connected() as (stream, _):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.send_all, LARGE)
                await wait_all_tasks_blocked()
                scope.cancel()
        assert stream.try_send(b"in the middle of a frame") is None


async def test_a_peer_that_is_gone() -> None:
    async with connected() as (stream, peer):
        await peer.aclose()
        assert await stream.receive_some() == b""
        with pytest.raises(trio.BrokenResourceError):  # noqa: PT012 - the first may still be taken
            for _ in range(100):
                stream.try_send(b"x")
                await stream.send_all(b"x")
        assert stream.try_send(b"x") is None


async def test_a_closed_stream(nursery: trio.Nursery) -> None:
    async with connected() as (stream, _):
        caught = trio.Event()

        async def receive() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await stream.receive_some()
            caught.set()

        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        await stream.aclose()
        await stream.aclose()
        await caught.wait()
        assert "closed" in repr(stream)
        assert stream.try_send(b"x") is None
        for call in (stream.send_all(b"x"), stream.receive_some(), stream.wait_send_all_might_not_block()):
            with pytest.raises(trio.ClosedResourceError):
                await call
