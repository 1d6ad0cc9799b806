"""Passes an answer's frames to its caller, and records the text, the time per token and the caller's faults."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from server.requests import EmitFast
from streaming.wire import AnswerFrame, StreamText, WsStreamBlock

_TIMED_OF: Final = 16
"""One of this many pieces of text is timed: a histogram costs more than everything else that is recorded per token."""


class Emitter:
    """Passes frames to the caller's `emit`. `raised` is what `emit` raised, so that it can be told from other faults.

    `timed` receives the seconds between `begin` and `end`, for one in `_TIMED_OF` pieces of the model's text.
    """

    def __init__(self, emit: EmitFast, timed: Callable[[float], None]) -> None:
        self._emit = emit
        self._timed = timed
        self._pieces = 0
        self._began: float | None = None
        self._chunks: list[str] = []
        self.blocks: list[WsStreamBlock] = []
        """The blocks of the answer other than text."""
        self.raised: Exception | None = None

    async def __call__(self, frame: AnswerFrame) -> None:
        if isinstance(frame, StreamText):
            self._chunks.append(frame.chunk)
        elif isinstance(frame, WsStreamBlock):
            self.blocks.append(frame)
        try:
            await self._emit(frame)
        except Exception as error:
            self.raised = error
            raise

    def begin(self) -> None:
        """A piece of the model's text has arrived."""
        if self._pieces % _TIMED_OF == 0:
            self._began = time.perf_counter()
        self._pieces += 1

    def end(self) -> None:
        """The frames of this piece were passed on."""
        if self._began is not None:
            self._timed(time.perf_counter() - self._began)
            self._began = None

    @property
    def text(self) -> str:
        """The text of the answer, without its other blocks."""
        return "".join(self._chunks).strip()
