"""Passes an answer's frames to its caller, and records the text, the time per token and the caller's faults."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from server.requests import EmitFast
from streaming.wire import AnswerFrame, StreamText, WsStreamBlock


class Emitter:
    """Passes frames to the caller's `emit`. `raised` is what `emit` raised, so that it can be told from other faults.

    `timed` receives the seconds between `begin` and `end`.
    """

    def __init__(self, emit: EmitFast, timed: Callable[[float], None]) -> None:
        self._emit = emit
        self._timed = timed
        self._began = 0.0
        self._chunks: list[str] = []
        self.blocks: list[WsStreamBlock] = []
        """The blocks of the answer other than text."""
        self.raised: Exception | None = None

    def __call__(self, frame: AnswerFrame) -> Awaitable[None] | None:
        """Pass `frame` on. Returns what to await before the next frame, or None."""
        if isinstance(frame, StreamText):
            self._chunks.append(frame.chunk)
        elif isinstance(frame, WsStreamBlock):
            self.blocks.append(frame)
        try:
            room = self._emit(frame)
        except Exception as error:
            self.raised = error
            raise
        return None if room is None else self._wait(room)

    async def _wait(self, room: Awaitable[None]) -> None:
        try:
            await room
        except Exception as error:
            self.raised = error
            raise

    def begin(self) -> None:
        """A piece of the model's text that is to be timed has arrived."""
        self._began = time.perf_counter()

    def end(self) -> None:
        """The frames of this piece were passed on."""
        self._timed(time.perf_counter() - self._began)

    @property
    def text(self) -> str:
        """The text of the answer, without its other blocks."""
        return "".join(self._chunks).strip()
