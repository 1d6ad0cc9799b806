"""A TCP stream that can send without a task switch while no other task is sending."""

from __future__ import annotations

import socket
from typing import Final

import trio

_RECEIVE_BYTES: Final = 64 * 1024


class DirectStream(trio.abc.Stream):
    """Takes over the socket of `stream`. Several tasks may send; each message is sent whole, in order.

    After a cancelled `send_all` the stream can't send any more, like any Trio stream.
    """

    def __init__(self, stream: trio.SocketStream, peer: str | None = None) -> None:
        """`peer`: the client that a proxy has named; None: ask the socket."""
        self._peer = peer
        self._socket = socket.socket(fileno=stream.socket.detach())
        self._socket.setblocking(False)
        self._sending = trio.StrictFIFOLock()
        self._rest = b""
        self._unread = b""
        self._closed = False
        # The number of tasks that send or wait to send, of messages that were cut off, and 1 if the stream is closed.
        self._occupied = 0

    def __repr__(self) -> str:
        return f"<DirectStream {'closed' if self._closed else 'open'}, {len(self._rest)} bytes unsent>"

    @property
    def unsent(self) -> bool:
        """Whether a part of the data that `try_send` accepted is not sent yet. `send_all` sends it first."""
        return bool(self._rest)

    def getpeername(self) -> str:
        """Address and port of the peer. Raises OSError if the peer is gone."""
        if self._peer is not None:
            return self._peer
        host, port = self._socket.getpeername()[:2]
        return f"{host}:{port}"

    def try_send(self, data: bytes) -> int | None:
        """Send `data` if the network accepts some of it now and no other task is sending. The rest is kept.

        Returns the number of bytes that are kept. None means that nothing was sent, including on a broken connection;
        the next `send_all` then raises.
        """
        if self._occupied or self._rest:
            return None
        try:
            sent = self._socket.send(data)
        except OSError:
            return None
        self._rest = data[sent:]
        return len(data) - sent

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`. First sends the rest that `try_send` kept; `data` may be empty."""
        self._occupied += 1
        try:
            await self._sending.acquire()
        except trio.Cancelled:
            self._occupied -= 1
            raise
        try:
            rest, self._rest = self._rest, b""
            with memoryview(rest + data if rest else data) as left:
                at = 0
                while at < len(left):
                    try:
                        at += self._open_socket().send(left[at:])
                    except BlockingIOError:
                        await trio.lowlevel.wait_writable(self._open_socket())
                    except OSError as error:
                        raise trio.BrokenResourceError(str(error)) from error
            self._occupied -= 1
        finally:
            self._sending.release()

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        await trio.lowlevel.wait_writable(self._open_socket())

    def unread(self, data: bytes) -> None:
        """Let the next `receive_some` return `data`, which was received before."""
        self._unread = data + self._unread

    def receive_now(self, max_bytes: int) -> bytes | None:
        """The bytes that have arrived: none at the end; None if nothing was. Raises `trio.BrokenResourceError`."""
        try:
            return self._open_socket().recv(max_bytes)
        except BlockingIOError:
            return None
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """See `trio.abc.ReceiveStream`."""
        if self._unread:
            await trio.lowlevel.checkpoint()
            data, self._unread = self._unread[:max_bytes], self._unread[max_bytes or len(self._unread) :]
            return data
        while True:
            await trio.lowlevel.wait_readable(self._open_socket())
            if (received := self.receive_now(max_bytes or _RECEIVE_BYTES)) is not None:
                return received

    async def aclose(self) -> None:
        """Close immediately."""
        if not self._closed:
            self._closed = True
            self._occupied += 1
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
        await trio.lowlevel.checkpoint()

    def _open_socket(self) -> socket.socket:
        if self._closed:
            raise trio.ClosedResourceError
        return self._socket
