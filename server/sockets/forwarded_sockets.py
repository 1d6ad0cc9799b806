"""The sockets that this process accepted and another one serves: frames, pings and close codes pass both ways."""

from __future__ import annotations

import secrets
from typing import Final

import trio

from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.frame_stream import FrameStream
from streaming.wire import CloseCode

_LAST_FRAMES_S: Final = 1.0


class ForwardedSockets:
    """All such sockets of this process."""

    def __init__(self) -> None:
        self._open: set[trio.CancelScope] = set()
        self._draining = trio.Event()
        self._spread_ms = 0

    def __len__(self) -> int:
        return len(self._open)

    def drain(self, spread_ms: int) -> None:
        """The other processes tell the devices to reconnect, each within `spread_ms`, and close the sockets."""
        self._spread_ms = spread_ms
        self._draining.set()

    def close_all(self) -> None:
        """Close the sockets now."""
        for scope in self._open:
            scope.cancel()

    async def forward(self, device_socket: DeviceSocket, stream: FrameStream) -> int:
        """Forward until one side closes. Returns the close code."""
        ended: list[SocketClosed] = []
        forwarded = trio.Event()
        async with trio.open_nursery() as nursery:

            async def from_device() -> None:
                while True:
                    try:
                        text = await device_socket.receive()
                    except SocketClosed as closed:
                        ended.append(closed)
                        await stream.close(closed.code, closed.reason)
                        nursery.cancel_scope.cancel()
                        return
                    try:
                        await stream.send(text.encode())
                    except SocketClosed:
                        return  # the other process has closed

            async def to_device() -> None:
                try:
                    while True:
                        await _send(device_socket, await stream.receive())
                except SocketClosed:
                    forwarded.set()

            async def answer_pings() -> None:
                try:
                    while True:
                        number = await stream.pinged()
                        await device_socket.ping()
                        await stream.pong(number)
                except SocketClosed:
                    pass

            async def drain() -> None:
                await self._draining.wait()
                await stream.drain(secrets.randbelow(max(self._spread_ms, 1)))

            self._open.add(nursery.cancel_scope)
            try:
                for task in (stream.run, from_device, to_device, answer_pings, drain):
                    nursery.start_soon(task)
                await stream.closed()
                # The frames that came before the close code are sent first, if the device takes them in time.
                with trio.move_on_after(_LAST_FRAMES_S):
                    await forwarded.wait()
            finally:
                self._open.discard(nursery.cancel_scope)
            nursery.cancel_scope.cancel()
        if ended:
            return ended[0].code
        code, reason = stream.close_code or (int(CloseCode.DRAINING), "the server process of this session ended")
        await device_socket.close(code, reason)
        return code


async def _send(device_socket: DeviceSocket, text: bytes) -> None:
    unsent = device_socket.try_send(text)
    if unsent is None:
        await device_socket.send(text.decode())
    elif unsent:
        await device_socket.flush()
