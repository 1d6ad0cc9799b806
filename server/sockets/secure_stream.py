"""A TLS stream with the methods of `DirectStream`. TLS needs its own buffer, so nothing is sent without waiting."""

from __future__ import annotations

from typing import Any, Final

import trio


class SecureStream(trio.abc.Stream):
    """Several tasks may send; each message is sent whole, in order. `peer` is the client's address and port."""

    unsent: Final = False

    def __init__(self, stream: trio.SSLStream[Any], peer: str) -> None:
        self._stream = stream
        self._peer = peer
        self._sending = trio.StrictFIFOLock()
        self._unread = b""

    def __repr__(self) -> str:
        return f"<SecureStream of {self._peer}>"

    def getpeername(self) -> str:
        """Address and port of the peer."""
        return self._peer

    def try_send(self, data: bytes) -> None:
        """Returns None: nothing was sent. The caller then uses `send_all`."""
        del data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`."""
        async with self._sending:
            await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        await self._stream.wait_send_all_might_not_block()

    def unread(self, data: bytes) -> None:
        """Let the next `receive_some` return `data`, which was received before."""
        self._unread = data + self._unread

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """See `trio.abc.ReceiveStream`."""
        if self._unread:
            await trio.lowlevel.checkpoint()
            data, self._unread = self._unread[:max_bytes], self._unread[max_bytes or len(self._unread) :]
            return data
        return bytes(await self._stream.receive_some(max_bytes))

    async def aclose(self) -> None:
        """Close. A cancelled close is immediate."""
        await self._stream.aclose()
