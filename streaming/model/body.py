"""The body of a request to a model, in a form that a cancelled send can drop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx


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
