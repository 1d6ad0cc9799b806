"""The orders that a server process gets when it starts, and the report that it gives when it runs.

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
    """The addresses of a started server, and the model, database and memory that it uses."""

    ws_url: str
    rest_url: str
    model: str
    database: str
    memory: str
    playground: str | None
    generated_key_file: Path | None
    workers: int = 1


class WorkerOrders(BaseModel):
    """The supervisor's orders to a worker. All workers share the ports of the binds, and `folder` on this machine.

    A worker reads everything else from its environment, which is the supervisor's.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    count: int
    ws_bind: str
    http_bind: str
    folder: Path


async def read_line(stream: trio.abc.ReceiveStream) -> bytes:
    """The first line of `stream`, without its line end. Empty if the stream ended before the line did."""
    line = b""
    while not line.endswith(b"\n"):
        # Bytes after the line are never sent, so none are lost by reading more than the line.
        received = await stream.receive_some(_MAX_LINE_BYTES)
        line += received
        if not received or len(line) > _MAX_LINE_BYTES:
            return b""
    return line[:-1]
