"""One HTTP/1.1 connection and the exchanges on it. It raises httpx's exceptions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx
import trio

from streaming.http.channel import Channel
from streaming.http.request_head import BodyFraming, UnsendableRequest, asks_to_close, request_head
from streaming.http.response_parser import MalformedResponse, ResponseParser

_BROKEN: Final = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)
FAULTS: Final = (trio.TooSlowError, MalformedResponse, *_BROKEN)
"""What reading a response raises before `Connection.fault` maps it."""
# Small pieces of a body are joined, to send fewer packets.
_COALESCE_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits in seconds, None for no limit; `read` and `write` are for one read or write each."""

    connect: float | None = None
    read: float | None = None
    write: float | None = None
    pool: float | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request in its sent form: httpx's request, with the target and headers that a proxy on the way requires."""

    method: bytes
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: AsyncIterable[bytes]


class Connection:
    """One exchange at a time: `send`, `read_head`, `read_body` until it gives b"".

    After any exception, including cancellation, the connection is unusable and the caller closes it.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._may_reuse = True
        self._read_timeout: float | None = None
        self._first = b""
        self._expired = False
        self._heard = False
        self.response = ResponseParser()

    def __repr__(self) -> str:
        return f"<Connection {self.response!r}>"

    @property
    def stale(self) -> bool:
        """Whether an idle connection is unusable: the peer closed it, or sent data without a request."""
        return self._channel.readable()

    @property
    def reusable(self) -> bool:
        """Whether the last response was read to its end and another request may follow."""
        return self.response.keep_alive and self._may_reuse and not self._expired

    @property
    def silent(self) -> bool:
        """Whether no byte of an answer to the last request has come, and the time for it has not ended."""
        return not self._heard and not self._expired

    def close(self) -> None:
        """Close immediately. May be called again."""
        self._channel.close()

    def expire(self) -> None:
        """End the time for reading: the task that reads gets `httpx.ReadTimeout`."""
        self._expired = True
        self._channel.wake()

    async def exchange(self, outgoing: Outgoing, timeouts: Timeouts) -> None:
        """Send the request and wait for the head of `response`. Raises `httpx.TransportError`."""
        self.response = ResponseParser(bodiless=outgoing.method == b"HEAD")
        self._may_reuse = not asks_to_close(outgoing.headers)
        self._read_timeout = timeouts.read
        self._heard = False
        try:
            await self._send(outgoing, timeouts.write)
        except UnsendableRequest as error:
            raise httpx.LocalProtocolError(str(error)) from None
        except _BROKEN:
            # A server that refuses a request may answer, and close, before it has read all of it.
            self._may_reuse = False
        while not self.response.headed:
            self._first = await self._receive()

    async def read_body(self) -> bytes:
        """The next bytes of the body, b"" at its end. Raises `httpx.TransportError`."""
        if self._first:
            first, self._first = self._first, b""
            return first
        response = self.response
        while not response.complete:
            if data := await self._receive():
                return data
        return b""

    async def _receive(self) -> bytes:
        """Read and parse once: the part of the body in it."""
        try:
            if self._read_timeout is None:
                await self._channel.wait()
            else:
                with trio.fail_after(self._read_timeout):
                    await self._channel.wait()
            return self.received() or b""
        except FAULTS as error:
            raise await self.fault(error) from error

    @property
    def wait(self) -> Callable[[], Awaitable[None]]:
        """Waits until `received` has something. Without a time limit. Raises one of `FAULTS`."""
        return self._channel.wait

    def received(self) -> bytes | None:
        """The part of the body that has come; None if nothing has; b"" at its end. Raises one of `FAULTS`."""
        data = self._channel.received()
        if data is None:
            return None
        response = self.response
        if not data:
            response.feed_eof()
            return b""
        self._heard = True
        return response.feed(data) or (b"" if response.complete else None)

    async def fault(self, error: Exception) -> httpx.TransportError:
        """httpx's exception for one of `FAULTS`."""
        if isinstance(error, MalformedResponse):
            return httpx.RemoteProtocolError(str(error))
        if isinstance(error, _BROKEN):
            # `streaming.http.exchanges` closes the connection of a cancelled task. The peer has not failed then.
            await trio.lowlevel.checkpoint_if_cancelled()
        if self._expired or isinstance(error, trio.TooSlowError):
            return httpx.ReadTimeout("the server sent nothing in time")
        return httpx.ReadError(str(error))

    async def _send(self, outgoing: Outgoing, timeout_s: float | None) -> None:
        framing = BodyFraming(outgoing.headers)
        pending = bytearray(request_head(outgoing.method, outgoing.target, outgoing.headers))
        body = aiter(outgoing.body)
        try:
            async for data in body:
                pending += framing.piece(data)
                if len(pending) >= _COALESCE_BYTES:
                    await self._write(bytes(pending), timeout_s)
                    pending.clear()
        finally:
            if isinstance(body, AsyncGenerator):
                await body.aclose()
        pending += framing.end()
        if pending:
            await self._write(bytes(pending), timeout_s)

    async def _write(self, data: bytes, timeout_s: float | None) -> None:
        if timeout_s is None:
            await self._channel.send(data)
            return
        try:
            with trio.fail_after(timeout_s):
                await self._channel.send(data)
        except trio.TooSlowError:
            raise httpx.WriteTimeout("the server did not take the request in time") from None
