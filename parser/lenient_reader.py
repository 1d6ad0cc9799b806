"""Reading what can be read of a broken block, for its degradation: every value keeps the characters the model wrote.

Nothing is guessed. A value that is not a number or a literal of JSON is text. A bracket of the wrong kind closes
the innermost container. The work is linear in the source.
"""

from __future__ import annotations

import json
import re
from typing import Any

_TOKEN = re.compile(
    r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
    r"|(?<![\w'])'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'(?=[ \t\r\n]*[,:}\]])"
    r"|//[^\n]*|/\*.*?(?:\*/|\Z)"
    r"|[{}\[\],:]"
    r"|[^\s\"{}\[\],:]+",
    re.DOTALL,
)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERALS = {"true": True, "false": False, "True": True, "False": False, "null": None, "None": None, "NaN": None}
_LONGEST_INTEGER = 400


class _Container:
    """An array, or an object with the key of the value that comes next."""

    __slots__ = ("items", "key", "members")

    def __init__(self, bracket: str) -> None:
        self.items: list[Any] = []
        self.members: dict[str, Any] | None = {} if bracket == "{" else None
        self.key: str | None = None

    def add(self, value: Any) -> None:
        if self.members is None:
            self.items.append(value)
        else:
            key = self.key if self.key is not None else str(len(self.members) + 1)
            if key in self.members:
                key = f"{key} {len(self.members) + 1}"  # a value without its own key
            self.members[key] = value
            self.key = None

    @property
    def value(self) -> Any:
        return self.items if self.members is None else self.members


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._open: list[_Container] = []
        self._begin = -1  # of the scalar in hand; -1 if there is none
        self._end = -1
        self.root: _Container | None = None

    def read(self) -> Any:
        for token in _TOKEN.finditer(self._source):
            text = token.group()
            if text.startswith(("//", "/*")) and (self._begin < 0 or self._source[token.start() - 1].isspace()):
                continue
            if text in ("{", "["):
                self._take_scalar()
                self._opens(text)
            elif text in ("}", "]"):
                self._take_scalar()
                self._closes(text)
            elif text == ",":
                self._take_scalar()
            elif text == ":":
                self._take_key()
            else:
                self._begin = token.start() if self._begin < 0 else self._begin
                self._end = token.end()
        self._take_scalar()
        return self.root.value if self.root is not None else None

    def _opens(self, bracket: str) -> None:
        container = _Container(bracket)
        if self._open:
            self._open[-1].add(container.value)
        elif self.root is None:
            self.root = container
        else:
            return  # after the block
        self._open.append(container)

    def _closes(self, bracket: str) -> None:
        """Close the innermost container, whatever its kind is; the outermost one only by its own bracket."""
        if len(self._open) > 1 or (self._open and (self._open[0].members is not None) is (bracket == "}")):
            self._open.pop()

    def _take_scalar(self) -> None:
        if self._begin >= 0 and self._open:
            self._open[-1].add(scalar(self._source[self._begin : self._end]))
        self._begin = -1

    def _take_key(self) -> None:
        if self._begin < 0 or not self._open:
            return
        container = self._open[-1]
        if container.members is None or container.key is not None:
            self._end += 1  # a colon inside a value, such as a time of day
            return
        container.key = str(_unquoted(self._source[self._begin : self._end]))
        self._begin = -1


def read_leniently(source: str) -> Any:
    """The value of the first object or array in `source`, as far as it can be read; None if there is none.

    A number whose digits a float cannot keep is a string.
    """
    return _Reader(source).read()


def scalar(written: str) -> Any:
    """The value that `written` is: a number or a literal of JSON, else the text itself, without its quotes."""
    if written in _LITERALS:
        return _LITERALS[written]
    if _NUMBER.fullmatch(written) and len(written) < _LONGEST_INTEGER:
        number = int(written) if written.lstrip("-").isdigit() else float(written)
        return number if str(number) == written else written
    return _unquoted(written)


def _unquoted(written: str) -> str:
    quote = written[:1]
    if quote not in ("'", '"'):
        return written
    if len(written) == 1 or written[-1] != quote:
        return written if quote in written[1:] else written[1:]  # the string was not closed
    inside = written[1:-1]
    if quote == "'":
        return inside
    try:
        return str(json.loads(f'"{inside}"', strict=False))
    except ValueError:
        return inside
