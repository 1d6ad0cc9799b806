"""A rate per key, such as a user or a network address, and its enforcement in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import trio

from server.net import RateLimiter


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_s` on average, and `burst` in one moment, of each key. `name` says what is counted."""

    name: str
    per_s: float
    burst: float


class Limit(Protocol):
    """Enforces a rate."""

    async def take(self, key: str) -> float:
        """Take one of `key`. Returns 0, or the seconds until the next one if there was none."""

    async def spend(self, key: str, amount: float) -> float:
        """Take `amount` of `key` in any case. Returns the seconds until it owes nothing."""


class OwnLimit:
    """A limit of this process alone. `clock` is monotonic, in seconds; None: Trio's."""

    def __init__(self, rate: Rate, clock: Callable[[], float] | None = None) -> None:
        self._limiter = RateLimiter(rate.per_s, rate.burst)
        self._clock = clock or trio.current_time

    async def take(self, key: str) -> float:
        """See `Limit`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        return self._limiter.take(key, self._clock())

    async def spend(self, key: str, amount: float) -> float:
        """See `Limit`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        return self._limiter.spend(key, amount, self._clock())


Limits = Callable[[Rate], Limit]
"""Makes the limit of a rate: of this process, or of all workers."""
