"""A device's socket whose connection another process has, as the process sees it that has the device's session."""

from __future__ import annotations

from typing import Final, Protocol

import trio

from server.sockets.frame_stream import ByteStream, FrameStream

# Longer than the last frames and the close of a WebSocket together take at most.
_CLOSE_S: Final = 4.0
_TEXT_TYPE: Final = '"type":"stream_text"'
_TYPE_WITHIN_CHARS: Final = 60


class HandedSocket:
    """A `server.sockets.device_socket.DeviceSocket` whose connection another process of this host has."""

    def __init__(self, stream: FrameStream, peer: str) -> None:
        self._stream = stream
        self._peer = peer
        self._closing = False

    def __repr__(self) -> str:
        return f"<HandedSocket of {self._peer}>"

    @property
    def peer(self) -> str:
        return self._peer

    @property
    def bearer_token(self) -> str | None:
        return None

    async def receive(self) -> str:
        return (await self._stream.receive()).decode()

    async def send(self, text: str) -> None:
        await self._stream.send(text.encode())

    def try_send(self, message: bytes) -> int | None:
        return None if self._closing else self._stream.try_send(message)

    @property
    def unsent(self) -> bool:
        return self._stream.unsent

    async def flush(self) -> None:
        await self._stream.flush()

    async def ping(self) -> None:
        await self._stream.ping()

    async def draining(self) -> int:
        """Wait until the other process stops. The number of milliseconds after which the device may reconnect."""
        return await self._stream.draining()

    async def close(self, code: int, reason: str) -> None:
        if self._closing:
            return
        self._closing = True
        with trio.move_on_after(_CLOSE_S):
            await self._stream.close(code, reason)
            await self._stream.closed()


class PacedStream(ByteStream, Protocol):
    """A stream that sends only a few times a second; `server.relay.streams.RelayedStream` is one."""

    async def sent(self) -> None:
        """Wait until everything was sent, or the stream is broken."""
        ...


class PacedSocket(HandedSocket):
    """A `HandedSocket` over a `PacedStream`.

    `send` of text waits until the stream has sent it, so that the outbox merges the text that comes meanwhile. Other
    frames do not wait for that.
    """

    def __init__(self, stream: FrameStream, peer: str, paced: PacedStream) -> None:
        super().__init__(stream, peer)
        self._paced = paced

    async def send(self, text: str) -> None:
        await super().send(text)
        if _TEXT_TYPE in text[:_TYPE_WITHIN_CHARS]:
            await self._paced.sent()

    def try_send(self, message: bytes) -> int | None:  # noqa: ARG002 - every text frame waits
        return None
