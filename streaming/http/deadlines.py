"""Deadlines for reading that cost a token next to nothing: moved by an assignment, watched by one task for all.

A cancel scope around each read would be a sixth of a token's whole way.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import trio


class ReadDeadline:
    """When the reading of one response ends, on trio's clock. Without one that is set it goes on."""

    __slots__ = ("_expire", "_watch", "at")

    def __init__(self, watch: DeadlineWatch, expire: Callable[[], None]) -> None:
        self.at = math.inf
        self._watch = watch
        self._expire = expire

    def set(self, at: float) -> None:
        """Move it; `math.inf` takes it away. When it passes, the reader is woken with a fault and nothing else is."""
        self.at = at
        if at < self._watch.wakes_at:
            self._watch.wake()

    def expire(self) -> None:
        """It has passed."""
        self.at = math.inf
        self._expire()

    def end(self) -> None:
        """Nobody reads any more. May be called again."""
        self._watch.end(self)


class DeadlineWatch:
    """Watches any number of deadlines, by a task that runs while there are any.

    That task is one of trio's system tasks: an httpx client has no nursery that it could live in, and what it does
    needs none, since it only wakes readers and can't fail.
    """

    def __init__(self) -> None:
        self._deadlines: set[ReadDeadline] = set()
        self.wakes_at = -math.inf
        """When the task looks again by itself; -inf while there is none, or it is about to."""
        self._woken = trio.Event()
        self._running = False

    def begin(self, expire: Callable[[], None]) -> ReadDeadline:
        """A new deadline, not set; `expire` is called when one that was set has passed."""
        deadline = ReadDeadline(self, expire)
        self._deadlines.add(deadline)
        if not self._running:
            self._running = True
            trio.lowlevel.spawn_system_task(self._run, name="read deadlines")
        return deadline

    def end(self, deadline: ReadDeadline) -> None:
        """Watch it no more."""
        self._deadlines.discard(deadline)
        if not self._deadlines:
            self.wake()

    def wake(self) -> None:
        """Look again, at once."""
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
