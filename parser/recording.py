"""The file format of a recorded model stream, and its reader and writer. Neither does any I/O.

A recording is JSON Lines in UTF-8. The first line is the header, one object:

    {"recording": 1, "contents": true, "started": "2025-01-31T09:00:00Z", "note": "..."}

`recording` is the version of the format. `contents` says whether the chunks have their text. `started` and `note` may
be missing; readers ignore members they do not know. Every further line is one chunk, an array of two or three:

    [12500000, "[{\\"type\\":"]        nanoseconds since the start, and the received text
    [12500000, null, 9]              without contents: the number of characters instead

Times never fall. A last line that is not complete, as a crash leaves it, is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

VERSION = 1


class RecordingError(ValueError):
    """This is not a recording, or it has another version. The message names the line."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a recording."""

    contents: bool
    started: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of the stream: `time_ns` since its start; `text`: None when contents were not recorded."""

    time_ns: int
    text: str | None
    size: int


class RecordingWriter:
    """Turns chunks into lines, each with its line end; the caller writes them where it likes.

    Without `contents` (the default: a person's data is recorded only where somebody asked for it) only the time and
    the size of each chunk are kept.
    """

    def __init__(self, *, contents: bool = False, started: str | None = None, note: str | None = None) -> None:
        self._header = Header(contents, started, note)
        self._last = 0

    def header(self) -> str:
        """The first line."""
        header: dict[str, Any] = {"recording": VERSION, "contents": self._header.contents}
        if self._header.started is not None:
            header["started"] = self._header.started
        if self._header.note is not None:
            header["note"] = self._header.note
        return _line(header)

    def chunk(self, time_ns: int, text: str) -> str:
        """The line of one chunk that came `time_ns` after the start; a time before the last one counts as that."""
        self._last = max(self._last, time_ns)
        return _line([self._last, text] if self._header.contents else [self._last, None, len(text)])


def read_recording(lines: Iterable[str]) -> tuple[Header, Iterator[Chunk]]:
    """The header, and the chunks as they are asked for. Both raise `RecordingError`."""
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, ""))
    header = _object(first, 1)
    if not isinstance(header, dict) or header.get("recording") != VERSION or type(header.get("contents")) is not bool:
        raise RecordingError(f"line 1: not the header of a recording of version {VERSION}")
    return Header(header["contents"], header.get("started"), header.get("note")), _chunks(numbered)


def _chunks(numbered: Iterator[tuple[int, str]]) -> Iterator[Chunk]:
    for number, line in numbered:
        if not line.endswith("\n"):
            try:
                json.loads(line)
            except ValueError:
                return
        match _object(line, number):
            case [int(time_ns), str(text)]:
                yield Chunk(time_ns, text, len(text))
            case [int(time_ns), None, int(size)]:
                yield Chunk(time_ns, None, size)
            case _:
                raise RecordingError(f"line {number}: not a chunk")


def _object(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise RecordingError(f"line {number}: not JSON") from None


def _line(value: Any) -> str:
    # A chunk may end between the halves of a surrogate pair: ASCII keeps them.
    return json.dumps(value, separators=(",", ":")) + "\n"
