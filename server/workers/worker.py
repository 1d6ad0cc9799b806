"""One of several workers: a whole server, on ports that it shares, whose supervisor speaks to it."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from functools import partial
from pathlib import Path

import structlog
import trio
from pydantic import TypeAdapter

from server.main import serve
from server.running import Running, WorkerOrders, read_line
from server.settings import Settings
from server.signals import stop_on_signal


async def run_worker(settings: Settings) -> None:
    """Serve as the supervisor's orders on standard input say, until a signal comes or that input ends."""
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(stop_on_signal, stop, nursery.cancel_scope))
        # A descriptor of its own, which is made non-blocking.
        async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as supervisor:
            line = await read_line(supervisor)
            if not line:
                raise OSError("no orders on standard input: workers are started by `python -m server run`")
            orders = WorkerOrders.model_validate_json(line)
            structlog.contextvars.bind_contextvars(worker=orders.number)
            # Over before the descriptor is closed: who still reads from it then fails.
            async with trio.open_nursery() as watching:
                watching.start_soon(_stop_when_alone, supervisor, stop, orders.folder)
                async with trio.open_nursery() as serving:
                    running: Running = await serving.start(partial(serve, settings, stop=stop, orders=orders))
                    # As a single process does: what the start made is not looked at by later collections.
                    gc.collect()
                    gc.freeze()
                    sys.stdout.buffer.write(TypeAdapter(Running).dump_json(running) + b"\n")
                    sys.stdout.buffer.flush()
                watching.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


async def _stop_when_alone(supervisor: trio.abc.ReceiveStream, stop: trio.Event, folder: Path) -> None:
    """The end of the input is the end of the supervisor, however it came; then nobody else removes its `folder`."""
    while await supervisor.receive_some(1):
        pass
    await trio.to_thread.run_sync(partial(shutil.rmtree, folder, ignore_errors=True))
    stop.set()
