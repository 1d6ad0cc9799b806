"""Turns of owners: how many connections of a pool the work of one user may hold, and how many stay reserved.

A task takes its turn before it takes a connection. Of several owners that wait, the one that holds the fewest goes
first, and of those the one that waits the longest. One system task watches the deadlines of all that wait: a cancel
scope and an event for each wait cost more than a statement.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

import trio

_urgent: ContextVar[bool] = ContextVar("urgent_database_work", default=False)


@contextmanager
def urgent() -> Iterator[None]:
    """Inside the block, this task and the tasks that it starts may also take reserved connections.

    For work that a person waits for, such as an answer. The limit of each owner holds all the same.
    """
    token = _urgent.set(True)
    try:
        yield
    finally:
        _urgent.reset(token)


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One owner's right to one connection."""

    owner: UUID
    urgent: bool


class _Waiter:
    """A task that waits, at most until `ends_at`. `turn` is set before the task is woken; `task` while it sleeps."""

    __slots__ = ("ends_at", "task", "turn", "urgent")

    def __init__(self, *, urgent: bool, ends_at: float) -> None:
        self.urgent = urgent
        self.ends_at = ends_at
        self.task: trio.lowlevel.Task | None = None
        self.turn: Turn | None = None

    async def wait(self) -> None:
        """Sleep until `wake`."""
        self.task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._cancelled)

    def wake(self) -> None:
        """Let the task go on, if it sleeps."""
        if self.task is not None:
            trio.lowlevel.reschedule(self.task)
            self.task = None

    def _cancelled(self, _: object) -> trio.lowlevel.Abort:
        # Trio wakes the task itself, and a task must not be woken twice.
        self.task = None
        return trio.lowlevel.Abort.SUCCEEDED


class Owners:
    """At most `per_owner` turns of each owner. Turns that are not urgent: at most `ordinary` of all owners together."""

    def __init__(self, per_owner: int, ordinary: int) -> None:
        self._per_owner = per_owner
        self._ordinary = ordinary
        self._held: Counter[UUID] = Counter()
        self._ordinary_held = 0
        # The owners in the order in which they began to wait.
        self._waiters: OrderedDict[UUID, deque[_Waiter]] = OrderedDict()
        self._closed = False
        self._watch: trio.CancelScope | None = None  # in it, the watch sleeps until the first deadline

    def __repr__(self) -> str:
        return f"<Owners: {self._held.total()} turns of {len(self._held)} owners, {self.waiting} waiting>"

    @property
    def waiting(self) -> int:
        """The number of tasks that wait for a turn."""
        return sum(map(len, self._waiters.values()))

    def describe(self, owner: UUID) -> str:
        """The reason why the owner waits."""
        return f"{self._held[owner]} of {self._per_owner} connections of this user are in use"

    async def take(self, owner: UUID, timeout_s: float) -> Turn | None:
        """A turn of `owner`; waits at most `timeout_s` seconds for it. None if there was none, or after `close`."""
        is_urgent = _urgent.get()
        if not (self._waiters and owner in self._waiters) and self._allowed(owner, is_urgent):
            await trio.lowlevel.checkpoint_if_cancelled()
            # No other task has run since: the check only lets others run if it raises.
            return self._give(owner, is_urgent)
        waiter = _Waiter(urgent=is_urgent, ends_at=trio.current_time() + timeout_s)
        self._waiters.setdefault(owner, deque()).append(waiter)
        try:
            if self._allowed(owner, is_urgent):
                self._serve()  # an urgent task goes before those of its owner that are not
            if waiter.turn is None:
                self._watch_until(waiter.ends_at)
                await waiter.wait()
            else:
                await trio.lowlevel.checkpoint_if_cancelled()
        except BaseException:
            self._withdraw(owner, waiter)
            raise
        return waiter.turn

    def give_back(self, turn: Turn) -> None:
        """The connection is returned."""
        held = self._held[turn.owner] - 1
        if held:
            self._held[turn.owner] = held
        else:
            del self._held[turn.owner]
        if not turn.urgent:
            self._ordinary_held -= 1
        if self._waiters:
            self._serve()

    def close(self) -> None:
        """Wake every task that waits, without a turn."""
        self._closed = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.wake()
        self._waiters.clear()

    def _allowed(self, owner: UUID, is_urgent: bool) -> bool:
        return self._held[owner] < self._per_owner and (is_urgent or self._ordinary_held < self._ordinary)

    def _give(self, owner: UUID, is_urgent: bool) -> Turn:
        self._held[owner] += 1
        if not is_urgent:
            self._ordinary_held += 1
        return Turn(owner, is_urgent)

    def _serve(self) -> None:
        while not self._closed and (owner := self._next()) is not None:
            waiters = self._waiters[owner]
            # An urgent task of an owner goes before that owner's others.
            waiter = next((one for one in waiters if one.urgent), waiters[0])
            self._forget(owner, waiter)
            waiter.turn = self._give(owner, waiter.urgent)
            waiter.wake()

    def _watch_until(self, deadline: float) -> None:
        if self._watch is None:
            self._watch = trio.CancelScope(deadline=deadline)
            trio.lowlevel.spawn_system_task(self._watch_deadlines)
        elif deadline < self._watch.deadline:
            self._watch.deadline = deadline

    async def _watch_deadlines(self) -> None:
        """Wake the tasks whose time is over, without a turn. Ends when no task waits."""
        while self._watch is not None:
            with self._watch:
                await trio.sleep_forever()
            now = trio.current_time()
            waiting = [(owner, waiter) for owner, waiters in self._waiters.items() for waiter in waiters]
            for owner, waiter in waiting:
                if waiter.ends_at <= now:
                    self._forget(owner, waiter)
                    waiter.wake()
            left = [waiter.ends_at for _, waiter in waiting if waiter.ends_at > now]
            self._watch = trio.CancelScope(deadline=min(left)) if left else None

    def _next(self) -> UUID | None:
        ready = [
            owner
            for owner, waiters in self._waiters.items()
            if self._allowed(owner, any(waiter.urgent for waiter in waiters))
        ]
        return min(ready, key=lambda owner: self._held[owner], default=None)

    def _withdraw(self, owner: UUID, waiter: _Waiter) -> None:
        if waiter.turn is not None:
            self.give_back(waiter.turn)
            waiter.turn = None
        elif owner in self._waiters and waiter in self._waiters[owner]:
            self._forget(owner, waiter)

    def _forget(self, owner: UUID, waiter: _Waiter) -> None:
        waiters = self._waiters[owner]
        waiters.remove(waiter)
        if waiters:
            self._waiters.move_to_end(owner)
        else:
            del self._waiters[owner]
