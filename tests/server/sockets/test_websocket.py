"""Frames of `try_send` between frames of the WebSocket library, as the library's client reads them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from server.net.origins import AllowedOrigins
from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.listener import serve_device_sockets
from server.sockets.websocket import DEVICE_PATH

Handler = Callable[[DeviceSocket], Awaitable[None]]


@asynccontextmanager
async def connected(handler: Handler, nursery: trio.Nursery) -> AsyncIterator[WebSocketConnection]:
    """A client of a server that runs `handler`."""
    serve = partial(
        serve_device_sockets, handler, "127.0.0.1", 0, max_message_bytes=1 << 20, origin_allowed=AllowedOrigins().allows
    )
    host, port = await nursery.start(serve)
    async with open_websocket_url(f"ws://{host}:{port}{DEVICE_PATH}", max_message_size=1 << 30) as client:
        yield client
    nursery.cancel_scope.cancel()


LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, 100_000]


async def test_messages_of_every_length_and_kind_keep_their_order(nursery: trio.Nursery) -> None:
    async def handler(socket: DeviceSocket) -> None:
        for length in LENGTHS:
            await socket.send("é" * length)
            while socket.try_send(b"x" * length) is None:
                await socket.flush()
            await socket.flush()
        with suppress(SocketClosed):
            await socket.receive()

    async with connected(handler, nursery) as client:
        for length in LENGTHS:
            assert await client.get_message() == "é" * length
            assert await client.get_message() == "x" * length


async def test_a_message_that_the_network_takes_needs_no_step_of_the_library(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library takes two locks for a message, and each lets all other tasks run."""
    sent = list[str]()
    ended = trio.Event()

    async def handler(socket: DeviceSocket) -> None:
        for text in ("one", "zwei é"):
            await socket.send(text)
            sent.append(text)
        ended.set()
        with suppress(SocketClosed):
            await socket.receive()

    async with connected(handler, nursery) as client:
        with monkeypatch.context() as patched:
            patched.setattr(WebSocketConnection, "send_message", None)
            assert [await client.get_message(), await client.get_message()] == ["one", "zwei é"]
            await ended.wait()
        assert sent == ["one", "zwei é"]


async def test_a_ping_and_a_message_do_not_cut_into_a_frame_that_is_half_sent(nursery: trio.Nursery) -> None:
    large = b"x" * 20_000_000
    pinged = trio.Event()

    async def handler(socket: DeviceSocket) -> None:
        assert socket.try_send(large) is not None
        assert socket.try_send(b"no") is None
        async with trio.open_nursery() as sending:
            sending.start_soon(socket.ping)
            await trio.testing.wait_all_tasks_blocked(0.01)
            pinged.set()
            await socket.send("after")
        assert not socket.unsent
        await socket.close(1000, "")

    async with connected(handler, nursery) as client:
        await pinged.wait()
        assert await client.get_message() == large.decode()
        assert await client.get_message() == "after"


async def test_nothing_is_sent_on_a_socket_that_is_closed(nursery: trio.Nursery) -> None:
    done = trio.Event()

    async def handler(socket: DeviceSocket) -> None:
        with pytest.raises(SocketClosed):
            await socket.receive()
        assert socket.try_send(b"late") is None
        with pytest.raises(SocketClosed):
            await socket.send("late")
        await socket.close(1000, "")
        assert socket.try_send(b"later") is None
        done.set()

    async with connected(handler, nursery) as client:
        await client.aclose()
        await done.wait()
