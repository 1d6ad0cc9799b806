"""Work that several tasks need at the same time, done in one transaction for all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Generic, TypeVar

import trio

from sql.driver import DatabaseUnavailable

T = TypeVar("T")
_LATE_S: Final = 0.02
_BATCHES: Final = 2


class _Waiting(Generic[T]):
    __slots__ = ("done", "error", "item")

    def __init__(self, item: T) -> None:
        self.item = item
        self.done = trio.Event()
        self.error: Exception | None = None


class Batches(Generic[T]):
    """Collects items while a batch is worked on; they are the next batch. `run` it in the server's nursery.

    So items that come alone do not wait, and in a rush the batches grow up to `most` items. A second batch runs beside
    the first one if that is full, or if the first one takes over 20 milliseconds: it may wait for the database.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Awaitable[None]], what: str, *, within_s: float, most: int = 16
    ) -> None:
        """`work` stores the results in the items. It gets `within_s` seconds. `what` says in errors what it does."""
        self._work = work
        self._what = what
        self._within_s = within_s
        self._most = most
        self._waiting: deque[_Waiting[T]] = deque()
        self._nursery: trio.Nursery | None = None
        self._running = 0
        self._behind = trio.Event()

    def __repr__(self) -> str:
        return f"<Batches: {len(self._waiting)} waiting to {self._what}>"

    def __len__(self) -> int:
        return len(self._waiting)

    async def add(self, item: T) -> None:
        """Wait until the work for `item` is done. Without `run` it is done alone.

        Raises what `work` raises, also for the other items of the batch; `DatabaseUnavailable` if it takes too long;
        and `trio.BrokenResourceError` if `run` ends. If the task is cancelled before the batch begins, it leaves.
        """
        waiting = _Waiting(item)
        if self._nursery is None:
            await self._do([waiting])
        else:
            self._waiting.append(waiting)
            self._begin_if_due(self._nursery)
            try:
                await waiting.done.wait()
            finally:
                with suppress(ValueError):
                    self._waiting.remove(waiting)
        if waiting.error is not None:
            raise waiting.error

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                try:
                    await self._begin_late(nursery)
                finally:
                    self._nursery = None
        finally:
            self._running = 0
            for waiting in self._waiting:
                waiting.error = trio.BrokenResourceError("the server stops")
                waiting.done.set()

    async def _begin_late(self, nursery: trio.Nursery) -> None:
        while True:
            await self._behind.wait()
            await trio.sleep(_LATE_S)
            self._behind = trio.Event()
            if self._waiting and self._running < _BATCHES:
                self._begin(nursery)

    def _begin_if_due(self, nursery: trio.Nursery) -> None:
        if self._running == 0 or (self._running < _BATCHES and len(self._waiting) >= self._most):
            self._begin(nursery)
        elif self._running < _BATCHES:
            self._behind.set()

    def _begin(self, nursery: trio.Nursery) -> None:
        self._running += 1
        nursery.start_soon(self._work_off)

    async def _work_off(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
            try:
                await self._do(batch)
            except BaseException:
                for waiting in batch:
                    waiting.error = trio.BrokenResourceError("the server stops")
                raise
            finally:
                for waiting in batch:
                    waiting.done.set()
        self._running -= 1

    async def _do(self, batch: Sequence[_Waiting[T]]) -> None:
        try:
            with trio.fail_after(self._within_s):
                await self._work([waiting.item for waiting in batch])
        except trio.TooSlowError:
            for waiting in batch:
                waiting.error = DatabaseUnavailable(f"the database did not {self._what} within {self._within_s:g} s")
        # A boundary: each of the tasks gets the error.
        except Exception as error:  # noqa: BLE001
            for waiting in batch:
                waiting.error = error
