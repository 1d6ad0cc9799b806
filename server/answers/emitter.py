"""Where an answer's frames go: what was said with them, and whose fault it was when one did not get there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from server.requests import EmitFast
from streaming.wire import AnswerFrame, StreamText

_TIMED_OF: Final = 16
"""One piece of text of so many is timed: a histogram costs more than the rest of a token's bookkeeping."""


class Emitter:
    """Passes frames to the caller's `emit`. `raised` tells what that raised from a fault of ours.

    `timed` is told how long some pieces of a model's text took, in seconds, between `begin` and `end`.
    """

    def __init__(self, emit: EmitFast, timed: Callable[[float], None]) -> None:
        self._emit = emit
        self._timed = timed
        self._pieces = 0
        self._began: float | None = None
        self._chunks: list[str] = []
        self.raised: Exception | None = None

    async def __call__(self, frame: AnswerFrame) -> None:
        if isinstance(frame, StreamText):
            self._chunks.append(frame.chunk)
        try:
            await self._emit(frame)
        except Exception as error:
            self.raised = error
            raise

    def begin(self) -> None:
        """A piece of the model's text has come."""
        if self._pieces % _TIMED_OF == 0:
            self._began = time.perf_counter()
        self._pieces += 1

    def end(self) -> None:
        """Its frames have been given away."""
        if self._began is not None:
            self._timed(time.perf_counter() - self._began)
            self._began = None

    @property
    def text(self) -> str:
        """What the answer said, its blocks left out."""
        return "".join(self._chunks).strip()
