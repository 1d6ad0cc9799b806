"""Breaks streamed text into lines between words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rich.cells import cell_len

_TAB: Final = "    "


class WordWrap:
    """Breaks text that arrives in chunks at a width of terminal cells. It holds a word back until the word is complete.

    A word that is longer than a line is broken. In scripts without spaces, a line may end after each wide character.
    """

    def __init__(self, width: Callable[[], int]) -> None:
        """`width` returns the terminal's width now."""
        self._width = width
        self._column = 0
        self._spaces = ""
        self._word = ""

    @property
    def is_mid_line(self) -> bool:
        """Whether the line has text, printed or held back."""
        return bool(self._column or self._word)

    def feed(self, chunk: str) -> str:
        """Return what can be printed now."""
        out: list[str] = []
        for character in chunk:
            if character == "\n":
                out += [self.flush(), "\n"]
                self._column, self._spaces = 0, ""
            elif character in " \t":
                out.append(self.flush())
                self._spaces += _TAB if character == "\t" else character
            elif cell_len(character) > 1:
                out += [self.flush(), self._place(character)]
            else:
                self._word += character
                if cell_len(self._word) >= self._width():
                    out.append(self.flush())
        return "".join(out)

    def flush(self) -> str:
        """Return the word that is held back."""
        word, self._word = self._word, ""
        return self._place(word) if word else ""

    def end_line(self) -> None:
        """The line was ended by other output."""
        self._column, self._spaces, self._word = 0, "", ""

    def _place(self, word: str) -> str:
        spaces, self._spaces = self._spaces, ""
        size = cell_len(word)
        if self._column and self._column + len(spaces) + size > self._width():
            self._column = size
            return f"\n{word}"
        self._column += len(spaces) + size
        return spaces + word
