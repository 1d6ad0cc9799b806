"""The places for password hashing: a bounded number, given in turn to the sources that wait.

Hashing takes tens of milliseconds of a core on purpose. Sixty logins from one address must not make the login from
another address wait for all of them. Nor must sixty logins from sixty addresses delay a device that has logged in
before: unknown addresses have at most half of the places, and so have known devices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from server.shared_limits import Places

_MAX_WAITING: Final = 1000
_MAX_WAITING_OF_ONE: Final = 100
_KNOWN, _UNKNOWN = "known", "unknown"


class HashingBusy(Exception):
    """Too many passwords wait to be hashed."""

    def __init__(self) -> None:
        super().__init__("Too many logins wait at this server. Try again in a few seconds.")


@dataclass(frozen=True, slots=True)
class HashSource:
    """Who waits for a hash: a network address, or a device or user that is `known` because it has logged in before."""

    name: str = ""
    known: bool = False


NO_SOURCE: Final = HashSource()
"""Requests that share one turn, such as those of tests."""


class HashSlots:
    """Sources that wait for one of `places` get the next one in turn, each in the order of its requests.

    At most `max_waiting` unknown and as many known requests wait in this process, and `max_waiting_of_one` of one
    source.
    """

    def __init__(
        self, places: Places, *, max_waiting: int = _MAX_WAITING, max_waiting_of_one: int = _MAX_WAITING_OF_ONE
    ) -> None:
        self._places = places
        self._max_waiting = max_waiting
        self._max_of_one = max_waiting_of_one
        self._waiting: Counter[HashSource] = Counter()

    def __repr__(self) -> str:
        return f"<HashSlots, {self._places.held} held, {self.waiting} waiting>"

    @property
    def waiting(self) -> int:
        """The number of requests without a place."""
        return self._waiting.total()

    @asynccontextmanager
    async def slot(self, source: HashSource) -> AsyncIterator[None]:
        """Hold a place for the length of the block. Raises `HashingBusy` if too many requests wait already."""
        group = sum(count for one, count in self._waiting.items() if one.known == source.known)
        if group >= self._max_waiting or self._waiting[source] >= self._max_of_one:
            raise HashingBusy
        kind = _KNOWN if source.known else _UNKNOWN
        place = self._places.place(f"{kind} {source.name}", kind)
        self._waiting[source] += 1
        try:
            await self._places.take(place)
        finally:
            self._waiting[source] -= 1
            if not self._waiting[source]:
                del self._waiting[source]
        try:
            yield
        finally:
            place.give_back()
