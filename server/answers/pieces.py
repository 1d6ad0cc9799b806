"""The pieces of the model's text on their way through the formatter. One of many is timed."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Final

from server.answers.emitter import Emitter
from server.answers.ordered_frames import OrderedFrames
from streaming.answer import HomeFormatter, HomePart, PopupFormatter

_TIMED_OF: Final = 16
"""One of this many pieces of text is timed: a histogram costs more than everything else that is recorded per token."""


class Pieces:
    """Formats the pieces of one part of an answer, in order, and emits their frames."""

    __slots__ = ("_emit", "_feed", "_frames", "_put", "_untimed")

    def __init__(self, formatter: HomeFormatter | PopupFormatter, emit: Emitter, frames: OrderedFrames) -> None:
        self._feed = formatter.feed
        self._put = frames.put
        self._emit = emit
        self._frames = frames
        self._untimed = 0

    def take(self, text: str) -> Awaitable[None] | None:
        """Emit the frames of the next piece. Returns what to await before the next one, or None."""
        if not self._untimed:
            return self._take_timed(text)
        self._untimed -= 1
        parts: Sequence[HomePart] = self._feed(text)
        if len(parts) == 1:
            return self._put(parts[0])
        return self._frames.put_all(parts) if parts else None

    async def _take_timed(self, text: str) -> None:
        self._untimed = _TIMED_OF - 1
        self._emit.begin()
        await self._frames.put_all(self._feed(text))
        self._emit.end()
