"""The daily token budget of each user, shared by all workers and servers and kept over restarts, in the database.

The server checks a request against the stored count before it calls a model, and adds the request's tokens in the
background when the request has ended. Concurrent requests are each checked before the others' tokens are added, so
together they can exceed the budget by the tokens that they use.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final, Protocol
from uuid import UUID

import structlog
import trio

from server.requests import RequestRefused
from server.telemetry import Metrics
from sql.driver import UnknownReference
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped
from streaming.wire import ErrorCode

log = structlog.get_logger(__name__)

# The longest time that a request waits for the database.
_LOOKUP_S: Final = 2.0
_WRITE_S: Final = 5.0
_RETRY_S: Final = 1.0
_DAY_S: Final = 86_400


class TokenBudget:
    """At most `per_day` tokens, input and output, per user and UTC day; None is no limit. Times are in epoch seconds.

    Counts what this process knows, without I/O. A request that starts within the budget may exceed it; the next
    request is then refused.
    """

    def __init__(self, per_day: int | None) -> None:
        self.per_day = per_day
        self._day = 0
        self._spent: dict[UUID, int] = {}

    def open(self, user_id: UUID, now_s: float) -> bool:
        """Whether the user has tokens left today."""
        self._start_day(now_s)
        return self.per_day is None or self._spent.get(user_id, 0) < self.per_day

    def spend(self, user_id: UUID, tokens: int, now_s: float) -> None:
        """Count `tokens` against today."""
        self._start_day(now_s)
        if self.per_day is not None and tokens > 0:
            self._spent[user_id] = self._spent.get(user_id, 0) + tokens

    def learn(self, user_id: UUID, day: date, tokens: int) -> None:
        """Raise the user's count to `tokens`, the stored total of all servers, if `day` is today."""
        if day == self._date() and tokens > self._spent.get(user_id, 0):
            self._spent[user_id] = tokens

    def today(self, now_s: float) -> date:
        """The UTC day that tokens are counted on now."""
        self._start_day(now_s)
        return self._date()

    def _date(self) -> date:
        return datetime.fromtimestamp(self._day * _DAY_S, UTC).date()

    def _start_day(self, now_s: float) -> None:
        day = int(now_s // _DAY_S)
        # A clock that steps back must not reset the counts.
        if day > self._day:
            self._day = day
            self._spent.clear()


class SpendStore(Protocol):
    """Stores the counts of all servers. Both methods raise what the database raises."""

    async def total(self, user_id: UUID, day: date) -> int:
        """Tokens spent on `day`."""
        ...

    async def add(self, user_id: UUID, day: date, tokens: int) -> None:
        """Add `tokens` to the count of `day`. Raises `UnknownReference` if the user does not exist."""
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
    """At most `per_day` tokens per user and UTC day; None is no limit, and the store is not used.

    If the store can't be reached, a request is checked against the count of this process: the person is answered, and
    the tokens are added to the store later. Start `run` in the server's nursery.
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
        return f"<TokenSpending, limit: {self._budget.per_day}, unwritten: {len(self._unwritten)}>"

    def check(self, user_id: UUID) -> None:
        """Raise `RequestRefused` if, by the count of this process, the user has no tokens left today."""
        if not self._budget.open(user_id, self._wall_clock()):
            raise RequestRefused(
                ErrorCode.BUDGET_SPENT,
                f"Your limit of {self._budget.per_day} model tokens a day is reached. Try again after midnight UTC.",
            )

    async def admit(self, user_id: UUID) -> None:
        """Raise `RequestRefused` if, by the count of all servers, the user has no tokens left today."""
        if self._store is None:
            return
        day = self._budget.today(self._wall_clock())
        try:
            with trio.fail_after(_LOOKUP_S):
                # The tokens of the user's last answer may not be written yet.
                while (user_id, day) in self._unwritten:
                    await self._written.wait()
                self._budget.learn(user_id, day, await self._store.total(user_id, day))
        # A boundary: if the count can't be read, the person is answered all the same.
        except Exception as error:  # noqa: BLE001
            self._failed("read", error)
        self.check(user_id)

    def spend(self, user_id: UUID, tokens: int) -> None:
        """Count `tokens` against today: in this process immediately, in the store soon."""
        now_s = self._wall_clock()
        self._budget.spend(user_id, tokens, now_s)
        if self._store is not None and tokens > 0:
            key = user_id, self._budget.today(now_s)
            self._unwritten[key] = self._unwritten.get(key, 0) + tokens
            self._spent.set()

    async def run(self) -> None:
        """Write spent tokens to the store until cancelled. Returns immediately without a store."""
        while self._store is not None:
            await self._spent.wait()
            self._spent = trio.Event()
            while self._unwritten:
                if not await self._write(self._store):
                    await trio.sleep(_RETRY_S)

    async def drain(self, within_s: float) -> None:
        """Wait at most `within_s` seconds until all tokens are in the store; `run` must be running."""
        with trio.move_on_after(within_s):
            while self._unwritten:
                await self._written.wait()
        if self._unwritten:
            log.error("token_spend_lost", users=len(self._unwritten), tokens=sum(self._unwritten.values()))

    async def _write(self, store: SpendStore) -> bool:
        """Add the oldest count to the store. A write that fails or times out is retried after the other counts."""
        (user_id, day), tokens = key, _ = next(iter(self._unwritten.items()))
        try:
            with trio.fail_after(_WRITE_S):
                await store.add(user_id, day, tokens)
        except UnknownReference:
            pass  # the account was deleted, so its count is not needed
        # A boundary: a failed write must not stop the writes of other counts, or its own retry.
        except Exception as error:  # noqa: BLE001
            self._failed("write", error)
            self._unwritten[key] = self._unwritten.pop(key)
            return False
        # More tokens may have been spent during the write.
        self._unwritten[key] -= tokens
        if not self._unwritten[key]:
            del self._unwritten[key]
        self._written.set()
        self._written = trio.Event()
        return True

    def _failed(self, action: str, error: Exception) -> None:
        log.warning(f"token_spend_{action}_failed", reason=type(error).__name__, detail=str(error))
        if self._metrics is not None:
            self._metrics.token_spend_failed(action)
