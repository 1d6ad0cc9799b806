"""Run psycopg's I/O generators on Trio: a generator yields the readiness it needs, these functions wait for it.

psycopg writes its protocol as generators. They yield `Wait` ("I would block until the socket is readable/writable") and
are sent `Ready`. A generator that is sent `Ready.NONE` yields the same again. So a generator that a cancellation
interrupted can be resumed later.
"""

from __future__ import annotations

import select
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio
from psycopg import OperationalError, pq
from psycopg.abc import PQGen, PQGenConn
from psycopg.waiting import Ready, Wait

T = TypeVar("T")

_STEPS_AT_ONCE: Final = 16
"""Steps that send, after which the task waits until the socket is ready and other tasks run."""


class WaitTimeout(Exception):
    """The generator did not finish in time; it can be resumed."""


async def drive(gen: PQGen[T], fileno: int, *, timeout_s: float | None = None, resume: bool = False) -> T:
    """Run `gen` to its end on the socket `fileno` and return its value; `resume`: `gen` was interrupted before.

    Raises `WaitTimeout` after `timeout_s` seconds. Data that has arrived by then is still read, so a timeout of 0 polls
    once. A cancellation leaves `gen` suspended. Raises `OperationalError` if the socket is closed meanwhile.
    """
    if timeout_s is None:
        return await _drive(gen, fileno, polls=False, resume=resume)
    with trio.move_on_after(timeout_s):
        return await _drive(gen, fileno, polls=True, resume=resume)
    raise WaitTimeout


async def _drive(gen: PQGen[T], fileno: int, *, polls: bool, resume: bool) -> T:
    """`polls`: look for data that has arrived before waiting, so that a timeout of 0 still reads it."""
    steps = 0
    try:
        wanted = gen.send(Ready.NONE) if resume else next(gen)
        while True:
            if wanted & Wait.W and not polls and steps < _STEPS_AT_ONCE:
                # Queueing a statement takes two steps. Other tasks run when it takes the connection's lock. Nothing
                # asks whether the socket is writable: it nearly always is, and libpq keeps what it does not take.
                steps += 1
                ready: int = Ready.W
                await trio.lowlevel.checkpoint_if_cancelled()
            else:
                ready = _ready_now(fileno, wanted) if polls else 0
                if not ready or wanted != Wait.R:
                    steps = 0
                    ready = await _until_ready(fileno, wanted)
            wanted = gen.send(ready)
    except StopIteration as done:
        value: T = done.value
        return value


def flush_gen(pgconn: pq.abc.PGconn) -> PQGen[None]:
    """Send what libpq has buffered. Unlike psycopg's `send`, it waits only if the socket takes no more."""
    while pgconn.flush():
        while not (ready := (yield Wait.RW)):
            pass
        if ready & Ready.R:
            # The server may send before it reads on.
            pgconn.consume_input()


async def drive_connecting(gen: PQGenConn[T]) -> T:
    """Like `drive`, for generators that yield their socket at every step: connecting and cancelling.

    A cancellation closes `gen`, and with it the socket that `gen` opened.
    """
    try:
        fileno, wanted = next(gen)
        while True:
            fileno, wanted = gen.send(await _until_ready(fileno, wanted))
    except StopIteration as done:
        value: T = done.value
        return value
    finally:
        gen.close()


async def _until_ready(fileno: int, wanted: Wait) -> int:
    """Wait until `fileno` is ready to read or to write, as `wanted` says; always a checkpoint."""
    try:
        if wanted == Wait.R:
            await trio.lowlevel.wait_readable(fileno)
            return Ready.R
        # A socket is nearly always writable, and polling is much cheaper than waiting.
        if ready := _ready_now(fileno, wanted):
            await trio.lowlevel.checkpoint()
            return ready
        if wanted == Wait.W:
            await trio.lowlevel.wait_writable(fileno)
            return Ready.W
        return await _until_either(fileno)
    except (OSError, trio.ClosedResourceError) as error:
        raise OperationalError("the connection's socket is closed") from error


async def _until_either(fileno: int) -> int:
    """Wait until `fileno` is readable or writable: libpq's send buffer is full, and the server may be sending too."""
    ready = 0

    async def note(wait: Callable[[int], Awaitable[None]], flag: Ready) -> None:
        nonlocal ready
        await wait(fileno)
        ready |= flag
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(note, trio.lowlevel.wait_readable, Ready.R)
        nursery.start_soon(note, trio.lowlevel.wait_writable, Ready.W)
    return ready


def _ready_now(fileno: int, wanted: Wait) -> int:
    """The operations of `wanted` that the socket is ready for now, as `Ready` flags; 0 for none."""
    poll = select.poll()
    poll.register(fileno, (select.POLLIN if wanted & Wait.R else 0) | (select.POLLOUT if wanted & Wait.W else 0))
    ready = 0
    for _, events in poll.poll(0):
        # An error or a hang-up counts as ready: the next read or write reports it.
        if events & ~select.POLLOUT and wanted & Wait.R:
            ready |= Ready.R
        if events & ~select.POLLIN and wanted & Wait.W:
            ready |= Ready.W
    return ready


def has_news(fileno: int) -> bool:
    """Whether the socket of an idle connection has something to read, also the end of the stream."""
    return bool(_ready_now(fileno, Wait.R))
