"""The bodies of a model call: the request's in one piece, the response's with a deadline for each read."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import httpx
import trio

from streaming.http import ReadDeadline


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
        if "content-encoding" not in response.headers and isinstance(response.stream, httpx.AsyncByteStream):
            # Nothing to decompress: this saves two generators per token.
            self.chunks = aiter(response.stream)

    async def read(self, at: float) -> bytes | None:
        """The next bytes, None at the end. Raises `httpx.ReadTimeout` at the time `at`, on trio's clock."""
        if self._deadline is None:
            with trio.move_on_at(at):
                return await anext(self.chunks, None)
            raise httpx.ReadTimeout("the deadline has passed")
        self._deadline.set(at)
        chunk = await anext(self.chunks, None)
        # The time limit is the server's: it must not run while the reader handles the chunk.
        self._deadline.set(math.inf)
        return chunk
