"""Follows the code fences of a text, in which lines are samples."""

from __future__ import annotations

from typing import Final

_FENCE_TICKS: Final = 3


class CodeFence:
    """`feed` it the text in order. `open`: the text ends inside a code fence."""

    def __init__(self) -> None:
        self.open = False
        self.foreign = False
        """The open fence is of a language in which models write no calls."""
        self.ticks = 0
        """The backticks at the end of the text so far."""

    def feed(self, text: str) -> None:
        """Count the backticks of `text`."""
        if "`" not in text:
            self.ticks = 0
            return
        for character in text:
            self.ticks = self.ticks + 1 if character == "`" else 0
            if self.ticks == _FENCE_TICKS:
                self.open = not self.open
                self.foreign = self.foreign and self.open
