"""Starts the server for an evaluation: on free ports, with the scenario's clock and the evaluation's model client."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import trio

from server.logs import configure_logging
from server.main import serve
from server.settings import PREFIX, load_settings
from server.startup import Running
from streaming.model import HttpTransport

OpenClient = Callable[[HttpTransport], httpx.AsyncClient]

# A scenario may use other values. The person's environment wins over the first group, never over the second.
_DEFAULTS: Final[Mapping[str, str]] = {
    "tool_timeout_s": "3",
    "approval_timeout_s": "3",
    "demo_pace_s": "0",
    "drain_grace_s": "0.1",
    "log_level": "error",
}
_FIXED: Final[Mapping[str, str]] = {
    "http_bind": "127.0.0.1:0",
    "ws_bind": "127.0.0.1:0",
    "playground": "false",
    "workers": "1",
}


class ScenarioClock:
    """Seconds since the epoch: the time of the running scenario, which goes on from there."""

    def __init__(self) -> None:
        self._offset = 0.0

    def __call__(self) -> float:
        """The time now."""
        return time.time() + self._offset

    def set(self, now_s: float) -> None:
        """Let it be `now_s` now."""
        self._offset = now_s - time.time()


@contextmanager
def state_folder() -> Iterator[Path]:
    """A temporary state folder. PostgreSQL may run as another account, which must be able to pass through it."""
    with tempfile.TemporaryDirectory(prefix="tessera-eval-") as folder:
        path = Path(folder)
        path.chmod(0o711)
        yield path


@asynccontextmanager
async def running_server(
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    state: Path,
    clock: ScenarioClock,
    open_client: OpenClient | None,
) -> AsyncIterator[Running]:
    """Run the server with the settings in `environ`, and with `overrides` by field name. Drains it on exit.

    Without TESSERA_DATABASE_URL, it has a new embedded database in `state`. Raises `SettingsError` and `OSError`.
    """
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value}
    settings = {PREFIX + name.upper(): value for name, value in _DEFAULTS.items()} | given
    if f"{PREFIX}DATABASE_URL" not in given:
        settings[f"{PREFIX}STATE_DIR"] = str(state)
    settings |= {PREFIX + name.upper(): _text(value) for name, value in {**_FIXED, **overrides}.items()}
    loaded = load_settings(settings)
    stop = trio.Event()
    run = partial(serve, loaded, stop=stop, clock=clock)
    if open_client is not None:
        run = partial(run, open_model_client=open_client)
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(run)
        try:
            yield running
        finally:
            stop.set()


def write_logs(environ: Mapping[str, str] = os.environ) -> None:
    """Write the server's logs to standard error: errors only, unless TESSERA_LOG_LEVEL says more."""
    level = load_settings({f"{PREFIX}LOG_LEVEL": environ.get(f"{PREFIX}LOG_LEVEL") or _DEFAULTS["log_level"]}).log_level
    configure_logging(level, "auto")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
