"""Admission control of handshakes: a bound on those that run, an order for those that wait, and a refusal beyond."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from trio_websocket import open_websocket

from server.net.origins import AllowedOrigins
from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.handshake_limit import MAX_WAIT_S, HandshakeLimit
from server.sockets.listener import serve_device_sockets
from server.sockets.websocket import DEVICE_PATH

REQUEST = (
    b"GET /api/v1/ws/device HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def test_places_are_given_in_the_order_of_asking() -> None:
    limit = HandshakeLimit(running=1, waiting=3)
    order: list[int] = []
    go_on = trio.Event()

    async def shake_hands(number: int) -> None:
        async with limit.place(begun=number == 3):
            order.append(number)
            await go_on.wait()

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(shake_hands, number)
            await wait_all_tasks_blocked()
        assert (order, limit.waiting, limit.full) == ([0], 3, False)
        assert repr(limit) == "<HandshakeLimit, 0 places free, 3 waiting>"
        go_on.set()
    # The one that has begun is first.
    assert (order, limit.waiting, limit.full) == ([0, 3, 1, 2], 0, False)


async def test_a_handshake_that_is_cancelled_while_it_waits_leaves_the_queue() -> None:
    limit = HandshakeLimit(running=1, waiting=1)
    async with limit.place(begun=False):
        with trio.move_on_after(0):
            async with limit.place(begun=False):
                pytest.fail("there is no place")
        assert limit.waiting == 0
    async with limit.place(begun=False):
        assert not limit.full


async def test_a_handshake_that_is_cancelled_when_it_gets_its_place_gives_it_back() -> None:
    limit = HandshakeLimit(running=1, waiting=1)
    scope = trio.CancelScope()

    async def shake_hands() -> None:
        with scope:
            async with limit.place(begun=False):
                pytest.fail("it was cancelled")

    async with trio.open_nursery() as nursery, limit.place(begun=False):
        nursery.start_soon(shake_hands)
        await wait_all_tasks_blocked()
        scope.cancel()
    assert repr(limit) == "<HandshakeLimit, 1 places free, 0 waiting>"


async def test_no_handshake_begins_to_wait_while_another_has_waited_for_seconds(autojump_clock: MockClock) -> None:
    limit = HandshakeLimit(running=1, waiting=100)

    async def shake_hands() -> None:
        async with limit.place(begun=False):
            pass

    async with trio.open_nursery() as nursery, limit.place(begun=False):
        nursery.start_soon(shake_hands)
        full = []
        for seconds in (MAX_WAIT_S - 0.1, 0.2):
            await trio.sleep(seconds)
            full.append(limit.full)
    assert [*full, limit.full] == [False, True, False]


class Listener:
    """A listener that echoes, with its limit and the number of connections that it refused."""

    def __init__(self, limit: HandshakeLimit) -> None:
        self.limit = limit
        self.refused = 0
        self.port = 0

    def count(self) -> None:
        self.refused += 1

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)


@asynccontextmanager
async def listening(limit: HandshakeLimit) -> AsyncIterator[Listener]:
    async def echo(socket: DeviceSocket) -> None:
        try:
            while True:
                await socket.send(await socket.receive())
        except SocketClosed:
            return

    listener = Listener(limit)
    serve = partial(
        serve_device_sockets,
        echo,
        "127.0.0.1",
        0,
        max_message_bytes=1024,
        origin_allowed=AllowedOrigins().allows,
        handshakes=limit,
        on_refused=listener.count,
    )
    async with trio.open_nursery() as nursery:
        _, listener.port = await nursery.start(serve)
        yield listener
        nursery.cancel_scope.cancel()


async def test_a_connection_beyond_the_bound_is_refused_with_a_time_to_come_back() -> None:
    async with listening(HandshakeLimit(running=1, waiting=1)) as listener:
        async with listener.limit.place(begun=False):
            first = await listener.connect()
            await first.send_all(REQUEST)
            while listener.limit.waiting == 0:
                await trio.lowlevel.checkpoint()
            second = await listener.connect()
            await second.send_all(REQUEST)
            answer = b"".join([data async for data in second])
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 2\r\n" in answer
            assert listener.refused == 1
            await second.aclose()
        # The one that waited gets its turn.
        assert (await first.receive_some(1024)).startswith(b"HTTP/1.1 101 ")
        await first.aclose()


@pytest.mark.parametrize("sent", [b"", REQUEST[:60]])
async def test_a_peer_that_does_not_send_its_request_takes_no_place(sent: bytes) -> None:
    async with listening(HandshakeLimit(running=1, waiting=1)) as listener:
        silent = [await listener.connect() for _ in range(4)]
        for stream in silent:
            if sent:
                await stream.send_all(sent)
        async with open_websocket("127.0.0.1", listener.port, DEVICE_PATH, use_ssl=False) as client:
            await client.send_message("hello")
            assert await client.get_message() == "hello"
        # A request that arrives in parts is answered when it is whole.
        await silent[0].send_all(REQUEST[len(sent) :])
        assert (await silent[0].receive_some(1024)).startswith(b"HTTP/1.1 101 ")
        for stream in silent:
            await stream.aclose()


async def test_a_peer_that_goes_away_while_it_waits_frees_its_turn() -> None:
    async with listening(HandshakeLimit(running=1, waiting=5)) as listener:
        async with listener.limit.place(begun=False):
            gone = await listener.connect()
            await gone.send_all(REQUEST)
            await gone.aclose()
            while listener.limit.waiting == 0:
                await trio.lowlevel.checkpoint()
        async with open_websocket("127.0.0.1", listener.port, DEVICE_PATH, use_ssl=False) as client:
            await client.send_message("hello")
            assert await client.get_message() == "hello"
