"""Cheap deadlines for reads: an assignment moves a deadline, and one task watches all of them.

A cancel scope around each read would be a sixth of the cost of a token.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import trio


class ReadDeadline:
    """The deadline for reading one response, on trio's clock. Until it is set there is no time limit."""

    __slots__ = ("_expire", "_watch", "at")

    def __init__(self, watch: DeadlineWatch, expire: Callable[[], None]) -> None:
        self.at = math.inf
        self._watch = watch
        self._expire = expire

    def set(self, at: float) -> None:
        """Move the deadline; `math.inf` removes it. When it passes, only this reader is woken, with a fault."""
        self.at = at
        if at < self._watch.wakes_at:
            self._watch.wake()

    def expire(self) -> None:
        """Wake the reader: the deadline has passed."""
        self.at = math.inf
        self._expire()

    def end(self) -> None:
        """End the watch: nothing reads any more. May be called again."""
        self._watch.end(self)


class DeadlineWatch:
    """Watches any number of deadlines with one task, which runs while there are deadlines.

    The task is a system task of trio, because an httpx client has no nursery. It needs none: it only wakes readers
    and cannot fail.
    """

    def __init__(self) -> None:
        self._deadlines: set[ReadDeadline] = set()
        self.wakes_at = -math.inf
        """When the task checks again; -inf without a task, or if it is about to check."""
        self._woken = trio.Event()
        self._running = False

    def begin(self, expire: Callable[[], None]) -> ReadDeadline:
        """A new deadline, not set yet; `expire` is called when it passes."""
        deadline = ReadDeadline(self, expire)
        self._deadlines.add(deadline)
        if not self._running:
            self._running = True
            trio.lowlevel.spawn_system_task(self._run, name="read deadlines")
        return deadline

    def end(self, deadline: ReadDeadline) -> None:
        """Stop watching it."""
        self._deadlines.discard(deadline)
        if not self._deadlines:
            self.wake()

    def wake(self) -> None:
        """Check again now."""
        self.wakes_at = -math.inf
        self._woken.set()

    async def _run(self) -> None:
        try:
            while self._deadlines:
                now = trio.current_time()
                for deadline in [each for each in self._deadlines if each.at <= now]:
                    deadline.expire()
                self._woken = trio.Event()
                self.wakes_at = min((each.at for each in self._deadlines), default=math.inf)
                with trio.move_on_at(self.wakes_at):
                    await self._woken.wait()
        finally:
            self._running = False
            self.wakes_at = -math.inf
