"""A device over a real socket, frame by frame: it can lose its socket, and connect again with its cursor."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import trio

from client.terminal.connection import ConnectError, Connection, ConnectionLostError, open_connection
from streaming.wire import PROTOCOL_VERSION

_WITHIN_S = 25


@dataclass
class RawDevice:
    """One device. `connected` opens a socket, whose end is a lost connection: no close code is sent before it."""

    token: str
    device_id: UUID = field(default_factory=uuid4)
    features: tuple[str, ...] = ("ledger",)
    cursor: tuple[str, int] | None = None
    texts: dict[int, str] = field(default_factory=dict)
    """The text of each block."""
    called: list[dict[str, Any]] = field(default_factory=list)
    """The tool calls that the device was sent, and answered."""

    @asynccontextmanager
    async def connected(self, ws_url: str, *, resume: bool = True) -> AsyncIterator[RawSocket]:
        """A socket that has received `device_ready`."""
        async with AsyncExitStack() as stack:
            connection = await _open(stack, ws_url)
            socket = RawSocket(self, connection)
            cursor = dict(zip(("session_id", "seq"), self.cursor, strict=True)) if self.cursor else {}
            await socket.say(
                type="device_hello",
                token=self.token,
                device_id=str(self.device_id),
                protocol_versions=[PROTOCOL_VERSION],
                client={"name": "t", "version": "1", "platform": "terminal"},
                features=self.features,
                **({"resume": cursor} if cursor and resume else {}),
            )
            socket.ready = await socket.hear("device_ready")
            if socket.ready["resume"] != "resumed":
                self.cursor = socket.ready["session_id"], socket.ready["seq"]
            yield socket


async def _open(stack: AsyncExitStack, ws_url: str) -> Connection:
    """A connection. One that a process took before it was killed is lost, so this tries again."""
    gives_up_at = trio.current_time() + _WITHIN_S
    while True:
        try:
            return await stack.enter_async_context(open_connection(ws_url))
        except ConnectError:
            if trio.current_time() > gives_up_at:
                raise
            await trio.sleep(0.05)


class RawSocket:
    """One socket of the device."""

    def __init__(self, device: RawDevice, connection: Connection) -> None:
        self.ready: dict[str, Any] = {}
        self._device = device
        self._connection = connection

    async def say(self, **frame: Any) -> None:
        await self._connection.send_raw(json.dumps(frame, default=str))

    async def hear(self, *types: str) -> dict[str, Any]:
        """The next frame of these types. Applies the frames before it, and answers tool calls."""
        with trio.fail_after(_WITHIN_S):
            while True:
                frame: dict[str, Any] = json.loads(await self._connection.receive_raw())
                await self._apply(frame)
                if frame["type"] in types:
                    return frame

    async def hear_text(self, text: str) -> None:
        """Wait until block 0 is this text."""
        while self._device.texts.get(0) != text:
            await self.hear("stream_text")

    async def closed(self) -> int:
        """Wait for the close of the socket. Returns its code."""
        with trio.fail_after(_WITHIN_S):
            while True:
                try:
                    await self._apply(json.loads(await self._connection.receive_raw()))
                except ConnectionLostError as lost:
                    return lost.code

    async def _apply(self, frame: dict[str, Any]) -> None:
        device = self._device
        if device.cursor is not None and frame["type"] != "device_ready":
            device.cursor = device.cursor[0], frame["seq"]
        if frame["type"] == "stream_text":
            before = "" if frame.get("replace") else device.texts.get(frame["block"], "")
            device.texts[frame["block"]] = before + frame["chunk"]
        elif frame["type"] == "tool_call":
            device.called.append(frame)
            data = {"id": f"t{len(device.called)}", **frame["args"].get("data", {})}
            await self.say(type="tool_result", call_id=frame["call_id"], ok=True, data=data)
