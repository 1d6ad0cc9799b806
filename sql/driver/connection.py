"""A psycopg connection on Trio: connecting, transactions and pipelines.

psycopg's protocol core does no waiting itself. Its `AsyncConnection` adds an asyncio lock and waits on asyncio. The
classes of this package use Trio instead, and clean up after a cancellation (see `SettledConnection`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self, cast

import psycopg
import trio
from psycopg import pq
from psycopg._conninfo_attempts import conninfo_attempts
from psycopg._pipeline_async import AsyncPipeline
from psycopg.abc import AdaptContext, ConnParam, Params, Query, QueryNoTemplate
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import make_conninfo, timeout_from_conninfo
from psycopg.errors import ConnectionTimeout
from psycopg.rows import AsyncRowFactory, Row, TupleRow
from psycopg.transaction import AsyncTransaction

from sql.driver.cursor import TrioCursor
from sql.driver.settled import SettledConnection
from sql.driver.transactions import OpenPipeline, TrioPipeline, TrioServerCursor, TrioTransaction
from sql.driver.wait import drive_connecting


class TrioConnection(SettledConnection[Row]):
    """One connection to PostgreSQL, with psycopg's `AsyncConnection` interface, used from Trio.

    One task at a time works on a connection; others wait for its lock. A cancelled query is cancelled on the server.
    `notifies()` and `Cursor.stream()` are async generators: consume them under `contextlib.aclosing`.
    """

    def __init__(self, pgconn: pq.abc.PGconn, row_factory: AsyncRowFactory[Row] | None = None) -> None:
        super().__init__(pgconn, row_factory)
        self.cursor_factory = TrioCursor
        self.server_cursor_factory = TrioServerCursor

    @classmethod
    async def connect(
        cls,
        conninfo: str = "",
        *,
        autocommit: bool = False,
        prepare_threshold: int | None = 5,
        context: AdaptContext | None = None,
        row_factory: AsyncRowFactory[Row] | None = None,
        cursor_factory: type[psycopg.AsyncCursor[Row]] | None = None,
        **kwargs: ConnParam,
    ) -> Self:
        """Connect, trying each host and address in turn, each for at most `connect_timeout` seconds.

        Raises `psycopg.OperationalError` with the reason of each failed attempt.
        """
        psycopg.capabilities.has_cancel_safe(check=True)
        params = await cls._get_connection_params(conninfo, **kwargs)
        timeout_s = timeout_from_conninfo(params)
        # This may resolve host names, which blocks the thread.
        attempts = await trio.to_thread.run_sync(conninfo_attempts, params, abandon_on_cancel=True)
        failures: list[psycopg.Error] = []
        for attempt in attempts:
            try:
                with trio.fail_after(timeout_s):
                    connection = await drive_connecting(cls._connect_gen(make_conninfo("", **attempt)))
            except trio.TooSlowError:
                where = attempt.get("hostaddr") or attempt.get("host")
                failures.append(ConnectionTimeout(f"no answer from {where} within {timeout_s} s"))
            except psycopg.Error as error:
                failures.append(error)
            else:
                connection._autocommit = autocommit
                connection.prepare_threshold = prepare_threshold
                if row_factory:
                    connection.row_factory = row_factory
                if cursor_factory:
                    connection.cursor_factory = cursor_factory
                if context:
                    connection._adapters = AdaptersMap(context.adapters)
                return connection
        if len(failures) == 1:
            raise failures[0].with_traceback(None)
        raise type(failures[-1])("every attempt to connect failed:\n" + "\n".join(f"- {error}" for error in failures))

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        """Commit an open transaction if the block ended normally, then close. Otherwise closing rolls it back."""
        try:
            if exc_val is None and not self.closed:
                await self.commit()
        finally:
            await self.close()

    @asynccontextmanager
    async def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncIterator[AsyncTransaction]:
        """Run the block in a transaction, or in a savepoint of the one it is in.

        The block can be cancelled; `COMMIT` and `ROLLBACK` cannot. A block that ended normally is committed when this
        returns; a block that raised (also `Cancelled`) is rolled back. If the server does not answer in time, the
        connection is closed; a `COMMIT` without an answer raises `OperationalError`.
        """
        transaction = TrioTransaction(self, savepoint_name, force_rollback)
        if self._pipeline:
            # Queries queued before the block run outside the transaction. The block's must succeed before COMMIT.
            await self._pipeline.sync()
            async with transaction, self.pipeline():
                yield transaction
        else:
            async with transaction:
                yield transaction

    async def execute(
        self, query: Query, params: Params | None = None, *, prepare: bool | None = None, binary: bool = False
    ) -> psycopg.AsyncCursor[Row]:
        """Execute a statement and return its cursor. See `TrioCursor.execute`."""
        if binary or not self.can_queue or self.cursor_factory is not TrioCursor:
            return await super().execute(cast("QueryNoTemplate", query), params, prepare=prepare, binary=binary)
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_connection_ok()
        cursor: TrioCursor[Row] = TrioCursor(self)
        queued = False
        if isinstance(query, bytes) and (params is None or isinstance(params, dict)):
            queued = cursor.queue_named(query, params, prepare=prepare)
        if not queued:
            cursor.queue(query, params, prepare=prepare)
        return cursor

    def pipeline(self) -> OpenPipeline:  # type: ignore[override]  # psycopg's is a generator
        """Send the queries of the block without waiting for each result. Pipelines may be nested."""
        return OpenPipeline(self)

    @asynccontextmanager
    async def _pipeline_nolock(self) -> AsyncIterator[AsyncPipeline]:
        # executemany() opens its own pipeline while it holds the lock.
        pipeline = self._pipeline = TrioPipeline(self, _no_lock=True)
        try:
            async with pipeline:
                yield pipeline
        finally:
            self._pipeline = None


Connection = TrioConnection[TupleRow]
"""A connection whose rows are tuples, the default."""

Cursor = psycopg.AsyncCursor[TupleRow]
"""The cursor that `Connection.execute` returns."""
