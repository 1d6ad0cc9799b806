"""For whom the current task calls models: the user, the entry of the token budget, and the places that the calls hold.

The caller is a context variable, because model calls are deep inside the agents and memory, which know no budgets. A
task that a nursery starts inherits it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from uuid import UUID

import trio

from server.models.budget import Entry
from server.shared_limits import Place
from streaming.http import Exchanges

_caller: ContextVar[Caller | None] = ContextVar("model_caller", default=None)


class Caller:
    """One request, or one piece of background work, that calls models. `counts`: its calls count their own tokens."""

    def __init__(self, user_id: UUID, entry: Entry, *, counts: bool = False) -> None:
        self.user_id = user_id
        self.entry = entry
        self.counts = counts
        self.places: set[Place] = set()
        self._exchanges = Exchanges()

    def __repr__(self) -> str:
        return f"<Caller {self.user_id}, {len(self.places)} places>"

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Inside the block, this task and the tasks that it starts call models for this caller."""
        token = _caller.set(self)
        try:
            with self._exchanges.collecting():
                yield
        finally:
            _caller.reset(token)

    def hang_up(self) -> None:
        """Close the connections of the caller's running calls, before this returns. Cancel its tasks first."""
        self._exchanges.close()

    @asynccontextmanager
    async def without_places(self) -> AsyncIterator[None]:
        """Inside the block, the caller's running calls hold no places. Afterwards each waits for a place again."""
        given_up = [place for place in self.places if place.held]
        for place in given_up:
            place.give_back()
        yield
        for place in given_up:
            if place in self.places:
                await place.take_again()
        await trio.lowlevel.checkpoint_if_cancelled()


def current_caller() -> Caller | None:
    """The caller of this task; None for the server's own calls, such as a probe."""
    return _caller.get()
