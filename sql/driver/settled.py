"""A psycopg connection that a cancellation leaves usable or closed, never in between.

In Trio a cancelled scope stays cancelled, so whatever must still be sent to the server (a cancel request, `ROLLBACK`,
the end of a pipeline) is sent under a shield with a deadline. When that fails, the connection is closed.

This module and the subclasses in this package use private names of psycopg. `tests/sql/driver/test_psycopg_names.py`
lists and checks those names.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any, Final, TypeVar, cast

import psycopg
import trio
from psycopg import abc, adapt, generators, pq
from psycopg.abc import PQGen
from psycopg.errors import CancellationTimeout, _WaitTimeout
from psycopg.rows import AsyncRowFactory, Row, tuple_row

from sql.driver.lock import ConnectionLock
from sql.driver.timeouts import CANCEL_RETRY_S, CLEANUP_TIMEOUT_S
from sql.driver.wait import WaitTimeout, drive, drive_connecting

T = TypeVar("T")
logger = logging.getLogger(__name__)

MAX_QUEUED: Final = 64
"""Commands in the queue of a pipeline that are sent without waiting for the next fetch."""

ACTIVE = pq.TransactionStatus.ACTIVE


class SettledConnection(psycopg.AsyncConnection[Row]):
    """psycopg's connection with waiting, cancelling and closing done on Trio.

    `TrioConnection` adds connecting, transactions and pipelines.
    """

    def __init__(self, pgconn: pq.abc.PGconn, row_factory: AsyncRowFactory[Row] | None = None) -> None:
        super().__init__(pgconn, row_factory or cast("AsyncRowFactory[Row]", tuple_row))
        self.own_lock = ConnectionLock()
        # psycopg declares an asyncio.Lock and uses it only as `async with`.
        self.lock = cast("Any", self.own_lock)
        self._finishing = 0  # number of open `finishing` blocks

    async def close(self) -> None:
        """Close the connection without waiting; safe to call again. A task that waits on it gets `OperationalError`."""
        self._closed = True
        self.discard()

    def discard(self) -> None:
        """Close without telling the server. `broken` is true afterwards, unless `close` was called."""
        if self.pgconn.status != pq.ConnStatus.BAD:
            # Tell Trio before libpq closes the socket: the operating system may soon reuse the descriptor's number.
            trio.lowlevel.notify_closing(self.pgconn.socket)
        self.pgconn.finish()

    @property
    def in_block(self) -> bool:
        """Whether the block of a transaction or of a pipeline is open."""
        return bool(self._num_transactions) or self._pipeline is not None

    @cached_property
    def transformer(self) -> abc.Transformer:
        """Converts the parameters and the rows of queued statements. It keeps the converters of the types that it met.

        Types are registered when a connection is opened, before its first pipeline.
        """
        return adapt.Transformer(self)

    @property
    def can_queue(self) -> bool:
        """Whether a statement can be queued in the open pipeline without waiting."""
        pipeline = self._pipeline
        if pipeline is None or not self._autocommit or self.own_lock.held:
            return False
        # A statement may need two more commands: one prepares it, another one deallocates an old one.
        return len(pipeline.command_queue) < MAX_QUEUED - 3

    def queue(self, command: bytes) -> None:
        """Queue a command without parameters and rows in the open pipeline. It is sent with the statement that follows.

        A tenth of the cost of `execute`. Its error is raised by the next fetch, or by the end of the pipeline. Raises
        `OperationalError` if the connection is closed.
        """
        pipeline = self._pipeline
        if pipeline is None:
            raise psycopg.ProgrammingError("a command can only be queued in a pipeline")
        self._check_connection_ok()
        pipeline.command_queue.append(partial(self.pgconn.send_query_params, command, None))
        pipeline.result_queue.append(None)

    async def forget_prepared(self) -> None:
        """Deallocate all prepared statements here and on the server; the caller holds the lock."""
        self._prepared.clear()
        await self.wait(self._prepared.maintain_gen(self))

    async def wait(self, gen: PQGen[T], interval: float = 0.0, timeout: float | None = None) -> T:  # noqa: ARG002, ASYNC109
        """Run one of psycopg's generators to its end. If cancelled, the connection is usable or closed afterwards."""
        try:
            return await drive(gen, self.pgconn.socket, timeout_s=timeout)
        except WaitTimeout:
            raise _WaitTimeout("wait timeout expired") from None
        except Exception:
            raise
        except BaseException:
            # Cancelled (alone or in a group), or Ctrl-C: the server may still run a query whose result nobody reads. In
            # a pipeline the server may be idle, but only `gen` can consume the results of the queued commands.
            if self._finishing:
                self.discard()
            elif self.pgconn.transaction_status == ACTIVE or self.pgconn.pipeline_status != pq.PipelineStatus.OFF:
                await self.settle(gen, resume=True)
            raise

    async def settle(self, gen: PQGen[Any], *, resume: bool) -> None:
        """Cancel the server's query and consume all remaining results, first those of `gen`; else close the connection.

        `resume`: whether `gen` has been started before. This is shielded and takes at most `CLEANUP_TIMEOUT_S`. An open
        transaction stays open, in the failed state.
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
        """Run `gen` to its end. Outside a pipeline, consume the remaining results; close if the query still runs."""
        # Boundary: no caller waits for the errors of the abandoned operation, such as "query canceled".
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
        """Ask the server to cancel the current query; return when the server has received the request.

        Shielded, because an abandoned request could arrive later and cancel another query. If the server does not take
        the request within `timeout` seconds (0: no limit), the connection is closed and `CancellationTimeout` raised.
        The query ends with `QueryCanceled` if the request came in time.
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
        """Shield a block that must run to its end. After `timeout_s` seconds the connection is closed instead.

        `otherwise`: the message of the `OperationalError` raised after a timeout; if None, the timeout is only logged.
        """
        self._finishing += 1
        try:
            with trio.move_on_after(timeout_s, shield=True) as scope:
                yield
        finally:
            self._finishing -= 1
        if scope.cancelled_caught:
            logger.warning("the end of a transaction or pipeline took over %s s: its connection is closed", timeout_s)
            self.discard()
            if otherwise is not None:
                raise psycopg.OperationalError(otherwise)


def _remaining_results(pgconn: pq.abc.PGconn) -> PQGen[None]:
    """Fetch and drop results, and end a `COPY`, until the query is finished. Raises the errors of these steps."""
    while (result := (yield from generators.fetch(pgconn))) is not None:
        if result.status == pq.ExecStatus.COPY_IN:
            yield from generators.copy_end(pgconn, b"the copy was cancelled")
        elif result.status == pq.ExecStatus.COPY_OUT:
            while isinstance((yield from generators.copy_from(pgconn)), memoryview):
                pass
