"""The tasks and memory of an idle session: a server may have thousands of them."""

from __future__ import annotations

import gc
import json
import struct
from collections.abc import Sequence
from contextlib import AsyncExitStack, _GeneratorContextManager
from functools import partial
from urllib.parse import urlsplit

import trio
import trio.testing
from trio_websocket import open_websocket
from wsproto.handshake import H11Handshake

from server.net.origins import AllowedOrigins
from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.listener import serve_device_sockets
from server.sockets.websocket import DEVICE_PATH
from streaming.wire import WsDeviceHello
from tests.server.memory_server import hello, memory_server
from tests.server.scripted_model import text_block
from tests.server.tessera import open_tessera


async def test_an_idle_session_has_two_tasks_and_has_them_again_after_a_request() -> None:
    stack = memory_server()
    stack.model.answer(text_block("hi"))
    async with stack.running():
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        async with stack.device() as socket:
            await trio.testing.wait_all_tasks_blocked()
            idle = trio.lowlevel.current_statistics().tasks_living
            assert idle - before == 2
            await socket.say(type="home_request", message="hello")
            await socket.hear_until("stream_end")
            await trio.testing.wait_all_tasks_blocked()
            assert trio.lowlevel.current_statistics().tasks_living == idle


async def test_an_idle_session_keeps_no_hello_and_no_generator(database: str) -> None:
    kinds = (WsDeviceHello, _GeneratorContextManager)
    async with open_tessera(database) as server, AsyncExitStack() as sockets:
        account = await server.account()
        await sockets.enter_async_context(await ready_device(server.ws_url, account.access_token))
        # Kept here until the end: a freed object could leave its address to a new one.
        before = await objects(kinds)
        for _ in range(4):
            await sockets.enter_async_context(await ready_device(server.ws_url, account.access_token))
        # The server has other work meanwhile, so an object counts if every look sees it.
        looks = [{(type(thing), id(thing)) for thing in await objects(kinds)} for _ in range(3)]
    assert set.intersection(*looks) - {(type(thing), id(thing)) for thing in before} == set()


async def objects(kinds: Sequence[type]) -> list[object]:
    """All objects of these kinds in this process, also those of earlier tests."""
    await trio.sleep(0.02)
    await trio.testing.wait_all_tasks_blocked()
    gc.collect()
    return [thing for thing in gc.get_objects() if type(thing) in kinds]


async def ready_device(url: str, token: str) -> trio.SocketStream:
    """An open device socket. The client keeps nothing but the TCP stream, so that it does not count."""
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    stream = await trio.open_tcp_stream(address.hostname, address.port)
    await stream.send_all(
        f"GET {DEVICE_PATH} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    await heard(stream, b"\r\n\r\n")
    text = json.dumps(hello(token)).encode()
    # A masked text frame whose mask is zero.
    await stream.send_all(struct.pack("!BBH4x", 0x81, 0x80 | 126, len(text)) + text)
    await heard(stream, b'"device_ready"')
    return stream


async def heard(stream: trio.SocketStream, wanted: bytes) -> None:
    data = b""
    while wanted not in data:
        received = await stream.receive_some()
        assert received
        data += received


async def test_an_open_socket_keeps_nothing_of_its_handshake(nursery: trio.Nursery) -> None:
    async def echo(socket: DeviceSocket) -> None:
        try:
            while True:
                await socket.send(await socket.receive())
        except SocketClosed:
            return

    serve = partial(
        serve_device_sockets, echo, "127.0.0.1", 0, max_message_bytes=1024, origin_allowed=AllowedOrigins().allows
    )
    host, port = await nursery.start(serve)
    async with open_websocket(host, port, DEVICE_PATH, use_ssl=False) as client:
        for text in ("one", "two"):
            await client.send_message(text)
            assert await client.get_message() == text
        gc.collect()
        handshakes = [thing for thing in gc.get_objects() if isinstance(thing, H11Handshake)]
        assert [handshake.client for handshake in handshakes] == [True]
    nursery.cancel_scope.cancel()


async def test_sessions_without_a_socket_have_no_task_and_end_in_their_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stack = memory_server(resume_grace_s=10.0)
    async with stack.running():
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        for _ in range(3):
            async with stack.device():
                pass
            await trio.sleep(2)
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == before
        assert len(stack.sessions) == 3
        device_id = next(iter(stack.registry.all())).device_id
        async with stack.device(device_id=device_id):  # the first one comes back
            await trio.sleep(7)  # the second has ended, the third has not
            assert len(stack.sessions) == 2
            await trio.sleep(20)
            assert [link.device_id for link in stack.registry.all()] == [device_id]
        await trio.sleep(9)
        assert len(stack.sessions) == 1
        await trio.sleep(2)
        assert len(stack.sessions) == 0
