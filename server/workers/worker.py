"""A worker: a whole server on shared ports, controlled by the supervisor over standard input."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from pathlib import Path

import structlog
import trio
from pydantic import TypeAdapter

from server.main import serve
from server.processes import stop_on_signal
from server.settings import Settings
from server.startup import Running, WorkerOrders, read_line
from server.workers.deadline_heap import allow_stale_deadlines
from server.workers.garbage import FrozenObjects
from server.workers.thread_switches import hasten_thread_switches


async def run_worker(settings: Settings) -> None:
    """Serve with the supervisor's orders from standard input, until a signal arrives or the input ends."""
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(stop_on_signal, stop, nursery.cancel_scope))
        # A duplicate of the descriptor, because it becomes non-blocking.
        async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as supervisor:
            line = await read_line(supervisor)
            if not line:
                raise OSError(
                    "no orders on standard input: start workers with `python -m server run` and TESSERA_WORKERS"
                )
            orders = WorkerOrders.model_validate_json(line)
            structlog.contextvars.bind_contextvars(worker=orders.number)
            # This nursery ends before the descriptor is closed, because a reader of a closed descriptor fails.
            async with trio.open_nursery() as watching:
                watching.start_soon(_stop_when_alone, supervisor, stop, orders.folder)
                async with trio.open_nursery() as serving:
                    running: Running = await serving.start(partial(serve, settings, stop=stop, orders=orders))
                    frozen = FrozenObjects()
                    frozen.start()
                    watching.start_soon(frozen.run)
                    hasten_thread_switches()
                    allow_stale_deadlines()
                    sys.stdout.buffer.write(TypeAdapter(Running).dump_json(running) + b"\n")
                    sys.stdout.buffer.flush()
                watching.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


async def _stop_when_alone(supervisor: trio.abc.ReceiveStream, stop: trio.Event, folder: Path) -> None:
    """Set `stop` when the input ends, which means that the supervisor ended; remove its `folder`, as it can't."""
    while await supervisor.receive_some(1):
        pass
    await trio.to_thread.run_sync(partial(shutil.rmtree, folder, ignore_errors=True))
    stop.set()
