"""The bodies of a model call: the request's in one piece, the response's with a deadline for each read."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import trio

from streaming.http import ReadDeadline, ResponseBody, TakeChunk


class RequestBody(httpx.AsyncByteStream):
    """`content` in one piece.

    httpx's own body is an async generator. A cancelled send leaves it unfinished, and the garbage collector then
    warns. An iterator object needs no finishing.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Once(self._content)


class _Once(AsyncIterator[bytes]):
    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content

    async def __anext__(self) -> bytes:
        content, self._content = self._content, None
        if content is None:
            raise StopAsyncIteration
        return content


class TimedReader:
    """Reads the open `response` of an asynchronous client. For one task only."""

    def __init__(self, response: httpx.Response) -> None:
        self._deadline: ReadDeadline | None = response.extensions.get("read_deadline")
        self.chunks: AsyncIterator[bytes] = response.aiter_bytes()
        self.read: Callable[[float], Awaitable[bytes]] = self._read
        """The next bytes, b"" at the end. Raises `httpx.ReadTimeout` at the given time, on trio's clock."""
        self.read_each: Callable[[float, TakeChunk], Awaitable[None]] = self._read_each
        """See `ResponseBody.read_each`."""
        if "content-encoding" not in response.headers and isinstance(response.stream, httpx.AsyncByteStream):
            # Nothing to decompress. Reading from our transport's body directly saves three generators per token.
            self.chunks = aiter(response.stream)
            if isinstance(body := response.extensions.get("body"), ResponseBody):
                self.chunks, self.read, self.read_each = body, body.read, body.read_each

    async def _read(self, at: float) -> bytes:
        deadline = self._deadline
        if deadline is None:
            with trio.move_on_at(at):
                return await self._next()
            raise httpx.ReadTimeout("the deadline has passed")
        deadline.set(at)
        chunk = await self._next()
        # The time limit is the server's: it must not run while the reader handles the chunk.
        deadline.set(math.inf)
        return chunk

    async def _read_each(self, at: float, take: TakeChunk) -> None:
        until: float | None = at
        while until is not None:
            chunk = await self.read(until)
            until = take(chunk)
            if not chunk:
                return

    async def _next(self) -> bytes:
        # Some transports also give empty pieces, which are not the end.
        while (chunk := await anext(self.chunks, None)) == b"":
            pass
        return chunk or b""
