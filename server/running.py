"""What a server process is told when it starts, and what it reports when it runs.

A supervisor and its workers exchange these as one line of JSON each way, over the worker's standard input and output.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trio
from pydantic import BaseModel, ConfigDict

_MAX_LINE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Running:
    """Where a started server is reached, and what it uses."""

    ws_url: str
    rest_url: str
    model: str
    database: str
    memory: str
    playground: str | None
    generated_key_file: Path | None
    workers: int = 1


class WorkerOrders(BaseModel):
    """The supervisor's to a worker. The binds have the port that all share; `folder` is theirs alone on this machine.

    Whatever else a worker must know is in its environment, which is the supervisor's own.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    count: int
    ws_bind: str
    http_bind: str
    folder: Path


async def read_line(stream: trio.abc.ReceiveStream) -> bytes:
    """The first line of `stream` without its end; empty when the stream ended before one was complete."""
    line = b""
    while not line.endswith(b"\n"):
        # One byte at a time would do as well: what follows the line is never sent.
        received = await stream.receive_some(_MAX_LINE_BYTES)
        line += received
        if not received or len(line) > _MAX_LINE_BYTES:
            return b""
    return line[:-1]
