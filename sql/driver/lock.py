"""The lock of a connection: one task at a time works on it."""

from __future__ import annotations

from types import TracebackType
from typing import Final

import trio


class ConnectionLock:
    """A lock that gives a free connection without a change of tasks. `trio.Lock` lets all other tasks run first.

    A connection from a pool is used by one task, so its lock is nearly always free. The task waits for the server
    afterwards.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock: Final = trio.Lock()

    def locked(self) -> bool:
        """Whether a task holds the lock."""
        return self._lock.locked()

    def take(self) -> None:
        """Take the lock, which must be free. Not a checkpoint."""
        self._lock.acquire_nowait()

    def release(self) -> None:
        """Give the lock back, or to the task that has waited longest."""
        self._lock.release()

    async def acquire(self) -> None:
        """Take the lock. Waits only if it is held."""
        if self._lock.locked():
            await self._lock.acquire()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
            # No other task has run since: the check only lets others run if it raises.
            self._lock.acquire_nowait()

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self._lock.release()
