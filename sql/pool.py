"""A pool of connections to one database.

Its decisions are plain calls (`_serve`, `_put_back`, `_usable`) that never wait, so nothing can come between looking at
the pool and changing it; the waiting is done around them. Connections are opened by tasks in the pool's own nursery,
so that a task which gives up waiting does not throw away a connection that is nearly there.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import trio

from sql.driver import Connection
from sql.pooled import Configure, Pooled

logger = logging.getLogger(__name__)

FIRST_RETRY_S = 0.1
LAST_RETRY_S = 1.0
UPKEEP_INTERVAL_S = 15.0


class PoolTimeout(Exception):
    """No connection was free in time. Its cause is the last failure to connect, if the database is out of reach."""


class PoolClosed(Exception):
    """The pool has been closed: the block of `open_pool` has ended."""


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The pool at this moment: connections there are, those of them nobody uses, and tasks waiting for one.

    `opened` and `discarded` count connections over the pool's life; `timeouts` the tasks that waited in vain.
    """

    size: int
    idle: int
    waiting: int
    opened: int
    discarded: int
    timeouts: int


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """`max_idle_s` closes what was unused that long, down to `min_size`; `max_lifetime_s` what is older, always."""

    min_size: int
    max_size: int
    acquire_timeout_s: float
    max_idle_s: float
    max_lifetime_s: float


class _Waiter:
    """A task in the queue; `given` is set before it is woken."""

    __slots__ = ("given", "woken")

    def __init__(self) -> None:
        self.woken = trio.Event()
        self.given: Pooled | None = None


@asynccontextmanager
async def open_pool(
    conninfo: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    acquire_timeout_s: float = 5.0,
    max_idle_s: float = 300.0,
    max_lifetime_s: float = 3600.0,
    configure: Configure | None = None,
) -> AsyncIterator[Pool]:
    """Open a pool for the length of the block, with a first connection made when `min_size` is not 0.

    Its connections are in autocommit mode: a statement outside `transaction()` is a transaction of its own.
    `configure` is run on each new connection. Raises `PoolTimeout` when the database cannot be reached within
    `acquire_timeout_s` seconds; later losses are survived, by connecting anew.
    """
    if not 0 <= min_size <= max_size or max_size < 1 or max_lifetime_s <= 0:
        raise ValueError("a pool needs 0 <= min_size <= max_size, 1 <= max_size and 0 < max_lifetime_s")
    limits = PoolLimits(min_size, max_size, acquire_timeout_s, max_idle_s, max_lifetime_s)
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        pool = Pool(conninfo, limits, nursery, configure)
        nursery.start_soon(pool._upkeep)
        try:
            if min_size:
                async with pool.connection():
                    pass
            yield pool
        except Exception as error:  # noqa: BLE001 - raised again below, where the nursery does not wrap it in a group
            failure = error
        finally:
            pool._close()
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


class Pool:
    """Connections to one database, lent to one task at a time, in the order of asking. Made by `open_pool`."""

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
        self._idle: deque[Pooled] = deque()  # the most recently used one is last, and lent first
        self._waiters: deque[_Waiter] = deque()
        self._size = 0
        self._opening = 0
        self._closed = False
        self._last_failure: Exception | None = None
        self._opened = self._discarded = self._timeouts = 0

    def stats(self) -> PoolStats:
        """Figures for the metrics; costs nothing."""
        return PoolStats(self._size, len(self._idle), len(self._waiters), self._opened, self._discarded, self._timeouts)

    @asynccontextmanager
    async def connection(self, *, timeout_s: float | None = None) -> AsyncIterator[Connection]:
        """Lend a connection for the length of the block; waits in line for at most `timeout_s` seconds.

        Afterwards, what the block left open is rolled back; a connection in a worse state is closed. Session state
        (`SET`, `LISTEN`, temporary tables) is not reset: use `SET LOCAL`, and a connection of your own to listen.
        Raises `PoolTimeout` (after `acquire_timeout_s` by default) and `PoolClosed`.
        """
        pooled = await self._acquire(self._limits.acquire_timeout_s if timeout_s is None else timeout_s)
        try:
            yield pooled.connection
        finally:
            await self._release(pooled)

    async def _acquire(self, timeout_s: float) -> Pooled:
        if self._closed:
            raise PoolClosed("the pool is closed")
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
        """Take a task out of the queue, or take back what it was given too late."""
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
        """Give idle connections to the waiting tasks in their order, and have more opened for those left over."""
        while self._waiters and self._idle:
            pooled = self._idle.pop()
            if self._usable(pooled):
                waiter = self._waiters.popleft()
                waiter.given = pooled
                waiter.woken.set()
            else:
                self._discard(pooled)
        # Even a connection that nobody waits for must not be kept in a bad state.
        if self._idle and not self._usable(self._idle[-1]):
            self._discard(self._idle.pop())
        if self._closed:
            return
        wanted = max(len(self._waiters), self._limits.min_size - (self._size - self._opening))
        while self._opening < wanted and self._size < self._limits.max_size:
            self._size += 1
            self._opening += 1
            self._nursery.start_soon(self._open)

    def _usable(self, pooled: Pooled) -> bool:
        too_old = trio.current_time() - pooled.opened_at > self._limits.max_lifetime_s
        return not self._closed and not too_old and pooled.fit()

    def _discard(self, pooled: Pooled) -> None:
        pooled.connection.discard()
        self._size -= 1
        self._discarded += 1

    async def _open(self) -> None:
        """Add one connection to the pool, or give up when nobody waits for it any more."""
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
        """Connect, trying again ever more slowly for as long as somebody waits."""
        delay_s = FIRST_RETRY_S
        while True:
            try:
                pooled = await Pooled.open(self._conninfo, self._configure)
            except Exception as error:  # noqa: BLE001 - whatever fails is told to those who wait; the pool outlives it
                self._last_failure = error
                logger.warning("connecting to the database failed: %s", error)
            else:
                self._last_failure = None
                return pooled
            if not self._waiters:
                return None
            await trio.sleep(delay_s)
            delay_s = min(2 * delay_s, LAST_RETRY_S)

    async def _upkeep(self) -> None:
        """Now and then, close what broke or was idle for too long, and keep `min_size` connections there."""
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
        """Close what is idle and turn away who waits; what is lent is closed when it comes back."""
        self._closed = True
        while self._idle:
            self._discard(self._idle.pop())
        while self._waiters:
            self._waiters.popleft().woken.set()


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
