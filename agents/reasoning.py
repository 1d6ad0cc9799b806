"""A model's reasoning as a block of its own, where a setting says that people see it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from streaming.chat import Delta, ReasoningDelta

_OPENING = '{"type":"text","content":"'
_CLOSING = '"}\n'


class ReasoningBlock:
    """The reasoning of one model call, written as a text block: text as it is would be taken for the answer's."""

    def __init__(self) -> None:
        self.blocks = 0
        """How many blocks were begun: one more whenever a model reasons again after it wrote."""
        self._open = False

    def feed(self, batch: Sequence[Delta], *, ends: bool) -> str:
        """What the reasoning in `batch` adds; `ends` says that the answer begins, which closes the block."""
        text = "".join(delta.text for delta in batch if isinstance(delta, ReasoningDelta))
        written = ""
        if text:
            written = json.dumps(text, ensure_ascii=False)[1:-1]
            if not self._open:
                self._open, written = True, _OPENING + written
                self.blocks += 1
        return written + self.close() if ends else written

    def close(self) -> str:
        """The block's end, if it is open."""
        if not self._open:
            return ""
        self._open = False
        return _CLOSING
