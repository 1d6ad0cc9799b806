"""Scripted peers on loopback: TCP, TLS, and a small HTTP proxy."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import trio
import trustme

Script = Callable[["Conversation"], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Conversation:
    """One accepted connection, for a script."""

    stream: trio.abc.Stream
    received: bytearray = field(default_factory=bytearray)

    async def request(self) -> tuple[bytes, bytes]:
        """The next request: its head, and a body of the announced length."""
        while b"\r\n\r\n" not in self.received:
            await self.more()
        head, _, rest = bytes(self.received).partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(rest) < length:
            await self.more()
            rest = bytes(self.received).partition(b"\r\n\r\n")[2]
        self.received = bytearray(rest[length:])
        return head, rest[:length]

    async def more(self) -> None:
        data = await self.stream.receive_some(1 << 16)
        if not data:
            raise trio.EndOfChannel
        self.received += data

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def until_closed(self) -> None:
        """Return when the client has closed the connection."""
        try:
            while await self.stream.receive_some(1 << 16):
                pass
        except trio.BrokenResourceError:
            pass


@dataclass
class Peer:
    """A listener. `open` counts the connections that the client has not closed, `accepted` counts all connections."""

    port: int
    accepted: int = 0
    open: int = 0
    heads: list[bytes] = field(default_factory=list)
    changed: trio.Condition = field(default_factory=trio.Condition)

    def url(self, path: str = "/", scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def all_closed(self) -> None:
        """Return when no connection is open."""
        async with self.changed:
            while self.open:
                await self.changed.wait()


@asynccontextmanager
async def open_peer(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """A peer that runs `script` on each connection and then closes it."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    peer = Peer(listeners[0].socket.getsockname()[1])

    async def converse(stream: trio.SocketStream) -> None:
        peer.accepted += 1
        peer.open += 1
        try:
            secured = stream if tls is None else trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
            await script(Conversation(secured))
        except (trio.BrokenResourceError, trio.EndOfChannel):
            pass
        finally:
            await trio.aclose_forcefully(stream)
            with trio.CancelScope(shield=True):
                async with peer.changed:
                    peer.open -= 1
                    peer.changed.notify_all()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, converse, listeners)
        yield peer
        nursery.cancel_scope.cancel()


def unread(descriptor: int) -> bytes | None:
    """What a peer's connection could read now, without reading it: b"" if the client has closed it, None: nothing."""
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        try:
            return connection.recv(1 << 16, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            return b""


def answering(*answers: bytes, hold: bool = False, heads: list[bytes] | None = None) -> Script:
    """Each request on a connection gets the next answer; then the connection is closed, or kept open."""

    async def script(conversation: Conversation) -> None:
        for answer in answers:
            head, _ = await conversation.request()
            if heads is not None:
                heads.append(head)
            await conversation.send(answer)
        if hold:
            await conversation.until_closed()

    return script


@dataclass(frozen=True)
class Certificates:
    """A certificate authority for a test: the server's certificate, and the client's trust store."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def certificates(*names: str) -> Certificates:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(server)
    server.set_alpn_protocols(["h2", "http/1.1"])
    client = httpx.create_ssl_context(trust_env=False)
    authority.configure_trust(client)
    return Certificates(server, client)


def proxying(heads: list[bytes], refuse: bytes | None = None) -> Script:
    """A proxy that forwards absolute requests to the loopback port in them and tunnels CONNECT."""

    async def script(conversation: Conversation) -> None:
        head, body = await conversation.request()
        heads.append(head)
        if refuse is not None:
            await conversation.send(refuse)
            return
        method, target, _ = head.split(b"\r\n")[0].split(b" ")
        authority = target if method == b"CONNECT" else target.split(b"/")[2]
        async with await trio.open_tcp_stream("127.0.0.1", int(authority.rpartition(b":")[2])) as origin:
            if method == b"CONNECT":
                await conversation.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                await origin.send_all(head.replace(b" HTTP/1.1", b" HTTP/1.1", 1) + b"\r\n\r\n" + body)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_pump, conversation.stream, origin, nursery)
                nursery.start_soon(_pump, origin, conversation.stream, nursery)

    return script


async def _pump(source: trio.abc.Stream, sink: trio.abc.Stream, nursery: trio.Nursery) -> None:
    try:
        while data := await source.receive_some(1 << 16):
            await sink.send_all(data)
    except trio.BrokenResourceError:
        pass
    nursery.cancel_scope.cancel()
