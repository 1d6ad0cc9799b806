"""Text frames, pings and close codes between two processes, over one stream. Both sides are the same.

A message is one byte for its kind, four for the length of its payload, and the payload. A side sends text only while
the other side has taken all but `_AHEAD_BYTES` of the text before it. So each side can always read: pings and close
codes never wait behind text that nobody takes, and at most `_AHEAD_BYTES` and one frame wait in memory.
"""

from __future__ import annotations

import struct
from collections import deque
from enum import IntEnum
from typing import Final, Protocol, TypeVar

import trio

from server.sockets.device_socket import SocketClosed

T = TypeVar("T")
_AHEAD_BYTES: Final = 64 * 1024
_RECEIVE_BYTES: Final = 64 * 1024
_MAX_BYTES: Final = 64 * 1024 * 1024
_WRITE_S: Final = 2.0
_ABNORMAL: Final = 1006
_HEAD: Final = struct.Struct("!BI")
_NUMBER: Final = struct.Struct("!I")
_CODE: Final = struct.Struct("!H")


class ByteStream(Protocol):
    """What frames travel over: a `DirectStream`, or a stream through the relay. Errors as of `trio.abc.Stream`."""

    def try_send(self, data: bytes) -> int | None:
        """Send `data` if some of it can be sent without waiting. Returns how much is kept; None if nothing was sent."""
        ...

    @property
    def unsent(self) -> bool:
        """Whether a part of the data that `try_send` accepted is not sent yet. `send_all` sends it first."""
        ...

    async def send_all(self, data: bytes) -> None:
        """Send `data`. Several tasks may send; the data of each call stays together."""
        ...

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Some bytes, or none at the end."""
        ...

    async def aclose(self) -> None:
        """Close immediately, also if cancelled."""
        ...


class _Kind(IntEnum):
    TEXT = 1
    TAKEN = 2  # the number of bytes of text that were taken
    PING = 3
    PONG = 4
    CLOSE = 5
    DRAIN = 6  # milliseconds after which the device may reconnect


class FrameStream:
    """One side. `run` must run while the others are used. Raises `SocketClosed` when the other side has closed."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._data = bytearray()
        self._received: deque[bytes] = deque()
        self._ahead = 0
        self._pings: deque[int] = deque()
        self._drains: deque[int] = deque()
        self._pongs: dict[int, trio.Event] = {}
        self._ping_number = 0
        self._changed = trio.Condition()
        self._closed: SocketClosed | None = None

    def __repr__(self) -> str:
        return f"<FrameStream, {self._ahead} bytes not taken, closed={self._closed}>"

    async def run(self) -> None:
        """Read until the other side closes."""
        try:
            while True:
                while (message := self._next()) is not None:
                    async with self._changed:
                        self._handle(*message)
                        self._changed.notify_all()
                    if self._closed is not None:
                        return
                received = await self._stream.receive_some(_RECEIVE_BYTES)
                if not received:
                    return
                self._data += received
        except (trio.BrokenResourceError, trio.ClosedResourceError, _MessageTooLong, struct.error):
            pass  # the other process is gone, or no longer follows the protocol
        finally:
            self._closed = self._closed or SocketClosed(_ABNORMAL)
            for pong in self._pongs.values():
                pong.set()
            with trio.CancelScope(shield=True):
                async with self._changed:
                    self._changed.notify_all()

    async def receive(self) -> bytes:
        """The next text frame."""
        text = await self._take(self._received)
        # If the other side is gone, the next `receive` raises.
        await self._write(_Kind.TAKEN, _NUMBER.pack(len(text)))
        return text

    async def pinged(self) -> int:
        """The number of the next ping, for `pong`."""
        return await self._take(self._pings)

    async def send(self, text: bytes) -> None:
        """Send one text frame. A cancelled `send` sends the frame whole or not at all."""
        async with self._changed:
            while self._closed is None and self._ahead >= _AHEAD_BYTES:
                await self._changed.wait()
        self._check()
        self._ahead += len(text)
        if not await self._write(_Kind.TEXT, text):
            raise SocketClosed(_ABNORMAL)

    def try_send(self, text: bytes) -> int | None:
        """Send one text frame if that needs no waiting. Returns how much of it is unsent; None if nothing was sent."""
        if self._closed is not None or self._ahead >= _AHEAD_BYTES:
            return None
        unsent = self._stream.try_send(_HEAD.pack(_Kind.TEXT, len(text)) + text)
        if unsent is not None:
            self._ahead += len(text)
        return unsent

    @property
    def unsent(self) -> bool:
        """Whether a part of a frame that `try_send` accepted is not sent yet."""
        return self._stream.unsent

    async def flush(self) -> None:
        """Send the rest of a frame of `try_send`."""
        self._check()
        try:
            await self._stream.send_all(b"")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise SocketClosed(_ABNORMAL) from None

    async def ping(self) -> None:
        """Send a ping and wait for its pong."""
        self._check()
        self._ping_number = number = (self._ping_number + 1) % (1 << 32)
        pong = self._pongs[number] = trio.Event()
        try:
            await self._write(_Kind.PING, _NUMBER.pack(number))
            await pong.wait()
        finally:
            del self._pongs[number]
        self._check()

    async def pong(self, number: int) -> None:
        """Answer a ping."""
        await self._write(_Kind.PONG, _NUMBER.pack(number))

    async def drain(self, retry_after_ms: int) -> None:
        """Say that this process stops, and after how many milliseconds the device may reconnect."""
        await self._write(_Kind.DRAIN, _NUMBER.pack(retry_after_ms))

    async def draining(self) -> int:
        """Wait for `drain` of the other side. Returns the milliseconds."""
        return await self._take(self._drains)

    async def close(self, code: int, reason: str) -> None:
        """Send a close code. Does nothing if the other side has closed."""
        if self._closed is None:
            await self._write(_Kind.CLOSE, _CODE.pack(code) + reason.encode())

    @property
    def close_code(self) -> tuple[int, str] | None:
        """The code and reason that the other side closed with. None if it has not closed, or ended without a code."""
        if self._closed is None or self._closed.code == _ABNORMAL:
            return None
        return self._closed.code, self._closed.reason

    async def closed(self) -> None:
        """Wait until the other side has closed."""
        async with self._changed:
            while self._closed is None:
                await self._changed.wait()

    # ---- messages ---------------------------------------------------------------------------------------------------

    async def _take(self, waiting: deque[T]) -> T:
        async with self._changed:
            while not waiting and self._closed is None:
                await self._changed.wait()
        if not waiting:
            self._check()
        return waiting.popleft()

    def _check(self) -> None:
        if self._closed is not None:
            raise SocketClosed(self._closed.code, self._closed.reason)

    def _next(self) -> tuple[int, bytes] | None:
        """The next whole message that was read."""
        if len(self._data) < _HEAD.size:
            return None
        kind, length = _HEAD.unpack_from(self._data)
        if length > _MAX_BYTES:
            raise _MessageTooLong
        end = _HEAD.size + length
        if len(self._data) < end:
            return None
        payload = bytes(self._data[_HEAD.size : end])
        del self._data[:end]
        return kind, payload

    def _handle(self, kind: int, payload: bytes) -> None:
        match kind:
            case _Kind.TEXT:
                self._received.append(payload)
            case _Kind.TAKEN:
                self._ahead -= _NUMBER.unpack(payload)[0]
            case _Kind.PING:
                self._pings.append(_NUMBER.unpack(payload)[0])
            case _Kind.PONG:
                pong = self._pongs.get(_NUMBER.unpack(payload)[0])
                if pong is not None:
                    pong.set()
            case _Kind.DRAIN:
                self._drains.append(_NUMBER.unpack(payload)[0])
            case _Kind.CLOSE:
                (code,) = _CODE.unpack_from(payload)
                self._closed = SocketClosed(code, payload[_CODE.size :].decode("utf-8", "replace"))

    async def _write(self, kind: _Kind, payload: bytes) -> bool:
        """Send one message, also if cancelled meanwhile: half a message would end the stream.

        Returns False if the other side is gone. It always reads, so this takes long only if its process hangs.
        """
        try:
            with trio.move_on_after(_WRITE_S, shield=True):
                await self._stream.send_all(_HEAD.pack(kind, len(payload)) + payload)
                return True
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        await self._stream.aclose()
        return False


class _MessageTooLong(Exception):
    pass
