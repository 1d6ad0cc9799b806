"""Turns JSON at the beginning of a text into lines that a person can read, while the text arrives."""

from __future__ import annotations

import re
from typing import Final

from parser import Written, as_written, readable

# Where JSON begins. People do not begin a text with these: `{"`, `["`, `[{`, `[[`, `{}` - and not "[1]" or "{name}".
_OPENING: Final = re.compile(r"""(?:\{\s*["}]|\[\s*["{\[])""")
_OPENING_PREFIX: Final = re.compile(r"[\[{]\s*\Z")
_SIGN: Final = re.compile(r'\\.|["{}\[\]]', re.DOTALL)
_SEPARATORS: Final = " \t\r\n,"
_LONGEST_SPACE: Final = 256
_DEEPEST: Final = 32
MAX_HELD: Final = 16_384
"""The longest JSON value that is made readable, in characters; a longer one is shown unchanged."""


class ReadableJson:
    """Text in, the same text out with the JSON values at its beginning made readable. `feed` in order, then `close`.

    JSON after other text is part of the text. Text that only looks like JSON is returned unchanged, as soon as that
    is known. Each character is read once.
    """

    def __init__(self) -> None:
        self._beginning = True
        self._held: list[str] = []  # the value so far, or the space before it
        self._size = 0
        self._depth = 0
        self._deepest = 0
        self._in_string = False
        self._escape = ""  # a backslash whose character did not come yet
        self._values = 0  # made readable so far

    def feed(self, text: str) -> str:
        """The text that can be shown now."""
        if not self._beginning:
            return text
        shown: list[str] = []
        while text and self._beginning:
            text = self._read_value(text, shown) if self._depth else self._begin("".join(self._held) + text, shown)
        return "".join((*shown, text))

    def close(self) -> str:
        """The rest of the text at its end. Incomplete JSON is shown unchanged."""
        held = "".join(self._held) + self._escape
        self._held.clear()
        return held if held.strip(_SEPARATORS) or not self._values else ""

    def _begin(self, text: str, shown: list[str]) -> str:
        """Look for the opening of a value; returns what of `text` is to be read now."""
        self._held.clear()
        rest = text.lstrip(_SEPARATORS if self._values else None)
        if len(text) < _LONGEST_SPACE and (not rest or _OPENING_PREFIX.match(rest)):
            self._held.append(text)
            return ""
        if not rest:
            shown.append(text)
            return ""
        if _OPENING.match(rest):
            if not self._values:
                shown.append(text[: len(text) - len(rest)])
            self._size = 0
            self._depth = self._deepest = 1
            self._held.append(rest[0])
            return rest[1:]
        self._beginning = False
        return text

    def _read_value(self, text: str, shown: list[str]) -> str:
        text = self._escape + text
        self._escape = ""
        if (len(text) - len(text.rstrip("\\"))) % 2:
            self._escape, text = "\\", text[:-1]
        for match in _SIGN.finditer(text):
            sign = match[0]
            if sign == '"':
                self._in_string = not self._in_string
            elif not self._in_string and sign in "{[":
                self._depth += 1
                self._deepest = max(self._deepest, self._depth)
            elif not self._in_string and sign in "}]":
                self._depth -= 1
                if not self._depth:
                    self._held.append(text[: match.end()])
                    rest, self._escape = text[match.end() :] + self._escape, ""
                    shown.append(self._value())
                    return rest
        self._held.append(text)
        self._size += len(text)
        if self._size > MAX_HELD:
            self._beginning = False
            shown.append("".join(self._held) + self._escape)
            self._held.clear()
        return ""

    def _value(self) -> str:
        """The text of the value that is complete."""
        source = "".join(self._held)
        self._held.clear()
        value = as_written(source) if self._deepest <= _DEEPEST else None
        if not isinstance(value, dict | list) or _is_citation(value):
            self._beginning = False
            return source
        text = readable(value)
        if not text:
            return ""
        self._values += 1
        return text if self._values == 1 else f"\n{text}"


def _is_citation(value: object) -> bool:
    """Whether it is a list of numbers, as `[[1]]`."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, Written) for item in value)
