"""Transactions, pipelines and server-side cursors that always end on the server, also in a cancelled scope."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Final, Self

import psycopg
import trio
from psycopg import AsyncServerCursor, pq
from psycopg._pipeline_async import AsyncPipeline
from psycopg.abc import PQGen
from psycopg.generators import fetch_many
from psycopg.rows import Row
from psycopg.transaction import AsyncTransaction

from sql.driver.cursor import TrioCursor
from sql.driver.settled import MAX_QUEUED, SettledConnection
from sql.driver.timeouts import CLEANUP_TIMEOUT_S, COMMIT_TIMEOUT_S
from sql.driver.wait import flush_gen

logger = logging.getLogger(__name__)

_COMMAND_OK: Final = pq.ExecStatus.COMMAND_OK
_TUPLES_OK: Final = pq.ExecStatus.TUPLES_OK


class TrioTransaction(AsyncTransaction):
    """A transaction whose `COMMIT` or `ROLLBACK` is shielded from cancellation; see `TrioConnection.transaction`."""

    _conn: SettledConnection[Any]

    async def __aenter__(self) -> Self:
        async with self._conn.lock:
            self._check_enter()
            try:
                await self._conn.wait(self._enter_gen())
            except BaseException as error:
                # The transaction may have begun although entering was cancelled.
                with self._conn.finishing(CLEANUP_TIMEOUT_S):
                    await self._finish(error)
                raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> bool:
        committing = exc_val is None
        swallow = False
        with self._conn.finishing(
            COMMIT_TIMEOUT_S if committing else CLEANUP_TIMEOUT_S,
            otherwise="the server did not answer COMMIT in time: the transaction may or may not be committed"
            if committing
            else None,
        ):
            async with self._conn.lock:
                swallow = await self._finish(exc_val)
        return swallow

    async def _finish(self, error: BaseException | None) -> bool:
        """Commit, or roll back because of `error`; the caller holds the lock. True if `error` is a `Rollback`."""
        if self.pgconn.status != pq.ConnStatus.OK:
            self.status = self.Status.FAILED
            return False
        swallow = await self._conn.wait(self._exit_gen(type(error) if error else None, error, None))
        if self._conn._pipeline:
            # In a pipeline the command is only queued so far.
            try:
                await self._conn.wait(self._conn._pipeline._sync_gen())
            except psycopg.Error as another:
                if error is None:
                    raise
                logger.debug("a failed transaction had another error while it ended: %s", type(another).__name__)
        return swallow


class TrioPipeline(AsyncPipeline):
    """A pipeline that always ends. If it is cancelled, its queries are cancelled and their results consumed.

    Queued commands are sent together: by the next fetch, by the end of the pipeline, or when the queue is full.
    psycopg makes a system call for each command, which also wakes the server each time.
    """

    _conn: SettledConnection[Any]

    async def __aenter__(self) -> Self:
        level = self.level
        if level == 0 and not self._conn.own_lock.held:
            # The first level sends nothing.
            await trio.lowlevel.checkpoint_if_cancelled()
            for _ in self._enter_gen():
                raise AssertionError("psycopg does not wait to enter the mode")
            return self
        try:
            return await super().__aenter__()
        except BaseException:
            # `settle` ran the rest of entering, which counted a level that no `__aexit__` will undo.
            self.level = level
            raise

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        error = exc_val
        try:
            if exc_val is None and not self._conn.own_lock.held:
                # The usual case, without the cost of the shield.
                self._conn.own_lock.take()
                try:
                    await self._conn.wait(self._exit_gen())
                finally:
                    self._conn.own_lock.release()
                return
            async with AsyncExitStack() as held:
                with self._conn.finishing(CLEANUP_TIMEOUT_S):
                    await held.enter_async_context(self._lock)
                if exc_val is None or isinstance(exc_val, Exception):
                    # The queries run here, without a limit; `wait` settles them when cancelled.
                    await self._conn.wait(self._exit_gen())
                elif not self._conn.closed:
                    self._drop_unsent()
                    await self._conn.settle(self._exit_gen(), resume=False)
        except BaseException as another:
            error = error or another
            if another is error or not isinstance(another, Exception):
                raise
            logger.debug("a failed pipeline had another error while it ended: %s", type(another).__name__)
        finally:
            self._exit(error)
            still_open = self.pgconn.pipeline_status != pq.PipelineStatus.OFF or self.command_queue or self.result_queue
            if self.level == 0 and still_open:
                self._conn.discard()
            if error is not None:
                await self._forget_prepared_statements()

    def _exit_gen(self) -> PQGen[None]:
        """Send `Sync` as the last message, and fetch all results.

        psycopg sends `Flush` after it. Behind a pooler in transaction mode, `Sync` ends the transaction and frees the
        database connection. A `Flush` that arrives later takes one again, and keeps it while this client is idle.

        Raises the first error. The commands queued behind it, such as `COMMIT`, only say that they did not run.
        """
        failed: psycopg.Error | None = None
        try:
            self._enqueue_sync()
            yield from self._send_gen()
        except psycopg.Error as error:
            failed = error
        try:
            if self.command_queue:
                # Without `Sync`, because a command could not be sent, only `Flush` makes the server send its results.
                yield from super()._fetch_gen(flush=True)
            else:
                yield from self._receive_gen()
        except psycopg.Error as error:
            failed = failed or error
        if failed is not None:
            raise failed

    def _communicate_gen(self) -> PQGen[None]:
        """Send the queued commands if there are many. Their results stay queued until the next fetch."""
        if len(self.command_queue) >= MAX_QUEUED:
            yield from self._send_gen()

    def _fetch_gen(self, *, flush: bool) -> PQGen[None]:
        """Send the queued commands, and fetch all results. `flush`: nothing else makes the server send them."""
        if flush and self.result_queue:
            self._give_to_libpq()
            self.pgconn.send_flush_request()
            yield from flush_gen(self.pgconn)
        else:
            yield from self._send_gen()
        yield from self._receive_gen()

    def _receive_gen(self) -> PQGen[None]:
        """Fetch the results of all commands that were sent. Raises the first error."""
        failed: psycopg.Error | None = None
        waiting = self.result_queue
        while waiting and (results := (yield from fetch_many(self.pgconn))):
            queued = waiting.popleft()
            result = results[0]
            if len(results) == 1 and (result.status == _COMMAND_OK or result.status == _TUPLES_OK):
                # The usual case, without the cost of psycopg's checks.
                if queued is None:
                    continue
                cursor, prepared = queued
                if prepared is None and type(cursor) is TrioCursor:
                    cursor.take_result(result)
                    continue
            try:
                self._process_results(queued, results)
            except psycopg.Error as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def _send_gen(self) -> PQGen[None]:
        self._give_to_libpq()
        yield from flush_gen(self.pgconn)

    def _give_to_libpq(self) -> None:
        # libpq collects them in its buffer. It sends early only if the buffer is large.
        while self.command_queue:
            self.command_queue.popleft()()

    def _drop_unsent(self) -> None:
        """Forget the commands that were not sent. Each has one place at the end of the queue of results."""
        while self.command_queue:
            self.command_queue.pop()
            self.result_queue.pop()

    async def _forget_prepared_statements(self) -> None:
        """Prepare all statements again: psycopg takes those for prepared that it queued behind a failed one."""
        if self.pgconn.transaction_status in {pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS}:
            with self._conn.finishing(CLEANUP_TIMEOUT_S), suppress(psycopg.Error):
                async with self._lock:
                    await self._conn.forget_prepared()
        # In a failed transaction the server refuses this command; rolling back has the same effect.


class OpenPipeline:
    """The block of `TrioConnection.pipeline`. A class, because a generator costs as much as two statements."""

    __slots__ = ("_conn", "_pipeline")

    def __init__(self, conn: SettledConnection[Any]) -> None:
        self._conn = conn

    async def __aenter__(self) -> AsyncPipeline:
        conn = self._conn
        conn._check_connection_ok()
        pipeline = self._pipeline = conn._pipeline = conn._pipeline or TrioPipeline(conn)
        try:
            return await pipeline.__aenter__()
        except BaseException:
            self._end()
            raise

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        try:
            await self._pipeline.__aexit__(exc_type, exc_val, exc_tb)
        finally:
            self._end()

    def _end(self) -> None:
        if self._pipeline.level == 0:
            self._conn._pipeline = None


class TrioServerCursor(AsyncServerCursor[Row]):
    """A server-side cursor that is always closed on the server."""

    _conn: SettledConnection[Any]

    async def close(self) -> None:
        """Close the cursor. Shielded, because the end of its block calls this also in a cancelled scope."""
        with self._conn.finishing(CLEANUP_TIMEOUT_S):
            await super().close()
