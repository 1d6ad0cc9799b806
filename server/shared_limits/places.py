"""Places of work that takes long, such as model calls: how many run at the same time, shared fairly between holders.

With n holders, one of them gets at most a share of 1 / (n + 1) of the places, so that the next holder finds a free one.
Of several holders that wait, the one with the fewest places is next. Holders may be in groups, which share first.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import Protocol

import trio


class Places(Protocol):
    """A bounded number of places."""

    @property
    def held(self) -> int:
        """The number of places of this process that are held."""

    def place(self, holder: str = "", group: str = "") -> Place:
        """A place that is not held yet. `holder`: whose share it counts for. `group`: see `OwnPlaces`."""

    async def take(self, place: Place, wait_s: float | None = None) -> bool:
        """Wait at most `wait_s` seconds for the place; None: as long as it takes. Returns False if it got none.

        With 0, a place that is free now is taken.
        """

    def give_back(self, place: Place) -> None:
        """Let another holder have the place. Does nothing if it is not held."""


class Place:
    """One place. `held` is False before it is taken, and while the work has given it up."""

    def __init__(self, places: Places, holder: str, group: str) -> None:
        self._places = places
        self.holder = holder
        self.group = group
        self.held = False
        self.woken = trio.Event()

    def give_back(self) -> None:
        """Let another holder have the place. A second call does nothing."""
        self._places.give_back(self)

    async def take_again(self) -> None:
        """Wait for a place, as long as it takes."""
        await self._places.take(self)


class OwnPlaces:
    """At most `count` places of this process. Work without a holder, such as a probe, counts as one holder.

    A group has at most half of the places, and at least one. Of several groups that wait, the one with the fewest
    places is next, or else the one whose last turn is the longest ago. So a group of many holders does not make the
    holders of another group wait for all of them. Places without a group have no such limit.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._group_share = max(1, count // 2)
        self._held: Counter[str] = Counter()
        self._groups: Counter[str] = Counter()
        # The holders in the order in which they began to wait.
        self._waiting: OrderedDict[str, deque[Place]] = OrderedDict()
        # The groups in the order of their last turns.
        self._turns: dict[str, int] = {}
        self._turn = 0

    def __repr__(self) -> str:
        return f"<OwnPlaces: {self.held} of {self._count} held by {len(self._held)} holders>"

    @property
    def held(self) -> int:
        """The number of places that are held."""
        return self._held.total()

    def place(self, holder: str = "", group: str = "") -> Place:
        """See `Places`."""
        return Place(self, holder, group)

    async def take(self, place: Place, wait_s: float | None = None) -> bool:
        """See `Places`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        place.woken = trio.Event()
        self._waiting.setdefault(place.holder, deque()).append(place)
        self._serve()
        try:
            if not place.held:
                with trio.move_on_after(float("inf") if wait_s is None else wait_s):
                    await place.woken.wait()
        except trio.Cancelled:
            # Another holder that was cancelled at the same time may have given its place to this one.
            if place.held:
                self.give_back(place)
            else:
                self._forget(place)
            raise
        if not place.held:
            self._forget(place)
        return place.held

    def give_back(self, place: Place) -> None:
        """See `Places`."""
        if not place.held:
            return
        place.held = False
        for counter, key in ((self._held, place.holder), (self._groups, place.group)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]
        self._serve()

    def _serve(self) -> None:
        while self.held < self._count:
            holders = self._held.keys() | self._waiting.keys()
            share = max(1, self._count // (len(holders) + 1))
            waiting = (queue[0] for holder, queue in self._waiting.items() if self._held[holder] < share)
            ready = [place for place in waiting if not place.group or self._groups[place.group] < self._group_share]
            if not ready:
                return
            place = min(ready, key=self._rank)
            self._forget(place)
            place.held = True
            self._held[place.holder] += 1
            self._groups[place.group] += 1
            self._turn += 1
            self._turns[place.group] = self._turn
            place.woken.set()

    def _rank(self, place: Place) -> tuple[int, int, int]:
        return self._groups[place.group], self._turns.get(place.group, 0), self._held[place.holder]

    def _forget(self, place: Place) -> None:
        waiting = self._waiting[place.holder]
        waiting.remove(place)
        if waiting:
            self._waiting.move_to_end(place.holder)
        else:
            del self._waiting[place.holder]
