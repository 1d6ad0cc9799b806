"""One connection of a pool: opening it, cleaning it, and checking that it can be lent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
import trio
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sql.driver import CLEANUP_TIMEOUT_S, Connection, TrioConnection, has_news

Configure = Callable[[Connection], Awaitable[None]]

# Detects within a minute that a TCP peer is gone without closing, unless the conninfo sets other values.
NETWORK_DEFAULTS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


@dataclass(eq=False, slots=True)
class Pooled:
    """A connection, with the times on Trio's clock when it was opened and last returned."""

    connection: Connection
    opened_at: float
    idle_since: float

    @classmethod
    async def open(cls, conninfo: str, configure: Configure | None) -> Pooled:
        """Connect in autocommit mode and run `configure`. Raises the errors of both."""
        parameters = NETWORK_DEFAULTS | conninfo_to_dict(conninfo)
        connection = await TrioConnection.connect(make_conninfo("", **parameters), autocommit=True)
        now = trio.current_time()
        pooled = cls(connection, opened_at=now, idle_since=now)
        if configure is not None:
            try:
                await configure(connection)
            except BaseException:
                await connection.close()
                raise
            if not pooled.fit():
                await connection.close()
                raise RuntimeError("configure left a new connection unusable, for example with an open transaction")
        return pooled

    async def clean(self) -> None:
        """Roll back an open transaction. Shielded; after `CLEANUP_TIMEOUT_S` the connection is closed instead."""
        if self.connection.pgconn.transaction_status in {pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR}:
            with self.connection.finishing(CLEANUP_TIMEOUT_S):
                try:
                    await self.connection.rollback()
                except psycopg.Error:
                    self.connection.discard()

    def fit(self, *, polled: bool = True) -> bool:
        """Whether the connection can be lent, as far as this is known without a query.

        `polled`: also read what the server has sent meanwhile, which takes a system call.
        """
        connection = self.connection
        pgconn = connection.pgconn
        if connection.closed or connection.lock.locked():
            return False
        if connection.in_block or not connection.autocommit:
            return False
        if pgconn.pipeline_status != pq.PipelineStatus.OFF:
            return False
        try:
            # A server that shut down has sent an error and closed the stream.
            while polled and pgconn.status == pq.ConnStatus.OK and has_news(pgconn.socket):
                pgconn.consume_input()
                pgconn.is_busy()
        except psycopg.Error:
            return False
        return pgconn.status == pq.ConnStatus.OK and pgconn.transaction_status == pq.TransactionStatus.IDLE
