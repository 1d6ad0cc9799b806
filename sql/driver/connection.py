"""A psycopg connection on Trio.

psycopg's protocol core does no waiting itself; `AsyncConnection` adds an asyncio lock and asyncio waits. This subclass
puts Trio's in their place, and adds what cancellation needs there: in Trio a cancelled scope stays cancelled, so
whatever must still be said to the server (a cancel request, `ROLLBACK`, the end of a pipeline) is said under a shield
with a deadline, and when that does not work out the connection is closed. After a cancellation a connection is usable
or closed, never in between.

It leans on private names of psycopg, which `tests/sql/driver/test_psycopg_names.py` lists and checks.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import psycopg
import trio
from psycopg import generators, pq
from psycopg._conninfo_attempts import conninfo_attempts
from psycopg._pipeline_async import AsyncPipeline
from psycopg.abc import AdaptContext, ConnParam, PQGen
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import make_conninfo, timeout_from_conninfo
from psycopg.errors import CancellationTimeout, ConnectionTimeout, _WaitTimeout
from psycopg.rows import AsyncRowFactory, Row, TupleRow, tuple_row
from psycopg.transaction import AsyncTransaction

from sql.driver.blocks import TrioPipeline, TrioServerCursor, TrioTransaction
from sql.driver.timeouts import CANCEL_RETRY_S, CLEANUP_TIMEOUT_S
from sql.driver.wait import WaitTimeout, drive, drive_connecting

T = TypeVar("T")
logger = logging.getLogger(__name__)

ACTIVE = pq.TransactionStatus.ACTIVE


class TrioConnection(psycopg.AsyncConnection[Row]):
    """One connection to PostgreSQL, with psycopg's `AsyncConnection` interface, used from Trio.

    One task at a time works on a connection (others wait for its lock). A cancelled query is cancelled on the server.
    `notifies()` and `Cursor.stream()` are async generators: consume them under `contextlib.aclosing`.
    """

    def __init__(self, pgconn: pq.abc.PGconn, row_factory: AsyncRowFactory[Row] | None = None) -> None:
        super().__init__(pgconn, row_factory or cast("AsyncRowFactory[Row]", tuple_row))
        # psycopg declares an asyncio.Lock and only ever says `async with` to it.
        self.lock = cast("Any", trio.Lock())
        self.server_cursor_factory = TrioServerCursor
        self._finishing = 0  # how many blocks of `finishing` are open

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

        Raises `psycopg.OperationalError` with every attempt's reason.
        """
        psycopg.capabilities.has_cancel_safe(check=True)
        params = await cls._get_connection_params(conninfo, **kwargs)
        timeout_s = timeout_from_conninfo(params)
        # It may resolve host names, which blocks.
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
        """Commit what is open when the block ended normally, and close. Closing is what rolls back otherwise."""
        try:
            if exc_val is None and not self.closed:
                await self.commit()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connection at once; safe to call again. A task that waits on it gets `OperationalError`."""
        self._closed = True
        self.discard()

    def discard(self) -> None:
        """Close without a word to the server; `broken` is true afterwards unless `close` was called."""
        if self.pgconn.status != pq.ConnStatus.BAD:
            # Trio must forget the descriptor before libpq closes it, for its number will be given out again.
            trio.lowlevel.notify_closing(self.pgconn.socket)
        self.pgconn.finish()

    async def wait(self, gen: PQGen[T], interval: float = 0.0, timeout: float | None = None) -> T:  # noqa: ARG002, ASYNC109
        """Run one of psycopg's generators to its end. Cancelled, it leaves the connection settled or closed."""
        try:
            return await drive(gen, self.pgconn.socket, timeout_s=timeout)
        except WaitTimeout:
            raise _WaitTimeout("wait timeout expired") from None
        except Exception:
            raise
        except BaseException:
            # Cancelled (alone or in a group), or Ctrl-C: the server may be busy with a query nobody waits for. In a
            # pipeline it may be idle, and yet `gen` holds results and commands that nobody else would account for.
            if self._finishing:
                self.discard()
            elif self.pgconn.transaction_status == ACTIVE or self.pgconn.pipeline_status != pq.PipelineStatus.OFF:
                await self.settle(gen, resume=True)
            raise

    async def settle(self, gen: PQGen[Any], *, resume: bool) -> None:
        """Stop what the server is doing and consume what it still sends, `gen` first; else close the connection.

        `resume` when `gen` has been driven before. Shielded, and takes `CLEANUP_TIMEOUT_S` at most. A transaction stays
        open (and is failed by then).
        """
        with trio.move_on_after(CLEANUP_TIMEOUT_S, shield=True) as scope:
            while not self.closed and (left_s := scope.deadline - trio.current_time()) > 0:
                await self._try_cancel(timeout=left_s)
                with trio.move_on_after(CANCEL_RETRY_S) as attempt:
                    await self._drain(gen, resume=resume)
                if not attempt.cancelled_caught:
                    return
                resume = True
        if self.closed:
            return
        logger.warning("a cancelled query did not end within %s s: its connection is closed", CLEANUP_TIMEOUT_S)
        self.discard()

    async def _drain(self, gen: PQGen[Any], *, resume: bool) -> None:
        """Drive `gen` to its end, then collect what results remain, outside a pipeline; close if that does not help."""
        # Border: whatever the abandoned operation raises (first of all "query canceled") has no one to go to.
        with contextlib.suppress(Exception):
            await drive(gen, self.pgconn.socket, resume=resume)
        if self.pgconn.pipeline_status != pq.PipelineStatus.OFF:
            return
        if self.pgconn.transaction_status == ACTIVE:
            with contextlib.suppress(psycopg.Error):
                await drive(_remaining_results(self.pgconn), self.pgconn.socket)
        if self.pgconn.transaction_status == ACTIVE:
            self.discard()

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109
        """Ask the server to cancel the current query; return when it has the request.

        Shielded: a request left on its way could arrive later and cancel another query. For the same reason the
        connection is closed, and `CancellationTimeout` raised, when that takes longer than `timeout` seconds (0: no
        limit). The query itself ends with `QueryCanceled`, if the request was in time.
        """
        if not self._should_cancel():
            return
        with trio.move_on_after(timeout or math.inf, shield=True) as scope:
            await drive_connecting(self._cancel_gen())
        if scope.cancelled_caught:
            self.discard()
            raise CancellationTimeout(f"the server did not take a cancel request within {timeout:g} s")

    async def _try_cancel(self, *, timeout: float = CLEANUP_TIMEOUT_S) -> None:  # noqa: ASYNC109
        try:
            await self.cancel_safe(timeout=timeout)
        except psycopg.Error as error:
            logger.warning("a query could not be cancelled: %s", error)

    @contextlib.contextmanager
    def finishing(self, timeout_s: float, *, otherwise: str | None = None) -> Iterator[None]:
        """Shield a block that must not be cut in half. After `timeout_s` seconds the connection is closed.

        `otherwise` is the message of the `OperationalError` raised then; without it the timeout is only logged.
        """
        self._finishing += 1
        try:
            with trio.move_on_after(timeout_s, shield=True) as scope:
                yield
        finally:
            self._finishing -= 1
        if scope.cancelled_caught:
            logger.warning("the end of a block did not reach the server within %s s: connection closed", timeout_s)
            self.discard()
            if otherwise is not None:
                raise psycopg.OperationalError(otherwise)

    @asynccontextmanager
    async def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncIterator[AsyncTransaction]:
        """Run the block in a transaction, or in a savepoint of the one it is in.

        The block can be cancelled, its end cannot: a block that ended normally was committed when this returns; one
        that raised, `Cancelled` included, was rolled back. When the server does not answer in time the connection is
        closed, and a lost `COMMIT` raises `OperationalError`.
        """
        transaction = TrioTransaction(self, savepoint_name, force_rollback)
        if self._pipeline:
            # What was queued before belongs outside; what is queued inside must have its answers before COMMIT.
            await self._pipeline.sync()
            async with transaction, self.pipeline():
                yield transaction
        else:
            async with transaction:
                yield transaction

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[AsyncPipeline]:
        """Send the block's queries without waiting for their results one by one. May be nested."""
        self._check_connection_ok()
        pipeline = self._pipeline = self._pipeline or TrioPipeline(self)
        try:
            async with pipeline:
                yield pipeline
        finally:
            if pipeline.level == 0:
                self._pipeline = None

    @asynccontextmanager
    async def _pipeline_nolock(self) -> AsyncIterator[AsyncPipeline]:
        # executemany() makes its own pipeline, while it holds the lock.
        pipeline = self._pipeline = TrioPipeline(self, _no_lock=True)
        try:
            async with pipeline:
                yield pipeline
        finally:
            self._pipeline = None


def _remaining_results(pgconn: pq.abc.PGconn) -> PQGen[None]:
    """Fetch and drop results, and end a `COPY`, until the server is done. Raises what it says to that."""
    while (result := (yield from generators.fetch(pgconn))) is not None:
        if result.status == pq.ExecStatus.COPY_IN:
            yield from generators.copy_end(pgconn, b"the copy was cancelled")
        elif result.status == pq.ExecStatus.COPY_OUT:
            while isinstance((yield from generators.copy_from(pgconn)), memoryview):
                pass


Connection = TrioConnection[TupleRow]
"""A connection whose rows are tuples, the default."""

Cursor = psycopg.AsyncCursor[TupleRow]
"""What a `Connection` executes into."""
