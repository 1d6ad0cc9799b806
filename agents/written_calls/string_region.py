"""The text of a text block that may be nothing but a call: `[{"type":"text","content":"list_tasks()"}]`."""

from __future__ import annotations

import json
import re
from typing import Final, Protocol

from agents.written_calls.regions import Read

_RUN: Final = re.compile(r"(?:[^\"\\]|\\.)*", re.DOTALL)
_FEW: Final = 64
# How most answers, and their next blocks, begin. No part of it can be a call, whatever the tools are.
_OPENING: Final = re.compile(r'(?:\[ ?)?\{ ?"type" ?: ?"text", ?"content" ?: ?')
_ESCAPE_TAIL: Final = re.compile(r"\\u[0-9a-fA-F]{0,3}\Z")


class Detector(Protocol):
    """What a `WrittenCalls` is."""

    calls: list[tuple[str, str]]
    cut: bool
    forms: dict[str, int]

    def feed(self, text: str) -> str: ...

    def close(self) -> str: ...


class StringRegion:
    """A JSON string, from after its opening quote. It ends as text as soon as its text is not a call."""

    ending = '""}'
    after = ""

    def __init__(self, inside: Detector) -> None:
        """`inside` reads the text of the string."""
        self.form = "text"
        self._inside = inside
        self._held = ""  # an escape that is cut
        self._shows = False

    def feed(self, piece: str) -> int | None:
        # The first words of most texts show that they are not calls.
        for at in range(0, len(piece), _FEW):
            end = self._feed(piece[at : at + _FEW])
            if end is not None:
                return at + end
        return None

    def _feed(self, piece: str) -> int | None:
        text, shift = self._held + piece, len(self._held)
        run = _RUN.match(text)
        end = run.end() if run else 0
        tail = _ESCAPE_TAIL.search(text, 0, end) if end == len(text) else None
        if tail is not None:
            end = tail.start()
        self._held = text[end:] if end == len(text) or text[end] == "\\" else ""
        self._shows = bool(self._inside.feed(_unescaped(text[:end])).strip())
        if self._shows or (end < len(text) and text[end] == '"'):
            return max(0, end - shift)
        return None

    def read(self, source: str, *, whole: bool) -> Read | None:
        if self._shows or self._inside.close().strip():
            return None
        if not self._inside.calls:
            return None if whole or not source.strip() else ([], True)  # the reply ends before the tool's name does
        self.form = next(iter(self._inside.forms), self.form)
        return self._inside.calls, self._inside.cut


def after_opening(text: str, at: int) -> int:
    """The place after the opening of a text block that begins at `at`; `at` if none begins there."""
    opening = _OPENING.match(text, at)
    return at if opening is None else opening.end()


def _unescaped(inside: str) -> str:
    if "\\" not in inside:
        return inside
    try:
        return str(json.loads(f'"{inside}"', strict=False))
    except ValueError:
        return inside
