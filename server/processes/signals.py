"""Stopping a process by signals: the first drains it, the second stops it immediately."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Final

import structlog
import trio

log = structlog.get_logger(__name__)

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def stop_on_signal(
    stop: trio.Event,
    scope: trio.CancelScope,
    on_signal: Callable[[signal.Signals], None] | None = None,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Set `stop` on the first signal and cancel `scope` on the second. `on_signal` is called for both."""
    # `nohup` ignores SIGHUP, so that the server outlives its terminal: an ignored signal stays ignored.
    numbers = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    with trio.open_signal_receiver(*numbers) as signals:
        task_status.started()
        async for number in signals:
            received = signal.Signals(number)
            if on_signal is not None:
                on_signal(received)
            if stop.is_set():
                scope.cancel()
                return
            log.info("stopping", signal=received.name)
            stop.set()
