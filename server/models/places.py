"""Places of model calls: how many calls run at the same time in this process, shared fairly between users.

With n users that call models, one of them gets at most a share of 1 / (n + 1) of the places, so that the next user
finds a free one. Of several users that wait, the one with the fewest calls is next.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from uuid import UUID

import trio


class Place:
    """One call's place. `held` is False while the call has given it up."""

    def __init__(self, places: ModelPlaces, user_id: UUID | None) -> None:
        self._places = places
        self.user_id = user_id
        self.held = False
        self.woken = trio.Event()

    def give_back(self) -> None:
        """Let another call have the place. A second call does nothing."""
        self._places.give_back(self)

    async def take_again(self) -> None:
        """Wait for a place, as long as it takes."""
        await self._places.take(self)


class ModelPlaces:
    """At most `count` places. Calls without a user, such as those of a probe, count as one user."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._held: Counter[UUID | None] = Counter()
        # The users in the order in which they began to wait.
        self._waiting: OrderedDict[UUID | None, deque[Place]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<ModelPlaces: {self.held} of {self._count} held by {len(self._held)} users>"

    @property
    def held(self) -> int:
        """The number of calls that run."""
        return self._held.total()

    def place(self, user_id: UUID | None) -> Place:
        """A place that is not held yet."""
        return Place(self, user_id)

    async def take(self, place: Place, wait_s: float | None = None) -> bool:
        """Wait at most `wait_s` seconds for the place; None: as long as it takes. Returns False if it got none.

        With 0, a place that is free now is taken.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        place.woken = trio.Event()
        self._waiting.setdefault(place.user_id, deque()).append(place)
        self._serve()
        try:
            if not place.held:
                with trio.move_on_after(float("inf") if wait_s is None else wait_s):
                    await place.woken.wait()
        finally:
            if not place.held:
                self._forget(place)
        return place.held

    def give_back(self, place: Place) -> None:
        """The call has ended, or waits for its client."""
        if not place.held:
            return
        place.held = False
        self._held[place.user_id] -= 1
        if not self._held[place.user_id]:
            del self._held[place.user_id]
        self._serve()

    def _serve(self) -> None:
        while self.held < self._count:
            users = self._held.keys() | self._waiting.keys()
            share = max(1, self._count // (len(users) + 1))
            ready = [user_id for user_id in self._waiting if self._held[user_id] < share]
            if not ready:
                return
            user_id = min(ready, key=lambda one: self._held[one])
            place = self._waiting[user_id][0]
            self._forget(place)
            place.held = True
            self._held[user_id] += 1
            place.woken.set()

    def _forget(self, place: Place) -> None:
        waiting = self._waiting[place.user_id]
        waiting.remove(place)
        if waiting:
            self._waiting.move_to_end(place.user_id)
        else:
            del self._waiting[place.user_id]
