"""Short pauses of the garbage collector, also with thousands of sessions.

A full collection looks at every object that may be in a cycle, and nothing else runs meanwhile: about 0.1 ms for each
idle session. So objects that survived one full collection are frozen: later collections skip them. Garbage in cycles of
frozen objects would stay, so when the frozen objects have doubled, one collection looks at all of them again.

A collection then looks only at the objects since the one before. So frequent collections cost no more in sum, and each
pause is shorter: with Python's thresholds, one of 8 to 20 ms every few seconds delayed one of a hundred cancels.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

_OLDEST: Final = 2
_CHECK_S: Final = 60.0
_THRESHOLDS: Final = (700, 5, 2)
# Less growth than this is not worth a full collection.
_MARGIN: Final = 100_000


class FrozenObjects:
    """Freezes what survives full collections, from `start` on. One per process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, margin: int = _MARGIN) -> None:
        self._clock = clock
        self._margin = margin
        self._kept = 0
        self._check_at = 0.0
        self._looks_at_all = False
        self._usual = gc.get_threshold()

    def __repr__(self) -> str:
        return f"<FrozenObjects, {self._kept} kept by the last collection of all>"

    def start(self) -> None:
        """Collect everything now, and freeze the rest."""
        self._looks_at_all = True
        self._usual = gc.get_threshold()
        gc.set_threshold(*_THRESHOLDS)
        gc.callbacks.append(self._collected)
        gc.collect()
        # Python waits until there is a quarter more than the last full collection kept. This one keeps little.
        gc.collect()

    def stop(self) -> None:
        """Let collections look at every object again."""
        gc.callbacks.remove(self._collected)
        gc.set_threshold(*self._usual)
        gc.unfreeze()

    def _collected(self, phase: str, info: Mapping[str, Any]) -> None:
        if phase != "stop" or info["generation"] != _OLDEST:
            return
        gc.freeze()
        now = self._clock()
        if self._looks_at_all:
            self._looks_at_all = False
            self._kept = gc.get_freeze_count()
            self._check_at = now + _CHECK_S
        elif now >= self._check_at:
            # Counting takes milliseconds, so it is not done after each collection.
            self._check_at = now + _CHECK_S
            if gc.get_freeze_count() > 2 * self._kept + self._margin:
                gc.unfreeze()
                self._looks_at_all = True
