"""The users whose messages wait for this server. Each user is queued once, and taken by one task at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import trio

_TAKERS: Final = 4
_USERS: Final = 10_000


class Arrivals:
    """Calls `take(user_id)` for each noted user, for several users at the same time, for each user one call at a time.

    `take` returns True if more messages of the user may wait. It must raise nothing but `Cancelled`.
    """

    def __init__(self, take: Callable[[UUID], Awaitable[bool]]) -> None:
        self._take = take
        self._send, self._receive = trio.open_memory_channel[UUID](_USERS)
        self._queued: set[UUID] = set()
        self._taking: set[UUID] = set()
        self._noted_meanwhile: set[UUID] = set()
        self.overflowed = False
        """A note was dropped. Set it to False before noting all users again."""

    def __repr__(self) -> str:
        return f"<Arrivals, {len(self._queued)} users queued, {len(self._taking)} being taken>"

    def __len__(self) -> int:
        return len(self._queued)

    def note(self, user_id: UUID) -> None:
        """A message of this user waits. If 10,000 users are queued, this only sets `overflowed`."""
        if user_id in self._taking:
            self._noted_meanwhile.add(user_id)
        elif user_id not in self._queued:
            try:
                self._send.send_nowait(user_id)
            except trio.WouldBlock:
                self.overflowed = True
                return
            self._queued.add(user_id)

    async def run(self) -> None:
        """Take until cancelled."""
        async with trio.open_nursery() as nursery:
            for _ in range(_TAKERS):
                nursery.start_soon(self._run_taker)

    async def _run_taker(self) -> None:
        async for user_id in self._receive:
            self._queued.discard(user_id)
            self._taking.add(user_id)
            more = await self._take(user_id)
            self._taking.discard(user_id)
            if more or user_id in self._noted_meanwhile:
                self._noted_meanwhile.discard(user_id)
                self.note(user_id)
