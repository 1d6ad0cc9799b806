"""Bytes to and from one peer: direct system calls on a plain socket, trio's streams for anything else."""

from __future__ import annotations

import select
import socket
from collections.abc import Awaitable
from typing import Final, Protocol

import trio

_RECEIVE_BYTES: Final = 64 * 1024


class Channel(Protocol):
    """A connected byte stream for one task. `wait`, `received` and `send` raise OSError or trio's resource errors."""

    def wait(self) -> Awaitable[None]:
        """Wait until `received` has something. The wait is a checkpoint."""
        ...

    def received(self) -> bytes | None:
        """What has come, at least one byte; b"" at the end of the stream; None if it was nothing."""
        ...

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        ...

    def readable(self) -> bool:
        """Whether there are unread bytes, or the peer has closed its side."""
        ...

    def wake(self) -> None:
        """Make the `wait` that runs and all later calls raise `trio.ClosedResourceError`."""
        ...

    def close(self) -> None:
        """Close immediately, without TLS shutdown. May be called again."""
        ...


class PlainChannel:
    """A TCP socket without trio's stream and socket layers, which cost more than the system calls.

    Takes over `stream`'s socket.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._socket = socket.socket(fileno=stream.socket.detach())
        self._socket.setblocking(False)
        self._closed = False
        self._woken = False

    def wait(self) -> Awaitable[None]:
        # A model usually has not sent anything yet, so nothing tries to receive before this.
        if self._woken:
            raise trio.ClosedResourceError
        return trio.lowlevel.wait_readable(self._socket)  # noqa: ASYNC105 - the caller awaits it: one coroutine less

    def received(self) -> bytes | None:
        try:
            return self._socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return None

    async def send(self, data: bytes) -> None:
        # Other tasks run when the answer is waited for.
        await trio.lowlevel.checkpoint_if_cancelled()
        with memoryview(data) as left:
            at = 0
            while at < len(left):
                try:
                    at += self._socket.send(left[at:])
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._socket)

    def readable(self) -> bool:
        return _readable(self._socket.fileno())

    def wake(self) -> None:
        self._woken = True
        if not self._closed:
            trio.lowlevel.notify_closing(self._socket)

    def close(self) -> None:
        self.wake()
        if not self._closed:
            self._closed = True
            self._socket.close()


class StreamChannel:
    """A trio stream, such as TLS, over the TCP connection of `transport`."""

    def __init__(self, stream: trio.abc.Stream, transport: trio.SocketStream) -> None:
        self._stream = stream
        self._socket = transport.socket
        self._woken = False
        self._received: bytes | None = None

    async def wait(self) -> None:
        if self._woken:
            raise trio.ClosedResourceError
        self._received = bytes(await self._stream.receive_some(_RECEIVE_BYTES))

    def received(self) -> bytes | None:
        data, self._received = self._received, None
        return data

    async def send(self, data: bytes) -> None:
        await self._stream.send_all(data)

    def readable(self) -> bool:
        return _readable(self._socket.fileno())

    def wake(self) -> None:
        self._woken = True
        if self._socket.fileno() != -1:
            trio.lowlevel.notify_closing(self._socket)

    def close(self) -> None:
        self._socket.close()


def _readable(fileno: int) -> bool:
    if fileno == -1:
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([fileno], [], [], 0)[0])
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return bool(poll.poll(0))
