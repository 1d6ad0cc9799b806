"""Short pauses of the garbage collector, also with thousands of sessions.

A full collection looks at every object that may be in a cycle, and nothing else runs meanwhile: about 0.1 ms for each
idle session, and several times that for a session with an answer. So objects that survived two collections are frozen:
later collections skip them. Garbage in cycles of frozen objects would stay, so when the frozen objects have doubled,
one collection looks at all of them again. It waits for a calm second: while thousands of devices come back, it would
stop every running answer for a second.

A collection then looks only at a few thousand new objects. With Python's thresholds, a pause of 8 to 20 ms every few
seconds delayed one of a hundred cancels. Without a third collection of each object, a handshake costs less too.

Python begins a collection by the number of objects that were made, less those that were freed. Each token of a running
answer makes as many objects as it frees, and those that it frees are frozen. So tens of thousands of new objects would
come together, and one collection of them takes 5 to 18 ms. So a task collects them if there are over 4,000. It looks
twice a second. After such a collection it looks twenty times a second, because thousands of devices may be connecting.
Waking an idle process twenty times a second costs 2 to 4 % of the CPU of a token. A hundred running answers have half
as many objects.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any, Final

import trio

_OLDEST: Final = 2
_MIDDLE: Final = 1
_THRESHOLDS: Final = (700, 3, 1)
_NEW_S: Final = 0.5
_MANY_NEW_S: Final = 0.05
_LOOKS: Final = 20
"""The number of looks that follow a collection every `_MANY_NEW_S`."""
_NEW_OBJECTS: Final = 4_000
# Less growth than this is not worth a collection of all objects.
_MARGIN: Final = 100_000
_CALM_S: Final = 1.0
# About as many as two collections of the middle generation look at.
_CALM_OBJECTS: Final = 7_000
_LATE_S: Final = 0.02
_MAX_WAIT_S: Final = 600.0


class FrozenObjects:
    """Freezes what survives a collection of the middle generation, from `start` on. `run` it too. One per process."""

    def __init__(self, margin: int = _MARGIN) -> None:
        self._margin = margin
        self._kept = 0
        self._frozen = 0  # at most this number: some may have been freed
        self._count_above = 0
        self._made = 0  # without those that were freed before they were collected
        self._usual = gc.get_threshold()

    def __repr__(self) -> str:
        return f"<FrozenObjects, {self._kept} kept by the last collection of all>"

    def start(self) -> None:
        """Collect everything now, and freeze the rest."""
        self._usual = gc.get_threshold()
        gc.set_threshold(*_THRESHOLDS)
        gc.callbacks.append(self._collected)
        self.collect_all()

    def stop(self) -> None:
        """Let collections look at every object again."""
        gc.callbacks.remove(self._collected)
        gc.set_threshold(*self._usual)
        gc.unfreeze()

    @property
    def doubled(self) -> bool:
        """Whether twice as many objects are frozen as the last collection of all objects kept."""
        if not self._seem_doubled:
            return False
        # Counting takes up to 30 ms, so it is only done when they may have doubled.
        self._frozen = gc.get_freeze_count()
        if self._frozen > self._doubled_above:
            return True
        self._count_above = self._frozen + max(self._margin, self._frozen // 4)
        return False

    @property
    def _doubled_above(self) -> int:
        return 2 * self._kept + self._margin

    @property
    def _seem_doubled(self) -> bool:
        return self._frozen > max(self._doubled_above, self._count_above)

    def collect_all(self) -> None:
        """Collect the frozen objects too, and freeze the rest."""
        gc.callbacks.remove(self._collected)
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        # Python waits until there is a quarter more than the last full collection kept. This one keeps little.
        gc.collect()
        gc.freeze()
        gc.callbacks.append(self._collected)
        self._kept = self._frozen = gc.get_freeze_count()
        self._count_above = 0

    async def run(self) -> None:
        """Collect all objects when they have doubled, in a calm second, and new objects often, until cancelled.

        A second is calm if this task was woken in time and few objects were made. After `_MAX_WAIT_S` seconds without a
        calm one, the collection is done all the same.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_collect_new)
            await self._collect_all_in_time()

    async def _collect_all_in_time(self) -> None:
        waits_since: float | None = None
        while True:
            before, due = self._made, trio.current_time() + _CALM_S
            await trio.sleep_until(due)
            if not self._seem_doubled:
                waits_since = None
                continue
            now = trio.current_time()
            waits_since = now if waits_since is None else waits_since
            calm = self._made - before < _CALM_OBJECTS and now - due < _LATE_S
            if (calm or now - waits_since >= _MAX_WAIT_S) and self.doubled:
                self.collect_all()
                waits_since = None

    def _collected(self, phase: str, info: Mapping[str, Any]) -> None:
        if info["generation"] < _MIDDLE:
            return
        if phase == "start":
            new, collections, _ = gc.get_count()
            self._made += new + collections * _THRESHOLDS[0]
        else:
            self._frozen += len(gc.get_objects(_OLDEST))
            gc.freeze()


async def _collect_new() -> None:
    looks = 0
    while True:
        await trio.sleep(_MANY_NEW_S if looks else _NEW_S)
        looks = max(0, looks - 1)
        if sum(len(gc.get_objects(generation)) for generation in range(_MIDDLE + 1)) > _NEW_OBJECTS:
            gc.collect(_MIDDLE)
            looks = _LOOKS
