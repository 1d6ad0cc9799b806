"""The calls that people wait for, of one model: the probe of a server with one slot lets them go first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

_PAUSE_S: Final = 2.0
"""The calls of one request follow each other, with the device's tools in between."""
_MOST_S: Final = 120.0


class Traffic:
    """Counts the calls that run, and knows when the last one ended. On trio's clock."""

    def __init__(self) -> None:
        self._running = 0
        self._ended_at = -math.inf
        self._idle = trio.Event()

    def __repr__(self) -> str:
        return f"<Traffic: {self._running} calls>"

    @contextmanager
    def call(self) -> Iterator[None]:
        """One call runs."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._ended_at = trio.current_time()
            if not self._running:
                self._idle.set()
                self._idle = trio.Event()

    async def quiet(self) -> None:
        """Wait until no call has run for two seconds, at most two minutes."""
        with trio.move_on_after(_MOST_S):
            while self._running or trio.current_time() < self._ended_at + _PAUSE_S:
                if self._running:
                    await self._idle.wait()
                else:
                    await trio.sleep_until(self._ended_at + _PAUSE_S)
