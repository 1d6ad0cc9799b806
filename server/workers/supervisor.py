"""The supervisor: starts workers on the same ports, restarts those that die, and stops all together.

The supervisor serves no clients. It owns what exists once: the embedded PostgreSQL, the migrations, the generated
master key, and the reservation of the two ports, which keeps other processes off them while a worker restarts. A worker
stops when its standard input ends, so no worker outlives its supervisor.
"""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog
import trio
from pydantic import TypeAdapter, ValidationError

from server.net import host_port, parse_bind, reserved_port
from server.processes import program
from server.settings import PREFIX, Settings
from server.shared_limits import Arbiter
from server.startup import Running, WorkerOrders, read_line
from server.storage import (
    check_connections,
    database_url,
    first_master_key,
    master_keys,
    prepare_database,
    prepare_state_dir,
)
from sql.pool import open_pool
from sql.statements import Statements
from sql.tenant import configure_server

log = structlog.get_logger(__name__)

_RUNNING: Final = TypeAdapter(Running)
WORKER_COMMAND: Final = program("server", "worker")
_START_S: Final = 60.0
_FIRST_DELAY_S: Final = 0.5
_LAST_DELAY_S: Final = 10.0
# Enough to reach the last delay, and far from an overflow.
_MAX_DOUBLINGS: Final = 20
# After this many seconds of running, the restart delay starts from its first value again.
_STEADY_S: Final = 60.0
# This many consecutive starts that never become ready end the server.
_MAX_FAILED_STARTS: Final = 5
# Seconds after the grace period to close sockets, send the last bytes and close the pool.
_STOP_S: Final = 8.0


class WorkerFailed(Exception):
    """A worker does not start; its own error is on standard error."""


class Supervisor:
    """Keeps one worker running for each of `orders` until `pass_on` is called."""

    def __init__(
        self,
        orders: Sequence[WorkerOrders],
        *,
        stop_s: float,
        command: Sequence[str] = WORKER_COMMAND,
        first_delay_s: float = _FIRST_DELAY_S,
    ) -> None:
        """A worker that has not ended `stop_s` seconds after the signal is killed.

        A worker that dies is restarted after `first_delay_s`; the delay doubles with each further death.
        """
        self._orders = orders
        self._stop_s = stop_s
        self._command = list(command)
        self._first_delay_s = first_delay_s
        self._stopping = trio.Event()
        self._processes: dict[int, trio.Process] = {}
        self._ready: dict[int, Running] = {}
        self._all_were_ready = False
        self._on_ready: Callable[[Running], None] = lambda _: None

    def __repr__(self) -> str:
        return f"<Supervisor of {len(self._orders)}, running: {self.pids}>"

    @property
    def pids(self) -> dict[int, int]:
        """The process ids of the running workers by worker number."""
        return {number: process.pid for number, process in sorted(self._processes.items())}

    def pass_on(self, number: signal.Signals) -> None:
        """Send every worker a signal that ends it; from now on, no worker is restarted."""
        self._stopping.set()
        for worker, process in self._processes.items():
            # A worker that does not handle signals yet ends immediately on SIGTERM.
            process.send_signal(number if worker in self._ready else signal.SIGTERM)

    async def run(self, on_ready: Callable[[Running], None]) -> None:
        """Return when every worker has ended after `pass_on`. `on_ready` is called once, when all are ready.

        Raises `WorkerFailed` if a worker can't be started. Ends the workers also when it fails or is cancelled.
        """
        self._on_ready = on_ready
        async with trio.open_nursery() as nursery:
            for orders in self._orders:
                nursery.start_soon(self._keep, orders)

    async def _keep(self, orders: WorkerOrders) -> None:
        failed_starts = deaths = 0
        while not self._stopping.is_set():
            began = trio.current_time()
            status, was_ready = await self._run_once(orders)
            if self._stopping.is_set():
                return
            steady = was_ready and trio.current_time() - began >= _STEADY_S
            deaths = 1 if steady else deaths + 1
            failed_starts = 0 if was_ready else failed_starts + 1
            if failed_starts and (not self._all_were_ready or failed_starts >= _MAX_FAILED_STARTS):
                raise WorkerFailed(
                    f"worker {orders.number} of {orders.count} does not start"
                    f" (exit status {status}, {failed_starts} consecutive attempts): see its error above"
                )
            delay_s = min(self._first_delay_s * 2 ** min(deaths - 1, _MAX_DOUBLINGS), _LAST_DELAY_S)
            log.warning("worker_died", worker=orders.number, status=status, restart_in_s=delay_s)
            with trio.move_on_after(delay_s):
                await self._stopping.wait()

    async def _run_once(self, orders: WorkerOrders) -> tuple[int, bool]:
        """Start a worker and wait for its end. Returns its exit status and whether it became ready."""
        process = await trio.lowlevel.open_process(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C signals the terminal's whole process group. In their own groups, workers get the signal only once,
            # from the supervisor.
            process_group=0,
        )
        self._processes[orders.number] = process
        if self._stopping.is_set():  # the signal was passed on while this process was starting
            process.terminate()
        try:
            return await self._watch(process, orders)
        finally:
            await self._end(process)
            del self._processes[orders.number]
            self._ready.pop(orders.number, None)

    async def _watch(self, process: trio.Process, orders: WorkerOrders) -> tuple[int, bool]:
        running = None
        with trio.move_on_after(_START_S) as starting:
            running = await self._start(process, orders)
        if starting.cancelled_caught:
            log.error("worker_start_timeout", worker=orders.number, waited_s=_START_S)
        if running is None:
            return await self._end(process), False
        self._ready[orders.number] = running
        log.info("worker_ready", worker=orders.number, pid=process.pid)
        if not self._all_were_ready and len(self._ready) == len(self._orders):
            self._all_were_ready = True
            self._on_ready(running)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._kill_after_timeout, process)
            status = await process.wait()
            nursery.cancel_scope.cancel()
        return status, True

    async def _start(self, process: trio.Process, orders: WorkerOrders) -> Running | None:
        """The worker's report that it is ready; None if it ended before or reported something else."""
        if process.stdin is None or process.stdout is None:
            return None
        try:
            await process.stdin.send_all(orders.model_dump_json().encode() + b"\n")
            return _RUNNING.validate_json(await read_line(process.stdout))
        except (trio.BrokenResourceError, ValidationError):
            return None

    async def _kill_after_timeout(self, process: trio.Process) -> None:
        await self._stopping.wait()
        await trio.sleep(self._stop_s)
        log.error("worker_killed", pid=process.pid, waited_s=self._stop_s)
        process.kill()

    async def _end(self, process: trio.Process) -> int:
        """The exit status. A process that still runs is terminated, and killed if it does not end in time."""
        status = 0
        with trio.CancelScope(shield=True):
            if process.returncode is None:
                process.terminate()
                with trio.move_on_after(self._stop_s):
                    await process.wait()
            if process.returncode is None:
                process.kill()
            status = await process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    await stream.aclose()
        return status


