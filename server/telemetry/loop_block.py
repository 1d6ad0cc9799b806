"""How long the event loop was blocked: a task that wants to run every 250 ms measures how late it does.

A block is reported as at most 250 ms shorter than it was. Waking an idle process takes about 0.25 ms of CPU, because
its code is no longer in the processor's caches: twenty times a second, that was 4 % of the cost of a token.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import trio

_EVERY_S: Final = 0.25
_WINDOW_S: Final = 60.0


class LoopBlock:
    """The longest block of the last minute. `run` it in the server's nursery."""

    def __init__(self) -> None:
        # Blocks in the order of time, each longer than all later ones.
        self._blocks: deque[tuple[float, float]] = deque()

    @property
    def longest_s(self) -> float:
        """The longest block of the last minute, in seconds; 0 if there was none."""
        self._forget(trio.current_time())
        return self._blocks[0][1] if self._blocks else 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due = trio.current_time() + _EVERY_S
            await trio.sleep_until(due)
            self.note(trio.current_time(), trio.current_time() - due)

    def note(self, now: float, block_s: float) -> None:
        """The loop was blocked for `block_s` seconds until `now`."""
        while self._blocks and self._blocks[-1][1] <= block_s:
            self._blocks.pop()
        self._blocks.append((now, block_s))
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._blocks and self._blocks[0][0] < now - _WINDOW_S:
            self._blocks.popleft()
