"""Selects the connection for a request: an idle one of its route, or a new one within the limits, or a wait for either.

All decisions are synchronous; only the wait for a place is asynchronous.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass

import httpx
import trio

from streaming.http.connection import Connection
from streaming.http.connector import Route


@dataclass(slots=True, eq=False)
class Lease:
    """A place in the pool, and the idle connection that came with it, if there was one."""

    route: Route
    connection: Connection | None = None


@dataclass(frozen=True, slots=True)
class _Idle:
    route: Route
    connection: Connection
    expires: float


@dataclass(slots=True, eq=False)
class _Waiter:
    task: trio.lowlevel.Task
    route: Route
    lease: Lease | None = None


class ConnectionPool:
    """At most `limits.max_connections` in total and `max_per_host` per route, including those being opened.

    At most `limits.max_keepalive_connections` are idle, each for at most `limits.keepalive_expiry` seconds.
    """

    def __init__(self, limits: httpx.Limits, max_per_host: int | None) -> None:
        self._max_total = _or_inf(limits.max_connections)
        self._max_per_host = _or_inf(max_per_host)
        self._max_idle = _or_inf(limits.max_keepalive_connections)
        self._expiry_s = _or_inf(limits.keepalive_expiry)
        self._idle: list[_Idle] = []  # the longest idle first
        self._leases: set[Lease] = set()
        self._per_route: Counter[Route] = Counter()
        self._waiters: deque[_Waiter] = deque()
        self._closed = False

    def __repr__(self) -> str:
        return f"<ConnectionPool {len(self._leases)} in use, {len(self._idle)} idle, {len(self._waiters)} waiting>"

    async def take(self, route: Route, timeout_s: float | None) -> Lease:
        """A place for a request, first come, first served. The caller gives it back. Raises `httpx.PoolTimeout`."""
        lease = self._try_take(route)
        if lease is not None:
            return lease
        waiter = _Waiter(trio.lowlevel.current_task(), route)

        def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            self._waiters.remove(waiter)
            return trio.lowlevel.Abort.SUCCEEDED

        with trio.move_on_after(math.inf if timeout_s is None else timeout_s):
            self._waiters.append(waiter)
            await trio.lowlevel.wait_task_rescheduled(abort)
        if waiter.lease is None:
            raise httpx.PoolTimeout("no connection became free in time")
        return waiter.lease

    def give_back(self, lease: Lease) -> None:
        """End an exchange: keep the connection if it is reusable, otherwise close it. May be called again."""
        if lease not in self._leases:
            return
        self._leases.discard(lease)
        connection, lease.connection = lease.connection, None
        if connection is None or not connection.reusable or self._closed or self._max_idle < 1:
            self._drop(lease.route, connection)
        else:
            self._idle.append(_Idle(lease.route, connection, trio.current_time() + self._expiry_s))
            if len(self._idle) > self._max_idle:
                self._drop_idle(0)
        self._serve_waiters()

    def discard(self, lease: Lease) -> None:
        """Give back a place and close its connection: it failed, was never opened, or has an unread response."""
        if lease.connection is not None:
            lease.connection.close()
        if lease in self._leases:
            self._leases.discard(lease)
            self._drop(lease.route, None)
            self._serve_waiters()

    def close(self) -> None:
        """Close all connections, including those in use."""
        self._closed = True
        while self._idle:
            self._drop_idle(0)
        for lease in self._leases:
            if lease.connection is not None:
                lease.connection.close()

    def _try_take(self, route: Route) -> Lease | None:
        now = trio.current_time()
        while self._idle and self._idle[0].expires <= now:
            self._drop_idle(0)
        # The connection used last is the most likely to be open.
        for at in range(len(self._idle) - 1, -1, -1):
            idle = self._idle[at]
            if idle.route == route:
                if idle.connection.stale:
                    self._drop_idle(at)
                    continue
                del self._idle[at]
                return self._lease(route, idle.connection)
        if self._per_route[route] >= self._max_per_host:
            return None
        if self._per_route.total() >= self._max_total:
            if not self._idle:
                return None
            self._drop_idle(0)
        self._per_route[route] += 1
        return self._lease(route, None)

    def _lease(self, route: Route, connection: Connection | None) -> Lease:
        lease = Lease(route, connection)
        self._leases.add(lease)
        return lease

    def _serve_waiters(self) -> None:
        for waiter in list(self._waiters):
            waiter.lease = self._try_take(waiter.route)
            if waiter.lease is not None:
                self._waiters.remove(waiter)
                trio.lowlevel.reschedule(waiter.task)

    def _drop_idle(self, at: int) -> None:
        idle = self._idle.pop(at)
        self._drop(idle.route, idle.connection)

    def _drop(self, route: Route, connection: Connection | None) -> None:
        if connection is not None:
            connection.close()
        self._per_route[route] -= 1
        if not self._per_route[route]:
            del self._per_route[route]


def _or_inf(limit: float | None) -> float:
    return math.inf if limit is None else limit
