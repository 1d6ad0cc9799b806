"""One of several workers: a whole server, on ports that it shares, whose supervisor speaks to it."""

from __future__ import annotations

import gc
import os
import sys
from functools import partial

import structlog
import trio
from pydantic import TypeAdapter

from server.main import Running, serve
from server.settings import Settings
from server.stopping import stop_on_signal
from server.workers.orders import WorkerOrders, read_line


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
            nursery.start_soon(_stop_when_alone, supervisor, stop)
            async with trio.open_nursery() as serving:
                running: Running = await serving.start(partial(serve, settings, stop=stop, orders=orders))
                # As a single process does: what the start made is not looked at by later collections.
                gc.collect()
                gc.freeze()
                sys.stdout.buffer.write(TypeAdapter(Running).dump_json(running) + b"\n")
                sys.stdout.buffer.flush()
        nursery.cancel_scope.cancel()


async def _stop_when_alone(supervisor: trio.abc.ReceiveStream, stop: trio.Event) -> None:
    """The end of the input is the end of the supervisor, however it came."""
    while await supervisor.receive_some(1):
        pass
    stop.set()
