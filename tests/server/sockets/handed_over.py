"""Two processes in one: a device's socket that one hands over to the other."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal
from uuid import UUID, uuid4

import trio

from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.handed_socket import HandedSocket
from server.sockets.handover import Handover, NotServed
from server.sockets.openings import VerifiedDevice
from streaming.wire import PROTOCOL_VERSION, CloseCode, WsClientInfo, WsDeviceHello, WsResume
from tests.database import temporary_directory
from tests.server.memory_socket import MemorySocket

Serve = Callable[[DeviceSocket, VerifiedDevice], Awaitable[None]]
DEVICE = VerifiedDevice(
    user_id=uuid4(),
    expires_at=time.time() + 60,
    hello=WsDeviceHello(
        device_id=uuid4(),
        protocol_versions=[PROTOCOL_VERSION],
        client=WsClientInfo(name="test", version="1", platform="linux"),
        resume=WsResume(session_id=uuid4(), seq=7),
        features=["ledger"],
    ),
    peer="192.0.2.1:5000",
)


class Owning:
    """An `Owner` that serves every device with `serve`."""

    def __init__(self, serve: Serve, place: WsResume | Literal["busy"] | None = "busy") -> None:
        self._serve = serve
        self._place = place

    def release(self, device: VerifiedDevice) -> WsResume | Literal["busy"] | None:
        return self._place

    async def serve_handed(self, socket: HandedSocket, device: VerifiedDevice) -> None:
        await self._serve(socket, device)

    def running(self, user_id: UUID, request_id: UUID) -> None:
        return None


class Handed:
    """A device at one process, served by another one. `code` is what `hand_over` returned."""

    def __init__(self, device: MemorySocket) -> None:
        self.device = device
        self.code: int | NotServed | None = None
        self.ended = trio.Event()
        self.scope = trio.CancelScope()
        self.owner_scope = trio.CancelScope()


@asynccontextmanager
async def handed(serve: Serve, device: MemorySocket | None = None) -> AsyncIterator[Handed]:
    with temporary_directory() as folder:
        owner_id = uuid4()
        both = Handed(device or MemorySocket())

        async def own(task_status: trio.TaskStatus[None]) -> None:
            with both.owner_scope:
                await Handover(owner_id, folder).serve(Owning(serve), task_status=task_status)

        async def accept() -> None:
            with both.scope:
                both.code = await Handover(uuid4(), folder).hand_over(owner_id, both.device, DEVICE)
            both.ended.set()

        async with trio.open_nursery() as nursery:
            await nursery.start(own)
            nursery.start_soon(accept)
            yield both
            nursery.cancel_scope.cancel()


async def echo(socket: DeviceSocket, device: VerifiedDevice) -> None:
    assert device == DEVICE
    assert socket.peer == DEVICE.peer
    assert socket.bearer_token is None
    try:
        while True:
            text = await socket.receive()
            if text == "close":
                await socket.close(CloseCode.TOKEN_EXPIRED, "the token has expired")
                return
            await socket.send(text)
    except SocketClosed:
        return
