"""The lock of a connection: one task at a time works on it."""

from __future__ import annotations

from types import TracebackType

import trio


class ConnectionLock:
    """A lock that gives a free connection without a change of tasks. `trio.Lock` lets all other tasks run first.

    A connection from a pool is used by one task, so its lock is nearly always free. The task waits for the server
    afterwards. A lock that is held makes a place to wait when the first task needs it.
    """

    __slots__ = ("_waiting", "held")

    def __init__(self) -> None:
        self.held = False
        """Whether a task holds the lock."""
        self._waiting: trio.lowlevel.ParkingLot | None = None

    def locked(self) -> bool:
        """Whether a task holds the lock."""
        return self.held

    def take(self) -> None:
        """Take the lock, which must be free. Not a checkpoint."""
        if self.held:
            raise trio.WouldBlock
        self.held = True

    def release(self) -> None:
        """Give the lock back, or to the task that has waited longest."""
        if not self.held:
            raise RuntimeError("the lock of this connection is not held")
        if self._waiting is None or not self._waiting.unpark():
            self.held = False

    async def acquire(self) -> None:
        """Take the lock. Waits only if it is held."""
        if self.held:
            if self._waiting is None:
                self._waiting = trio.lowlevel.ParkingLot()
            await self._waiting.park()  # `release` leaves it held for this task
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
            # No other task has run since: the check only lets others run if it raises.
            self.held = True

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self.release()
