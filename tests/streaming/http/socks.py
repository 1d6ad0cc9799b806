"""A SOCKS 5 server (RFC 1928, RFC 1929) that connects each client to a loopback port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

_VERSION, _NO_LOGIN, _PASSWORD, _CONNECT, _NAME = 5, 0, 2, 1, 3


@dataclass
class SocksServer:
    """`targets`: the host names and ports that clients asked for; `logins`: what they logged in with."""

    port: int
    targets: list[tuple[str, int]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)


@asynccontextmanager
async def open_socks_server() -> AsyncIterator[SocksServer]:
    """A running server. It takes host names only, and looks for every name on this machine."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = SocksServer(listeners[0].socket.getsockname()[1])

    async def converse(client: trio.SocketStream) -> None:
        async with client:
            target = await _negotiate(server, client)
            server.targets.append(target)
            async with await trio.open_tcp_stream("127.0.0.1", target[1]) as origin:
                await client.send_all(bytes([_VERSION, 0, 0, 1, 127, 0, 0, 1, 0, 0]))
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_pump, client, origin, nursery.cancel_scope)
                    nursery.start_soon(_pump, origin, client, nursery.cancel_scope)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, converse, listeners)
        yield server
        nursery.cancel_scope.cancel()


async def _negotiate(server: SocksServer, client: trio.SocketStream) -> tuple[str, int]:
    version, count = await _read(client, 2)
    assert version == _VERSION
    offered = await _read(client, count)
    method = _PASSWORD if _PASSWORD in offered else _NO_LOGIN
    assert method in offered
    await client.send_all(bytes([_VERSION, method]))
    if method == _PASSWORD:
        assert await _read(client, 1) == b"\x01"
        server.logins.append((await _text(client), await _text(client)))
        await client.send_all(b"\x01\x00")
    assert await _read(client, 4) == bytes([_VERSION, _CONNECT, 0, _NAME])
    return await _text(client), int.from_bytes(await _read(client, 2))


async def _text(client: trio.SocketStream) -> str:
    (length,) = await _read(client, 1)
    return (await _read(client, length)).decode()


async def _read(client: trio.SocketStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        received = await client.receive_some(count - len(data))
        assert received, "the client closed the connection"
        data += received
    return data


async def _pump(source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope) -> None:
    try:
        while data := await source.receive_some(1 << 16):
            await sink.send_all(data)
    except trio.BrokenResourceError:
        pass
    scope.cancel()
