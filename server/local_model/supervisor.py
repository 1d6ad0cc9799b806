"""Runs the model's process: starts it, restarts it when it dies, and ends it with the server."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog
import trio

from server.local_model.machine import LocalModelFailed, Plan
from server.local_model.orders import ServerOrders
from server.local_model.table import LocalModel
from server.processes import program

log = structlog.get_logger(__name__)

SERVER_COMMAND: Final = program("server.local_model.llama_server")
_START_S: Final = 180.0
_FIRST_DELAY_S: Final = 0.5
_LAST_DELAY_S: Final = 10.0
_MAX_DOUBLINGS: Final = 20
# After this many seconds of running, the restart delay starts from its first value again.
_STEADY_S: Final = 60.0
_STOP_S: Final = 2.0


@dataclass(slots=True)
class ServedModel:
    """A model: its base URL and the key that its process wants, new for each start of the server.

    `ready`: whether the process has loaded the model and runs. It changes when the process dies and is started again.
    """

    url: str
    key: str = field(repr=False)
    ready: bool = True


async def serve_local_model(
    model: LocalModel,
    file: Path,
    plan: Plan,
    *,
    command: Sequence[str] = SERVER_COMMAND,
    first_delay_s: float = _FIRST_DELAY_S,
    task_status: trio.TaskStatus[ServedModel] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `file` until cancelled, on the same port after each restart.

    Raises `LocalModelFailed` if the first start fails. After later deaths the process is restarted after
    `first_delay_s`; the delay doubles with each further death, up to ten seconds.
    """
    if command == SERVER_COMMAND and find_spec("xllamacpp") is None:
        raise LocalModelFailed("xllamacpp is not installed: install tessera-server[local-model]")
    key, port, deaths = secrets.token_urlsafe(24), 0, 0
    served: ServedModel | None = None
    while True:
        began = trio.current_time()
        orders = ServerOrders(
            file=str(file),
            name=model.name,
            port=port,
            key=key,
            threads=plan.threads,
            slots=plan.slots,
            context_tokens=plan.context_tokens,
        )
        process = await trio.lowlevel.open_process(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C signals the terminal's whole process group. The server ends its child itself, after its requests.
            process_group=0,
        )
        try:
            url = await _start(process, orders)
            if url is not None:
                log.info("local_model_ready", model=model.name, pid=process.pid)
                if served is None:
                    port = urlsplit(url).port or 0
                    served = ServedModel(url, key)
                    task_status.started(served)
                served.ready = True
            elif not port:
                raise LocalModelFailed(
                    f"llama.cpp could not serve the model {model.name} from {file}; its own error is above"
                )
            status = await process.wait() if url is not None else None
        finally:
            if served is not None:
                served.ready = False
            await _end(process)
        deaths = 1 if trio.current_time() - began >= _STEADY_S else deaths + 1
        delay_s = min(first_delay_s * 2 ** min(deaths - 1, _MAX_DOUBLINGS), _LAST_DELAY_S)
        log.warning("local_model_died", model=model.name, status=status, restart_in_s=delay_s)
        await trio.sleep(delay_s)


async def _start(process: trio.Process, orders: ServerOrders) -> str | None:
    """The process's base URL; None if it ended or did not load the model in time."""
    if process.stdin is None or process.stdout is None:
        return None
    line = b""
    with trio.move_on_after(_START_S):
        try:
            await process.stdin.send_all(orders.model_dump_json().encode() + b"\n")
        except trio.BrokenResourceError:
            return None
        while not line.endswith(b"\n"):
            received = await process.stdout.receive_some(4096)
            line += received
            if not received:
                return None
    url = line.decode(errors="replace").strip()
    return url if url.startswith("http://127.0.0.1:") else None


async def _end(process: trio.Process) -> None:
    """End the process: it ends when its input is closed, and is killed if it does not."""
    with trio.CancelScope(shield=True):
        if process.stdin is not None:
            await process.stdin.aclose()
        with trio.move_on_after(_STOP_S):
            await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
        if process.stdout is not None:
            await process.stdout.aclose()
