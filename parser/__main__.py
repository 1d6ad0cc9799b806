"""`python -m parser`: block events of any model's output, as JSON lines.

python -m parser < FILE          parse standard input
python -m parser replay FILE     parse a recording, chunk by chunk; each event with its time in seconds
python -m parser diagram         the transition table as a Mermaid diagram
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from parser import BlockParser, BlockReady, Event
from parser.recording import RecordingError, read_recording
from parser.states import diagram

_CHUNK = 4_096


def event_as_json(event: Event) -> dict[str, Any]:
    """An event as a JSON object; `event` is its class."""
    fields: dict[str, Any] = {"event": type(event).__name__}
    if isinstance(event, BlockReady):
        repairs = {"repairs": list(event.repairs)} if event.repairs else {}
        return fields | {"index": event.index, "block": event.block.model_dump(mode="json")} | repairs
    return fields | {name: getattr(event, name) for name in event.__slots__ if name != "source"}


def main(arguments: Sequence[str], source: TextIO, out: TextIO) -> int:
    """Run the command line; returns the exit code."""
    match list(arguments):
        case []:
            _parse(source, out)
        case ["replay", path]:
            try:
                with Path(path).open(encoding="utf-8") as lines:
                    _replay(lines, out)
            except (OSError, RecordingError) as error:
                print(f"{path}: {error}", file=sys.stderr)
                return 1
        case ["diagram"]:
            out.write(diagram())
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def _parse(source: TextIO, out: TextIO) -> None:
    parser = BlockParser()
    while text := source.read(_CHUNK):
        _print(parser.feed(text), out)
    _print(parser.close(), out)


def _replay(lines: TextIO, out: TextIO) -> None:
    header, chunks = read_recording(lines)
    if not header.contents:
        raise RecordingError("recorded without contents: there is nothing to parse")
    parser = BlockParser()
    time_ns = 0
    for chunk in chunks:
        time_ns = chunk.time_ns
        _print(parser.feed(chunk.text or ""), out, time_ns)
    _print(parser.close(), out, time_ns)


def _print(events: Sequence[Event], out: TextIO, time_ns: int | None = None) -> None:
    for event in events:
        when = {} if time_ns is None else {"at": time_ns / 1e9}
        print(json.dumps(when | event_as_json(event), ensure_ascii=False), file=out, flush=True)


if __name__ == "__main__":
    # A model's output may be cut inside a character.
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr] # typed as TextIO, a TextIOWrapper
    try:
        sys.exit(main(sys.argv[1:], sys.stdin, sys.stdout))
    except BrokenPipeError:
        sys.exit(0)
