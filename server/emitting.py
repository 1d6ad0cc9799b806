"""Where an answer's frames go, and whose fault it was when they did not get there."""

from __future__ import annotations

from server.answer import Emit
from streaming.frames import ServerFrame


class Emitting:
    """Remembers what the caller's `emit` raised, to tell it from a fault of ours."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.raised: Exception | None = None

    async def __call__(self, frame: ServerFrame) -> None:
        try:
            await self._emit(frame)
        except Exception as error:
            self.raised = error
            raise
