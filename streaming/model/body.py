"""The bodies of a call: the request's, in one piece, and the response's, with a deadline for each read."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import httpx
import trio

from streaming.http import ReadDeadline


class RequestBody(httpx.AsyncByteStream):
    """`content` in one piece.

    httpx's own body is an async generator. A send that is cancelled leaves it unfinished, and the garbage collector
    then complains of it; an iterator that is an object needs no finishing.
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
    """Reads `response`, which is an open one of an asynchronous client, by one task."""

    def __init__(self, response: httpx.Response) -> None:
        self._deadline: ReadDeadline | None = response.extensions.get("read_deadline")
        self.chunks: AsyncIterator[bytes] = response.aiter_bytes()
        if "content-encoding" not in response.headers and isinstance(response.stream, httpx.AsyncByteStream):
            # Nothing is to be decompressed: two generators less for every token.
            self.chunks = aiter(response.stream)

    async def read(self, at: float) -> bytes | None:
        """What comes next, None at the end. Raises `httpx.ReadTimeout` when the time is `at`, on trio's clock."""
        if self._deadline is None:
            with trio.move_on_at(at):
                return await anext(self.chunks, None)
            raise httpx.ReadTimeout("the deadline has passed")
        self._deadline.set(at)
        chunk = await anext(self.chunks, None)
        # The time that whoever reads takes for what came is not the server's.
        self._deadline.set(math.inf)
        return chunk
