"""The answer to one request, as the application sees it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self
from uuid import UUID

import trio

from streaming.wire import (
    ErrorCode,
    WsError,
    WsFrameType,
    WsPopupDomain,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsToolEvent,
)

REQUEST_TYPES = (WsFrameType.HOME_REQUEST, WsFrameType.POPUP_REQUEST)
UNREAD_CODES = (ErrorCode.INVALID_FRAME, ErrorCode.RATE_LIMITED)
"""Errors for frames that the server did not act on, whose id it may not know."""
AnswerFrame = WsStreamStart | WsPopupDomain | WsToolEvent | WsStreamText | WsStreamBlock | WsStreamEnd


class RequestRefusedError(Exception):
    """The server refused a request with an `error` frame."""

    def __init__(self, frame: WsError) -> None:
        super().__init__(f"{frame.code}: {frame.message}")
        self.frame = frame

    @property
    def code(self) -> ErrorCode:
        return self.frame.code


class Answer(AsyncIterator[AnswerFrame]):
    """The frames of one answer in order, ending with `stream_end`. Only one task may read it.

    The queue of unread frames is unbounded, so an unread answer does not block other answers.
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
        """Return the next frame. Raises `RequestRefusedError`, or `ConnectionLostError` if the socket closed."""
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
        """The `stream_end`, or None if it has not been read yet."""
        last = self.frames[-1] if self.frames else None
        return last if isinstance(last, WsStreamEnd) else None

    @property
    def text(self) -> str:
        """The text read so far. An empty line separates its blocks."""
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
        """Ask the server to stop. The answer still ends with a `stream_end`, usually with status `cancelled`."""
        await self._cancel(self.request_id)

    async def finish(self) -> WsStreamEnd:
        """Read all remaining frames and return the `stream_end`. Raises the same errors as reading."""
        async for _ in self:
            pass
        if self.end is None:
            raise RuntimeError("another task has read this answer to its end")
        return self.end

    def deliver(self, frame: AnswerFrame) -> None:
        """Add the next frame. Called by the link."""
        self.begun = True
        self._feed.send_nowait(frame)
        if isinstance(frame, WsStreamEnd):
            self._feed.close()

    def fail(self, failure: Exception) -> None:
        """End the answer without a `stream_end`. Called by the link. Frames that arrived before can still be read."""
        self._failure = failure
        self._feed.close()
