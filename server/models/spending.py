"""The daily token budget over all workers, servers and restarts: the counts are rows of the database.

A request is checked against the row before a model is called; what it cost is added in the background when it has
ended. Requests that run at once all began within the budget, so together they may go beyond it by what they cost.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final, Protocol
from uuid import UUID

import structlog
import trio

from server.models.token_budget import TokenBudget
from server.requests import RequestRefused
from server.telemetry import Metrics
from sql.driver import UnknownReference
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped
from streaming.wire import ErrorCode

log = structlog.get_logger(__name__)

# A request waits for the database no longer than this.
_LOOKUP_S: Final = 2.0
_WRITE_S: Final = 5.0
_RETRY_S: Final = 1.0


class SpendStore(Protocol):
    """Where the counts of all servers are. Both raise what the database raises."""

    async def total(self, user_id: UUID, day: date) -> int:
        """Tokens spent on `day`."""
        ...

    async def add(self, user_id: UUID, day: date, tokens: int) -> None:
        """Count `tokens` against `day`. Raises `UnknownReference` when there is no such user any more."""
        ...


class TokenSpendTable:
    """`SpendStore` in PostgreSQL."""

    def __init__(self, pool: Pool, statements: Statements) -> None:
        self._pool = pool
        self._statements = statements

    async def total(self, user_id: UUID, day: date) -> int:
        """See `SpendStore`."""
        async with scoped(self._pool, user_id) as connection:
            cursor = await connection.execute(self._statements["token_spend_of_day"], {"user_id": user_id, "day": day})
        row = await cursor.fetchone()
        return 0 if row is None else int(row[0])

    async def add(self, user_id: UUID, day: date, tokens: int) -> None:
        """See `SpendStore`."""
        values = {"user_id": user_id, "day": day, "tokens": tokens}
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["token_spend_add"], values)


class TokenSpending:
    """At most `per_day` tokens per user and UTC day; None is no limit, and the store is left alone.

    With the store out of reach a request goes by what this process has counted and last read: its person is answered,
    and what it cost is added later. `run` it in the server's nursery.
    """

    def __init__(
        self,
        per_day: int | None,
        wall_clock: Callable[[], float],
        store: SpendStore | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._budget = TokenBudget(per_day)
        self._wall_clock = wall_clock
        self._store = store if per_day is not None else None
        self._metrics = metrics
        self._unwritten: dict[tuple[UUID, date], int] = {}
        self._spent = trio.Event()
        self._written = trio.Event()

    def __repr__(self) -> str:
        return f"<TokenSpending, limit: {self._budget.per_day}, to be written: {len(self._unwritten)}>"

    def check(self, user_id: UUID) -> None:
        """Raise `RequestRefused` when, as far as this process knows, the user has nothing left today."""
        if not self._budget.open(user_id, self._wall_clock()):
            raise RequestRefused(ErrorCode.BUDGET_SPENT, "Today's tokens are spent; midnight UTC brings new ones.")

    async def admit(self, user_id: UUID) -> None:
        """Raise `RequestRefused` when the user has nothing left today, over all servers."""
        if self._store is None:
            return
        day = self._budget.today(self._wall_clock())
        try:
            with trio.fail_after(_LOOKUP_S):
                # What the user's last answer cost may be on its way still.
                while (user_id, day) in self._unwritten:
                    await self._written.wait()
                self._budget.learn(user_id, day, await self._store.total(user_id, day))
        # A border: a person whose count can't be read is answered.
        except Exception as error:  # noqa: BLE001
            self._failed("read", error)
        self.check(user_id)

    def spend(self, user_id: UUID, tokens: int) -> None:
        """Count `tokens` against today: here at once, in the store soon."""
        now_s = self._wall_clock()
        self._budget.spend(user_id, tokens, now_s)
        if self._store is not None and tokens > 0:
            place = user_id, self._budget.today(now_s)
            self._unwritten[place] = self._unwritten.get(place, 0) + tokens
            self._spent.set()

    async def run(self) -> None:
        """Add to the store what is spent; returns when there is nothing to do ever."""
        while self._store is not None:
            await self._spent.wait()
            self._spent = trio.Event()
            while self._unwritten:
                if not await self._write(self._store):
                    await trio.sleep(_RETRY_S)

    async def drain(self, within_s: float) -> None:
        """Wait until everything is in the store, for `within_s` seconds at most; `run` must be running."""
        with trio.move_on_after(within_s):
            while self._unwritten:
                await self._written.wait()
        if self._unwritten:
            log.error("token_spend_lost", users=len(self._unwritten), tokens=sum(self._unwritten.values()))

    async def _write(self, store: SpendStore) -> bool:
        """Add the oldest count. A write that fails, or whose end is not known, is tried again after the others."""
        (user_id, day), tokens = place, _ = next(iter(self._unwritten.items()))
        try:
            with trio.fail_after(_WRITE_S):
                await store.add(user_id, day, tokens)
        except UnknownReference:
            pass  # the account was deleted: nobody's tokens
        # A border: the others' counts, and this one's next try, must not depend on it.
        except Exception as error:  # noqa: BLE001
            self._failed("write", error)
            self._unwritten[place] = self._unwritten.pop(place)
            return False
        # More may have been spent meanwhile.
        self._unwritten[place] -= tokens
        if not self._unwritten[place]:
            del self._unwritten[place]
        self._written.set()
        self._written = trio.Event()
        return True

    def _failed(self, action: str, error: Exception) -> None:
        log.warning(f"token_spend_{action}_failed", reason=type(error).__name__, detail=str(error))
        if self._metrics is not None:
            self._metrics.token_spend_failed(action)
