"""One connection of a pool: how it is made, and whether it is fit to be lent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
import trio
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sql.driver import CLEANUP_TIMEOUT_S, Connection, TrioConnection, has_news

Configure = Callable[[Connection], Awaitable[None]]

# A TCP peer that vanished without a word is noticed within a minute, unless the conninfo says otherwise.
NETWORK_DEFAULTS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


@dataclass(eq=False, slots=True)
class Pooled:
    """A connection, and since when, on Trio's clock, it exists and has been idle."""

    connection: Connection
    opened_at: float
    idle_since: float

    @classmethod
    async def open(cls, conninfo: str, configure: Configure | None) -> Pooled:
        """Connect, in autocommit mode, and run `configure`. Raises what they raise."""
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
                raise RuntimeError("configure left a new connection unfit for use, in a transaction perhaps")
        return pooled

    async def clean(self) -> None:
        """Roll back what was left open; shielded, and given up after `CLEANUP_TIMEOUT_S`."""
        if self.connection.pgconn.transaction_status in {pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR}:
            with self.connection.finishing(CLEANUP_TIMEOUT_S):
                try:
                    await self.connection.rollback()
                except psycopg.Error:
                    self.connection.discard()

    def fit(self) -> bool:
        """Whether the connection can be lent, as far as can be told without asking the server."""
        connection = self.connection
        pgconn = connection.pgconn
        if connection.closed or connection.lock.locked():
            return False
        if connection.in_block or not connection.autocommit:
            return False
        if pgconn.pipeline_status != pq.PipelineStatus.OFF:
            return False
        try:
            # A server that went away has said so, and ended the stream.
            while pgconn.status == pq.ConnStatus.OK and has_news(pgconn.socket):
                pgconn.consume_input()
                pgconn.is_busy()
        except psycopg.Error:
            return False
        return pgconn.status == pq.ConnStatus.OK and pgconn.transaction_status == pq.TransactionStatus.IDLE
