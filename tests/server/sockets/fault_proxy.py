"""A TCP proxy on loopback that knows the frames of WebSockets, and can cut, delay or freeze a connection at each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Literal

import trio

Side = Literal["server", "client"]
Fault = Literal["pass", "lose", "cut", "freeze", "reorder"]
"""`lose`: end the connection instead of forwarding the frame. `cut`: forward the frame, then end the connection.

`freeze`: forward nothing more in either direction, and do not end the connection: it is half open. `reorder`: end the
connection for the client, and hold its frame until `release` is called: it then arrives after frames of a newer
connection.
"""

_TEXT = 1


class FaultProxy:
    """Forwards connections to `port`. `fault(side, text)` decides for each text frame that `side` has sent."""

    def __init__(self, port: int, fault: Callable[[Side, str], Fault]) -> None:
        self.fault = fault
        self.delay_s = 0.0
        """Seconds that each text frame is delayed."""
        self._port = port
        self._open: set[trio.CancelScope] = set()
        self._released = trio.Event()
        self.held = 0
        """Connections of which a frame is held."""
        self.late = 0
        """Frames that were held and have arrived."""

    def release(self) -> None:
        """Forward what is held."""
        self._released.set()
        self._released = trio.Event()

    def end_all(self) -> None:
        """End every connection, also those that are frozen."""
        for scope in self._open:
            scope.cancel()

    async def serve(self, client: trio.SocketStream) -> None:
        """Forward one connection until it ends."""
        async with client:
            try:
                server = await trio.open_tcp_stream("127.0.0.1", self._port)
            except OSError:
                return
            async with server:
                await self._forward_both(client, server)
                for stream in (client, server):
                    await trio.aclose_forcefully(stream)

    async def _forward_both(self, client: trio.SocketStream, server: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            self._open.add(nursery.cancel_scope)

            async def forward(source: trio.SocketStream, target: trio.SocketStream, side: Side) -> None:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await self._forward(source, target, side)
                nursery.cancel_scope.cancel()

            nursery.start_soon(forward, client, server, "client")
            nursery.start_soon(forward, server, client, "server")
        self._open.discard(nursery.cancel_scope)

    async def _forward(self, source: trio.SocketStream, target: trio.SocketStream, side: Side) -> None:
        async with aclosing(_frames(source)) as frames:
            async for text, data in frames:
                fault = "pass" if text is None else self.fault(side, text)
                if fault == "freeze":
                    await trio.sleep_forever()
                if fault == "reorder":
                    await trio.aclose_forcefully(source)
                    self.held += 1
                    await self._released.wait()
                    self.held -= 1
                    await target.send_all(data)
                    self.late += 1
                    return
                await trio.sleep(0 if text is None else self.delay_s)
                if fault != "lose" and not (self.held and target.socket.fileno() < 0):
                    await target.send_all(data)
                if fault != "pass":
                    return


@asynccontextmanager
async def open_fault_proxy(port: int, fault: Callable[[Side, str], Fault]) -> AsyncIterator[tuple[FaultProxy, int]]:
    """A proxy in front of `port` of this machine, and its own port."""
    proxy = FaultProxy(port, fault)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, proxy.serve, 0)
        yield proxy, listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def _frames(source: trio.SocketStream) -> AsyncGenerator[tuple[str | None, bytes]]:
    """The HTTP head of the handshake, and then each frame, with its text if it is a text frame."""
    data = b""
    head = True
    while True:
        if head and (end := data.find(b"\r\n\r\n")) >= 0:
            yield None, data[: end + 4]
            data, head = data[end + 4 :], False
            continue
        frame = None if head else _first_frame(data)
        if frame is not None:
            text, length = frame
            yield text, data[:length]
            data = data[length:]
            continue
        received = await source.receive_some()
        if not received:
            return
        data += received


def _first_frame(data: bytes) -> tuple[str | None, int] | None:
    """The text and the length of the first frame (RFC 6455, 5.2). None if it is not complete."""
    if len(data) < 2:
        return None
    masked, size, at = data[1] & 0x80, data[1] & 0x7F, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        size, at = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
    mask = data[at : at + 4] if masked else bytes(4)
    at += 4 if masked else 0
    if len(data) < at + size:
        return None
    if data[0] & 0x0F != _TEXT:
        return None, at + size
    payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data[at : at + size]))
    return payload.decode(), at + size
