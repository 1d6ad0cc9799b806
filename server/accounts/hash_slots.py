"""The places for password hashing: a bounded number, given in turn to the network addresses that wait.

Hashing takes tens of milliseconds of a core on purpose. Sixty logins from one address must not make the login from
another address wait for all of them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

_MAX_WAITING: Final = 1000
_MAX_WAITING_OF_ONE: Final = 100


class HashingBusy(Exception):
    """Too many passwords wait to be hashed."""

    def __init__(self) -> None:
        super().__init__("Too many logins wait at this server. Try again in a few seconds.")


class _Waiter:
    __slots__ = ("given", "woken")

    def __init__(self) -> None:
        self.woken = trio.Event()
        self.given = False


class HashSlots:
    """`total` places. Sources that wait get the next place in turn, each in the order of its requests."""

    def __init__(
        self, total: int, *, max_waiting: int = _MAX_WAITING, max_waiting_of_one: int = _MAX_WAITING_OF_ONE
    ) -> None:
        self._free = total
        self._max_waiting = max_waiting
        self._max_of_one = max_waiting_of_one
        self._waiting: OrderedDict[str, deque[_Waiter]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<HashSlots, {self._free} free, {self.waiting} waiting>"

    @property
    def waiting(self) -> int:
        """The number of requests without a place."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def slot(self, source: str) -> AsyncIterator[None]:
        """Hold a place for the length of the block. Raises `HashingBusy` if too many requests wait already."""
        await self._acquire(source)
        try:
            yield
        finally:
            self._release()

    async def _acquire(self, source: str) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._free:
            self._free -= 1
            return
        queue = self._waiting.get(source, deque())
        if self.waiting >= self._max_waiting or len(queue) >= self._max_of_one:
            raise HashingBusy
        waiter = _Waiter()
        queue.append(waiter)
        self._waiting[source] = queue
        try:
            await waiter.woken.wait()
        except trio.Cancelled:
            if waiter.given:
                self._release()
            else:
                self._forget(source, waiter)
            raise

    def _release(self) -> None:
        if not self._waiting:
            self._free += 1
            return
        # The source that was served last goes to the end.
        source, queue = self._waiting.popitem(last=False)
        waiter = queue.popleft()
        if queue:
            self._waiting[source] = queue
        waiter.given = True
        waiter.woken.set()

    def _forget(self, source: str, waiter: _Waiter) -> None:
        queue = self._waiting[source]
        queue.remove(waiter)
        if not queue:
            del self._waiting[source]
