"""One request in progress, as the application sees it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self
from uuid import UUID

import trio

from streaming.wire import ErrorCode, WsError, WsPopupDomain, WsStreamBlock, WsStreamEnd, WsStreamStart, WsStreamText

AnswerFrame = WsStreamStart | WsPopupDomain | WsStreamText | WsStreamBlock | WsStreamEnd


class RequestRefusedError(Exception):
    """The server answered a request with an `error` frame instead of running it."""

    def __init__(self, frame: WsError) -> None:
        super().__init__(f"{frame.code}: {frame.message}")
        self.frame = frame

    @property
    def code(self) -> ErrorCode:
        return self.frame.code


class Answer(AsyncIterator[AnswerFrame]):
    """The frames of one answer, in order, `stream_end` last; read by one task.

    Frames wait here until they are read, however many: an answer that nobody reads holds up nothing else.
    """

    def __init__(self, request_id: UUID, cancel: Callable[[UUID], Awaitable[None]]) -> None:
        self.request_id = request_id
        self.frames: list[AnswerFrame] = []
        self.begun = False
        self._cancel = cancel
        self._feed, self._source = trio.open_memory_channel[AnswerFrame](math.inf)
        self._failure: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AnswerFrame:
        """The next frame. Raises `RequestRefusedError`, and `ConnectionLostError` when the socket closed too early."""
        try:
            frame = await self._source.receive()
        except trio.EndOfChannel:
            if self._failure is not None:
                raise self._failure from None
            raise StopAsyncIteration from None
        self.frames.append(frame)
        return frame

    @property
    def end(self) -> WsStreamEnd | None:
        """The `stream_end`, once it has been read."""
        last = self.frames[-1] if self.frames else None
        return last if isinstance(last, WsStreamEnd) else None

    @property
    def text(self) -> str:
        """The text read so far, its blocks apart by an empty line."""
        blocks: dict[int, list[str]] = {}
        for frame in self.frames:
            if isinstance(frame, WsStreamText):
                blocks.setdefault(frame.block, []).append(frame.chunk)
        return "\n\n".join("".join(chunks) for chunks in blocks.values())

    @property
    def blocks(self) -> list[WsStreamBlock]:
        """The charts, tables, timelines and entity references read so far."""
        return [frame for frame in self.frames if isinstance(frame, WsStreamBlock)]

    async def cancel(self) -> None:
        """Ask the server to stop. The answer still ends with its `stream_end`, usually `cancelled`."""
        await self._cancel(self.request_id)

    async def finish(self) -> WsStreamEnd:
        """Read the rest and return the `stream_end`. Raises what reading raises."""
        async for _ in self:
            pass
        if self.end is None:
            raise RuntimeError("the answer was read to its end by another task")
        return self.end

    def deliver(self, frame: AnswerFrame) -> None:
        """Hand over the next frame; for the connection."""
        self.begun = True
        self._feed.send_nowait(frame)
        if isinstance(frame, WsStreamEnd):
            self._feed.close()

    def fail(self, failure: Exception) -> None:
        """End the answer without a `stream_end`; for the connection. What came before can still be read."""
        self._failure = failure
        self._feed.close()
