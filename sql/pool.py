"""A pool of connections to one database.

Its decisions are synchronous methods (`_serve`, `_put_back`, `_usable`), so no other task runs between reading and
changing the pool's state. Tasks in the pool's nursery open the connections, so that a connection which is nearly open
is kept when the task that waits for it is cancelled.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from math import inf
from uuid import UUID

import trio

from sql.driver import Connection
from sql.owners import Owners, Turn
from sql.pooled import Configure, Pooled

logger = logging.getLogger(__name__)

FIRST_RETRY_S = 0.1
LOG_INTERVAL_S = 10.0
LAST_RETRY_S = 1.0
UPKEEP_INTERVAL_S = 15.0


class PoolTimeout(Exception):
    """No connection was free in time. Its cause is the last failure to connect, if connecting fails."""


class PoolClosed(Exception):
    """The pool has been closed: the block of `open_pool` has ended."""


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The pool now: `size` connections, `idle` of them unused, and `waiting` tasks that wait for a connection.

    `opened` and `discarded` count connections since the pool was opened, `timeouts` the tasks that got none in time.
    """

    size: int
    idle: int
    waiting: int
    opened: int
    discarded: int
    timeouts: int


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Connections unused for `max_idle_s` are closed, down to `min_size`; those older than `max_lifetime_s` always.

    `per_owner` and `reserved`: see `sql.owners.Owners`.
    """

    min_size: int
    max_size: int
    acquire_timeout_s: float
    max_idle_s: float
    max_lifetime_s: float
    per_owner: int
    reserved: int


class _Waiter:
    """A task in the queue. `given` is set before the task is woken."""

    __slots__ = ("given", "woken")

    def __init__(self) -> None:
        self.woken = trio.Event()
        self.given: Pooled | None = None


class Loan:
    """The block of `Pool.connection`. A class, because a generator costs as much as two statements."""

    __slots__ = ("_owner", "_pool", "_pooled", "_timeout_s", "_turn")

    def __init__(self, pool: Pool, timeout_s: float, owner: UUID | None) -> None:
        self._pool = pool
        self._timeout_s = timeout_s
        self._owner = owner

    async def __aenter__(self) -> Connection:
        pool, timeout_s, owner = self._pool, self._timeout_s, self._owner
        self._turn: Turn | None = None
        if owner is not None:
            ends_at = trio.current_time() + timeout_s
            self._turn = await pool._take_turn(owner, timeout_s)
            timeout_s = max(ends_at - trio.current_time(), 0)
        try:
            self._pooled = await pool._acquire(timeout_s)
        except BaseException:
            self._give_turn_back()
            raise
        return self._pooled.connection

    async def __aexit__(self, *error: object) -> None:
        try:
            await self._pool._release(self._pooled)
        finally:
            self._give_turn_back()

    def _give_turn_back(self) -> None:
        if self._turn is not None:
            self._pool._owners.give_back(self._turn)


@asynccontextmanager
async def open_pool(
    conninfo: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    acquire_timeout_s: float = 5.0,
    max_idle_s: float = 300.0,
    max_lifetime_s: float = 3600.0,
    per_owner: int | None = None,
    reserved: int = 0,
    configure: Configure | None = None,
) -> AsyncIterator[Pool]:
    """Open a pool for the length of the block. Opens a first connection unless `min_size` is 0.

    The connections are in autocommit mode: each statement outside `transaction()` is its own transaction. `configure`
    runs on each new connection. Work for one owner takes at most `per_owner` connections (None: any number), and work
    for owners that is not urgent leaves `reserved` connections free; see `sql.owners`.

    Raises `PoolTimeout` if the database cannot be reached within `acquire_timeout_s`
    seconds. Later the pool replaces lost connections.
    """
    if not 0 <= min_size <= max_size or max_size < 1 or max_lifetime_s <= 0:
        raise ValueError("a pool needs 0 <= min_size <= max_size, 1 <= max_size and 0 < max_lifetime_s")
    reserved = min(reserved, max_size - 1)
    limits = PoolLimits(
        min_size, max_size, acquire_timeout_s, max_idle_s, max_lifetime_s, per_owner or max_size, reserved
    )
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        pool = Pool(conninfo, limits, nursery, configure)
        nursery.start_soon(pool._upkeep)
        try:
            if min_size:
                async with pool.connection():
                    pass
            yield pool
        except Exception as error:  # noqa: BLE001 - raised again below, so that the nursery does not wrap it in a group
            failure = error
        finally:
            pool._close()
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


class Pool:
    """Connections to one database, each lent to one task at a time, first come, first served. Made by `open_pool`.

    Tasks that work for an owner wait for their owner's turn first, so one owner can't take the whole pool.
    """

    def __init__(
        self,
        conninfo: str,
        limits: PoolLimits,
        nursery: trio.Nursery,
        configure: Configure | None,
    ) -> None:
        self._conninfo = conninfo
        self._limits = limits
        self._nursery = nursery
        self._configure = configure
        self._idle: deque[Pooled] = deque()  # the last one was used most recently and is lent first
        self._waiters: deque[_Waiter] = deque()
        self._size = 0
        self._opening = 0
        self._closed = False
        self._last_failure: Exception | None = None
        self._unlogged = 0
        self._log_after = -inf
        self._opened = self._discarded = self._timeouts = 0
        self._owners = Owners(limits.per_owner, limits.max_size - limits.reserved)

    def stats(self) -> PoolStats:
        """The current figures, for metrics; does not wait."""
        waiting = len(self._waiters) + self._owners.waiting
        return PoolStats(self._size, len(self._idle), waiting, self._opened, self._discarded, self._timeouts)

    def connection(self, *, timeout_s: float | None = None, owner: UUID | None = None) -> Loan:
        """Lend a connection for the length of the block; waits at most `timeout_s` seconds for it.

        `owner`: the user whose work it is. Work without an owner, such as a login, may take any connection.

        Afterwards an open transaction is rolled back; a connection in a worse state is closed. Session state (`SET`,
        `LISTEN`, temporary tables) is not reset: use `SET LOCAL`, and a separate connection to listen.
        Raises `PoolTimeout` (after `acquire_timeout_s` by default) and `PoolClosed`.
        """
        return Loan(self, self._limits.acquire_timeout_s if timeout_s is None else timeout_s, owner)

    async def _take_turn(self, owner: UUID, timeout_s: float) -> Turn:
        if self._closed:
            raise PoolClosed("the pool is closed")
        turn = await self._owners.take(owner, timeout_s)
        if turn is None:
            if self._closed:
                raise PoolClosed("the pool was closed")
            self._timeouts += 1
            raise PoolTimeout(f"no turn within {timeout_s:g} s: {self._owners.describe(owner)}")
        return turn

    async def _acquire(self, timeout_s: float) -> Pooled:
        if self._closed:
            raise PoolClosed("the pool is closed")
        if self._idle and not self._waiters and self._usable(self._idle[-1]):
            await trio.lowlevel.checkpoint_if_cancelled()
            # No other task has run since: the check only lets others run if it raises.
            return self._idle.pop()
        waiter = _Waiter()
        self._waiters.append(waiter)
        try:
            self._serve()
            with trio.move_on_after(timeout_s):
                await waiter.woken.wait()
        except BaseException:
            self._withdraw(waiter)
            raise
        if waiter.given is not None:
            return waiter.given
        if self._closed:
            raise PoolClosed("the pool was closed")
        self._withdraw(waiter)
        self._timeouts += 1
        busy = self._size - len(self._idle) - self._opening
        message = f"no connection within {timeout_s:g} s: {busy} of {self._limits.max_size} in use"
        if self._last_failure is not None:
            message += f", and connecting fails: {self._last_failure}"
        raise PoolTimeout(message) from self._last_failure

    def _withdraw(self, waiter: _Waiter) -> None:
        """Take a task out of the queue, or take back the connection that it was given too late."""
        if waiter.given is not None:
            self._put_back(waiter.given)
        else:
            with suppress(ValueError):
                self._waiters.remove(waiter)

    async def _release(self, pooled: Pooled) -> None:
        await pooled.clean()
        self._put_back(pooled)

    def _put_back(self, pooled: Pooled) -> None:
        pooled.idle_since = trio.current_time()
        self._idle.append(pooled)
        self._serve()

    def _serve(self) -> None:
        """Give idle connections to the waiting tasks in their order, and open more for the other tasks."""
        while self._waiters and self._idle:
            pooled = self._idle.pop()
            if self._usable(pooled):
                waiter = self._waiters.popleft()
                waiter.given = pooled
                waiter.woken.set()
            else:
                self._discard(pooled)
        # Discard a bad connection also if no task waits for it. Before it is lent again, its socket is looked at too.
        if self._idle and not self._usable(self._idle[-1], polled=False):
            self._discard(self._idle.pop())
        if self._closed:
            return
        wanted = max(len(self._waiters), self._limits.min_size - (self._size - self._opening))
        while self._opening < wanted and self._size < self._limits.max_size:
            self._size += 1
            self._opening += 1
            self._nursery.start_soon(self._open)

    def _usable(self, pooled: Pooled, *, polled: bool = True) -> bool:
        too_old = trio.current_time() - pooled.opened_at > self._limits.max_lifetime_s
        return not self._closed and not too_old and pooled.fit(polled=polled)

    def _discard(self, pooled: Pooled) -> None:
        pooled.connection.discard()
        self._size -= 1
        self._discarded += 1

    async def _open(self) -> None:
        """Add one connection to the pool, or give up if connecting fails and no task waits for it."""
        pooled = None
        try:
            pooled = await self._connect()
        finally:
            self._opening -= 1
            if pooled is None:
                self._size -= 1
        if pooled is not None:
            self._opened += 1
            self._put_back(pooled)

    async def _connect(self) -> Pooled | None:
        """Connect; retry with growing delays while a task waits for a connection."""
        delay_s = FIRST_RETRY_S
        while True:
            try:
                pooled = await Pooled.open(self._conninfo, self._configure)
            except Exception as error:  # noqa: BLE001 - `PoolTimeout` reports it; the pool goes on
                self._last_failure = error
                self._log_failure(error)
            else:
                self._last_failure = None
                return pooled
            if not self._waiters:
                return None
            await trio.sleep(delay_s)
            delay_s = min(2 * delay_s, LAST_RETRY_S)

    def _log_failure(self, error: Exception) -> None:
        """Log a failure to connect, at most one line in `LOG_INTERVAL_S`: all waiting tasks try again every second."""
        self._unlogged += 1
        if trio.current_time() >= self._log_after:
            logger.warning(
                "connecting to the database failed (attempts since the last line: %d): %s", self._unlogged, error
            )
            self._unlogged = 0
            self._log_after = trio.current_time() + LOG_INTERVAL_S

    async def _upkeep(self) -> None:
        """Periodically close broken and long idle connections, and keep `min_size` connections open."""
        while True:
            await trio.sleep(UPKEEP_INTERVAL_S)
            now = trio.current_time()
            for pooled in list(self._idle):
                spare = self._size - self._opening > self._limits.min_size
                idle_too_long = spare and now - pooled.idle_since > self._limits.max_idle_s
                if idle_too_long or not self._usable(pooled):
                    self._idle.remove(pooled)
                    self._discard(pooled)
            self._serve()

    def _close(self) -> None:
        """Close the idle connections and wake all waiting tasks. Lent connections are closed when they are returned."""
        self._closed = True
        while self._idle:
            self._discard(self._idle.pop())
        while self._waiters:
            self._waiters.popleft().woken.set()
        self._owners.close()


async def connection_places(pool: Pool) -> int:
    """How many connections ordinary users may open: `max_connections` minus the reserved ones."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
            # PostgreSQL before version 16 does not have this setting.
            " - coalesce(current_setting('reserved_connections', true)::int, 0)"
        )
        row = await cursor.fetchone()
    return 0 if row is None else int(row[0])
