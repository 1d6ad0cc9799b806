"""Bytes to and from one peer: direct system calls on a plain socket, trio's streams for anything else."""

from __future__ import annotations

import select
import socket
from typing import Final, Protocol

import trio

_RECEIVE_BYTES: Final = 64 * 1024


class Channel(Protocol):
    """A connected byte stream for one task. `receive` and `send` raise OSError or trio's resource errors."""

    async def receive(self) -> bytes:
        """At least one byte; b"" at the end of the stream."""
        ...

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        ...

    def readable(self) -> bool:
        """Whether there are unread bytes, or the peer has closed its side."""
        ...

    def wake(self) -> None:
        """Make the waiting `receive` and all later calls raise `trio.ClosedResourceError`."""
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

    async def receive(self) -> bytes:
        # A model usually has not sent anything yet. So wait first; the wait is also the checkpoint.
        while True:
            if self._woken:
                raise trio.ClosedResourceError
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                continue

    async def send(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
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

    async def receive(self) -> bytes:
        if self._woken:
            raise trio.ClosedResourceError
        return bytes(await self._stream.receive_some(_RECEIVE_BYTES))

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
