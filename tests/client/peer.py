"""A scripted server of the device protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID, uuid4

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from streaming.wire import (
    CLIENT_FRAME,
    ClientFrame,
    ServerFrame,
    WsDeviceHello,
    WsDeviceReady,
    WsLimits,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsToolCall,
)

F = TypeVar("F")


class Peer:
    """The server's end of one socket."""

    def __init__(self, socket: WebSocketConnection, headers: dict[bytes, bytes]) -> None:
        self.socket = socket
        self.headers = headers
        self.hello: WsDeviceHello | None = None
        self._seq = 0

    async def receive(self) -> ClientFrame:
        return CLIENT_FRAME.validate_json(await self.socket.get_message())

    async def expect(self, kind: type[F]) -> F:
        frame = await self.receive()
        assert isinstance(frame, kind), frame
        return frame

    async def send(self, *frames: ServerFrame) -> None:
        for frame in frames:
            self._seq += 1
            await self.socket.send_message(frame.model_copy(update={"seq": self._seq}).model_dump_json())

    async def greet(self, **fields: object) -> None:
        """Answer the hello. `fields` are those of `device_ready` that differ from the usual ones; `seq` may be one."""
        self.hello = await self.expect(WsDeviceHello)
        limits = WsLimits(max_frame_bytes=1 << 20, max_concurrent_requests=8, max_message_chars=10_000)
        ready = {"session_id": uuid4(), "user_id": uuid4(), "heartbeat_s": 25, "limits": limits, "resume": "new"}
        self._seq = int(str(fields.pop("seq", 1))) - 1
        await self.send(WsDeviceReady.model_validate(ready | fields))

    async def wait_closed(self) -> int:
        """Read until the client closes. Returns its close code."""
        try:
            while True:
                await self.socket.get_message()
        except ConnectionClosed as error:
            return int(error.reason.code) if error.reason is not None else 0


@asynccontextmanager
async def open_peer(script: Callable[[Peer], Awaitable[None]], *, greet: bool = True) -> AsyncIterator[str]:
    """Run `script` for each socket on loopback. Yields the URL. An exception of the script fails the test."""

    async def handle(request: WebSocketRequest) -> None:
        peer = Peer(await request.accept(), dict(request.headers))
        try:
            if greet:
                await peer.greet()
            await script(peer)
            await peer.wait_closed()
        except ConnectionClosed:
            return

    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, handle, "127.0.0.1", 0, None)
        yield f"ws://127.0.0.1:{server.port}/api/v1/ws/device"
        nursery.cancel_scope.cancel()


def start(request_id: UUID | None) -> WsStreamStart:
    assert request_id is not None
    return WsStreamStart(request_id=request_id, agent="task_agent")


def text(request_id: UUID | None, chunk: str, block: int = 0) -> WsStreamText:
    assert request_id is not None
    return WsStreamText(request_id=request_id, block=block, chunk=chunk)


def end(request_id: UUID | None, status: str = "completed") -> WsStreamEnd:
    assert request_id is not None
    return WsStreamEnd.model_validate({"request_id": request_id, "status": status})


def call(tool: str, args: dict[str, object], *, approval: bool = False, deadline_ms: int = 60_000) -> WsToolCall:
    return WsToolCall(
        call_id=uuid4(),
        request_id=uuid4(),
        tool=tool,
        args=args,
        deadline_ms=deadline_ms,
        requires_approval=approval,
    )
