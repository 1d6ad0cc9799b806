"""The daily token budget of each user, shared by all workers and servers and kept over restarts, in the database.

A request reserves tokens before it begins, each model call reserves what it may take, and the end of the request
settles the used tokens. Reserved tokens count as spent, so concurrent requests can't spend the same tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import structlog
import trio

from server.models.budget import Entry, TokenBudget
from server.models.caller import Caller
from server.models.spend_table import SpendStore
from server.requests import RequestRefused
from server.telemetry import Metrics
from sql.driver import UnknownReference
from streaming.chat import Usage
from streaming.model import ModelError
from streaming.wire import ErrorCode

log = structlog.get_logger(__name__)

# The longest time that a request waits for the database.
_LOOKUP_S: Final = 2.0
_WRITE_S: Final = 5.0
_RETRY_S: Final = 1.0
# A refusal by a count that was read longer ago asks the database again.
_FRESH_S: Final = 10.0
# What an answer's first call usually takes: its prompt, and its longest reply.
_FIRST_CALL_TOKENS: Final = 8_000


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
        self._unwritten: dict[UUID, Entry] = {}
        self._read_at: dict[UUID, float] = {}
        self._spent = trio.Event()
        self._written = trio.Event()

    def __repr__(self) -> str:
        return f"<TokenSpending, limit: {self._budget.per_day}, unwritten: {len(self._unwritten)}>"

    def entry(self, user_id: UUID, usage: Usage | None = None) -> Entry:
        """The entry of one request, whose calls add to `usage`. The caller must `close` it in every case."""
        return self._budget.entry(user_id, usage or Usage(), self._wall_clock())

    def check(self, user_id: UUID) -> None:
        """Raise `RequestRefused` if, by the count of this process, the user has no tokens left today."""
        now_s = self._wall_clock()
        fresh = self._store is None or now_s - self._read_at.get(user_id, 0) < _FRESH_S
        if not self._budget.open(user_id, now_s, stored=fresh):
            raise self._refusal(user_id)

    @contextmanager
    def working_for(self, user_id: UUID) -> Iterator[None]:
        """Inside the block, the model calls of this task and its child tasks are background work for the user."""
        entry = self.entry(user_id)
        try:
            with Caller(user_id, entry, counts=True).calling():
                yield
        finally:
            self.close(entry)

    async def admit(self, entry: Entry) -> None:
        """Reserve tokens for a request. Raises `RequestRefused` if the user has none left today at any server."""
        if entry.admitted or self._budget.per_day is None:
            entry.admitted = True
            await trio.lowlevel.checkpoint_if_cancelled()
            return
        async with entry.lock:  # the router's call may come during the admission of its request
            await self._admit(entry)

    async def _admit(self, entry: Entry) -> None:
        if entry.admitted or self._budget.per_day is None:
            return
        if self._store is not None:
            await self._reserve(entry, self._store, self._budget.per_day)
        elif not self._budget.reserve(entry, _FIRST_CALL_TOKENS, self._wall_clock()):
            raise self._refusal(entry.user_id)
        entry.admitted = True

    async def _reserve(self, entry: Entry, store: SpendStore, per_day: int) -> None:
        user_id, now_s = entry.user_id, self._wall_clock()
        try:
            with trio.fail_after(_LOOKUP_S):
                # The tokens of the user's last answer may not be written yet.
                while any(waiting.user_id == user_id for waiting in self._unwritten.values()):
                    await self._written.wait()
                # Until it is known whether this write took place, the end of the request must settle it.
                entry.unsure = True
                before = await store.reserve(user_id, entry.day, entry.id, _FIRST_CALL_TOKENS, per_day)
        # A boundary: if the count can't be read, the person is answered all the same.
        except Exception as error:  # noqa: BLE001
            self._failed("read", error)
            if not self._budget.reserve(entry, _FIRST_CALL_TOKENS, now_s):
                raise self._refusal(user_id) from None
            return
        entry.unsure = False
        self._read_at[user_id] = now_s
        self._budget.learn(user_id, entry.day, before)
        stored = min(_FIRST_CALL_TOKENS, per_day - before)
        if stored <= 0:
            raise self._refusal(user_id)
        self._budget.reserve_stored(entry, stored)

    def begin_call(self, entry: Entry, tokens: int) -> None:
        """A model call that takes about `tokens` begins. Raises `ModelError` if other requests took the whole budget.

        One request may exceed the budget, so that its answer does not break off; simultaneous requests may not.
        """
        budget = self._budget
        budget.update(entry)
        entry.calling += tokens
        short = entry.used + entry.calling - entry.reserved
        if short <= 0 or budget.per_day is None:
            return
        if not budget.extend(entry, short, self._wall_clock()):
            entry.calling -= tokens
            refusal = self._refusal(entry.user_id)
            raise ModelError(ErrorCode.BUDGET_SPENT, str(refusal), retryable=refusal.retryable)

    def end_call(self, entry: Entry, tokens: int) -> None:
        """A call that `begin_call` allowed has ended."""
        entry.calling -= tokens

    def close(self, entry: Entry) -> None:
        """The request has ended: count what it used, in this process immediately, in the store soon."""
        if entry.closed:
            return
        self._budget.close(entry)
        if self._store is not None and (entry.unsure or entry.stored != entry.used):
            self._unwritten[entry.id] = entry
            self._spent.set()

    def _refusal(self, user_id: UUID) -> RequestRefused:
        per_day = self._budget.per_day
        if self._budget.reserved(user_id):
            message = (
                f"The rest of your limit of {per_day} model tokens a day is reserved by requests that are running. Try"
                " again when they have ended."
            )
            return RequestRefused(ErrorCode.BUDGET_SPENT, message, retryable=True)
        message = f"Your limit of {per_day} model tokens a day is reached. Try again after midnight UTC."
        return RequestRefused(ErrorCode.BUDGET_SPENT, message)

    async def run(self) -> None:
        """Write settled entries to the store until cancelled. Returns immediately without a store."""
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
            tokens = sum(entry.used - entry.stored for entry in self._unwritten.values())
            users = len({entry.user_id for entry in self._unwritten.values()})
            log.error("token_spend_lost", users=users, tokens=tokens)

    async def _write(self, store: SpendStore) -> bool:
        """Settle the oldest entry. A write that fails or times out is repeated after the others; it counts once."""
        entry = next(iter(self._unwritten.values()))
        tokens = entry.used
        try:
            with trio.fail_after(_WRITE_S):
                await store.settle(entry.user_id, entry.day, entry.id, tokens)
        except UnknownReference:
            pass  # the account was deleted, so its count is not needed
        # A boundary: a failed write must not stop the writes of other counts, or its own retry.
        except Exception as error:  # noqa: BLE001
            self._failed("write", error)
            self._unwritten[entry.id] = self._unwritten.pop(entry.id)
            return False
        self._budget.written(entry, tokens)
        del self._unwritten[entry.id]
        self._written.set()
        self._written = trio.Event()
        return True

    def _failed(self, action: str, error: Exception) -> None:
        log.warning(f"token_spend_{action}_failed", reason=type(error).__name__, detail=str(error))
        if self._metrics is not None:
            self._metrics.token_spend_failed(action)
