"""Where an answer's frames go: what was said with them, and whose fault it was when one did not get there."""

from __future__ import annotations

from server.answer import EmitFast
from streaming.stream_text import AnswerFrame, StreamText


class Emitting:
    """Passes frames to the caller's `emit`. `raised` tells what that raised from a fault of ours."""

    def __init__(self, emit: EmitFast) -> None:
        self._emit = emit
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

    @property
    def text(self) -> str:
        """What the answer said, its blocks left out."""
        return "".join(self._chunks).strip()
