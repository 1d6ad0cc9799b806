"""A device socket over memory channels: the peer's side in a test, without a network."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import trio

from server.sockets.device_socket import SocketClosed


class MemorySocket:
    """Implements `DeviceSocket`. The test is the peer: it calls `say`, `hear` and `hang_up`."""

    def __init__(
        self, *, bearer_token: str | None = None, capacity: float = math.inf, answers_pings: bool = True
    ) -> None:
        self.bearer_token = bearer_token
        self.peer = "memory"
        self.closed_with: tuple[int, str] | None = None
        self.pings = 0
        self.ready: dict[str, Any] = {}
        self._answers_pings = answers_pings
        self._to_server, self._from_peer = trio.open_memory_channel[str](math.inf)
        self._to_peer, self._from_server = trio.open_memory_channel[str](capacity)
        self._hung_up = trio.Event()

    # ---- the server's side

    async def receive(self) -> str:
        try:
            return await self._from_peer.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise SocketClosed(1006 if self.closed_with is None else self.closed_with[0]) from None

    async def send(self, text: str) -> None:
        try:
            await self._to_peer.send(text)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise SocketClosed(1006) from None

    unsent = False

    def try_send(self, message: bytes) -> int | None:
        try:
            self._to_peer.send_nowait(message.decode())
        except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            return None
        return 0

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()

    async def ping(self) -> None:
        self.pings += 1
        if not self._answers_pings:
            await self._hung_up.wait()
            raise SocketClosed(1006)
        await trio.lowlevel.checkpoint()

    async def close(self, code: int, reason: str) -> None:
        if self.closed_with is None:
            self.closed_with = (code, reason)
        self._to_peer.close()
        self._to_server.close()
        await trio.lowlevel.checkpoint()

    # ---- the peer's side

    async def say(self, **frame: Any) -> None:
        await self._to_server.send(json.dumps(frame, default=str))

    async def say_text(self, text: str) -> None:
        await self._to_server.send(text)

    async def hear(self) -> dict[str, Any]:
        """The next frame from the server. Raises `trio.EndOfChannel` when the server has closed."""
        frame: dict[str, Any] = json.loads(await self._from_server.receive())
        return frame

    async def hear_until(self, frame_type: str, **fields: Any) -> list[dict[str, Any]]:
        """Frames up to and with the first of `frame_type` that has `fields`."""
        heard = []
        while True:
            frame = await self.hear()
            heard.append(frame)
            if frame["type"] == frame_type and all(frame[name] == str(value) for name, value in fields.items()):
                return heard

    def heard(self) -> list[dict[str, Any]]:
        """Every frame that has arrived and was not heard."""
        frames = []
        with suppress(trio.WouldBlock):
            while True:
                frames.append(json.loads(self._from_server.receive_nowait()))
        return frames

    async def rest(self) -> list[dict[str, Any]]:
        """Every frame until the server closed."""
        return [json.loads(text) async for text in self._from_server]

    def hang_up(self) -> None:
        """Vanish without a close frame."""
        self._hung_up.set()
        self._to_server.close()
        self._from_server.close()
