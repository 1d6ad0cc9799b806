"""Shows a model's reasoning as a separate text block, if a setting allows that."""

from __future__ import annotations

import json
from collections.abc import Sequence

from streaming.chat import Delta, ReasoningDelta

_OPENING = '{"type":"text","content":"'
_CLOSING = '"}\n'


class ReasoningBlock:
    """Writes the reasoning of one model call as JSON text blocks; plain text would be read as the answer's."""

    def __init__(self) -> None:
        self.blocks = 0
        """Number of blocks begun: one more each time the model reasons again after it wrote."""
        self.open = False
        """Whether the text after the reasoning must end the block."""

    def feed(self, batch: Sequence[Delta], *, ends: bool) -> str:
        """The text that the reasoning in `batch` adds. `ends` means that the answer begins, which closes the block."""
        text = "".join(delta.text for delta in batch if isinstance(delta, ReasoningDelta))
        written = ""
        if text:
            written = json.dumps(text, ensure_ascii=False)[1:-1]
            if not self.open:
                self.open, written = True, _OPENING + written
                self.blocks += 1
        return written + self.close() if ends else written

    def close(self) -> str:
        """The end of the block if one is open, else ""."""
        if not self.open:
            return ""
        self.open = False
        return _CLOSING