async def supervise(
    settings: Settings,
    *,
    on_supervisor: Callable[[Supervisor], None],
    on_ready: Callable[[Running], None],
) -> None:
    """Run `settings.workers` workers until they are told to stop, through the supervisor given to `on_supervisor`.

    `on_ready` is called when all workers serve. Raises `WorkerFailed`, `SettingsError` if the workers need more
    connections than the database allows, and what opening the database, the keys and the ports raises.
    """
    prepare_state_dir(settings.state_dir)
    found = master_keys(settings)
    async with AsyncExitStack() as stack:
        url, description = await stack.enter_async_context(database_url(settings))
        await prepare_database(settings, url)
        async with open_pool(url, max_size=1, configure=configure_server) as pool:
            await check_connections(settings, pool)
            if found is None:
                found = await first_master_key(settings, pool, Statements.load())
        _, key_file = found
        ws_bind = await _reserve(stack, "WS_BIND", settings.ws_bind)
        http_bind = await _reserve(stack, "HTTP_BIND", settings.http_bind)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tessera-workers-"))
        supervisor = Supervisor(
            [
                WorkerOrders(
                    number=number, count=settings.workers, ws_bind=ws_bind, http_bind=http_bind, folder=Path(folder)
                )
                for number in range(1, settings.workers + 1)
            ],
            stop_s=settings.drain_grace_s + _STOP_S,
        )
        on_supervisor(supervisor)

        def ready(running: Running) -> None:
            on_ready(replace(running, database=description, generated_key_file=key_file, workers=settings.workers))

        async with trio.open_nursery() as nursery:
            await nursery.start(Arbiter(Path(folder)).serve)
            await supervisor.run(ready)
            nursery.cancel_scope.cancel()


async def _reserve(stack: AsyncExitStack, name: str, bind: str) -> str:
    """`bind` with its port reserved. Raises OSError that names the setting."""
    host, port = parse_bind(bind)
    try:
        port = await stack.enter_async_context(reserved_port(host, port))
    except OSError as error:
        raise OSError(f"{PREFIX}{name}: can't listen on {bind}: {error.strerror or error}") from error
    return host_port((host, port))
