"""What the log of a request adds to a token: the same text through the log, and written to the socket without one.

Both run in one process, in turn, in a loop. So the processor's caches are warm, and the figures are smaller than at a
model's pace.
"""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import trio
import trio.testing

from server.sessions import Feed, Ledger, Outbox, RequestLog
from streaming.wire import TextFrames

_TOKENS: Final = 10_000
_TOKENS_PER_BLOCK: Final = 150
_MAX_BYTES: Final = 1 << 30
_TEXT: Final = " token"


@dataclass(frozen=True, slots=True)
class LogCost:
    """Processor time per token in microseconds: from the frame to the bytes for the socket."""

    logged_us: float
    unlogged_us: float

    @property
    def added_us(self) -> float:
        return self.logged_us - self.unlogged_us


def log_cost(rounds: int = 15) -> LogCost:
    """The medians of `rounds` rounds, each of which measures both."""
    return trio.run(_measured, rounds)


class _Socket:
    """Accepts every frame immediately."""

    unsent = False

    def try_send(self, message: bytes) -> int | None:
        del message
        return 0

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()

    def filled(self) -> None:
        raise AssertionError("this socket always has room")


async def _measured(rounds: int) -> LogCost:
    socket, outbox = _Socket(), Outbox(Ledger())
    outbox.attach(socket)
    logged, unlogged = [], []
    async with trio.open_nursery() as nursery:
        # Text is sent directly only while the writer waits.
        nursery.start_soon(outbox.take, socket)
        await trio.testing.wait_all_tasks_blocked()
        gc.collect()
        gc.disable()
        try:
            for _ in range(rounds):
                unlogged.append(_unlogged_us(socket))
                logged.append(_logged_us(outbox))
        finally:
            gc.enable()
        nursery.cancel_scope.cancel()
    return LogCost(statistics.median(logged), statistics.median(unlogged))


def _logged_us(outbox: Outbox) -> float:
    log = RequestLog(uuid4(), _MAX_BYTES)
    feed = Feed(log, block_open=False)
    frames = TextFrames(log.request_id)
    began = time.thread_time_ns()
    for number in range(_TOKENS):
        frame = frames.frame(number // _TOKENS_PER_BLOCK, _TEXT)
        if not outbox.pushed(feed, frame, log.append(frame)):
            raise RuntimeError("a frame was queued instead of sent")
    return (time.thread_time_ns() - began) / _TOKENS / 1e3


def _unlogged_us(socket: _Socket) -> float:
    frames = TextFrames(uuid4())
    began = time.thread_time_ns()
    for number in range(_TOKENS):
        if socket.try_send(frames.frame(number // _TOKENS_PER_BLOCK, _TEXT).to_json(number)) is None:
            raise RuntimeError("a frame was refused")
    return (time.thread_time_ns() - began) / _TOKENS / 1e3
