"""Transaction and pipeline blocks that are always left, in a cancelled scope too."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from psycopg import pq
from psycopg._pipeline_async import AsyncPipeline
from psycopg.transaction import AsyncTransaction

from sql.timeouts import CLEANUP_TIMEOUT_S, COMMIT_TIMEOUT_S

if TYPE_CHECKING:
    from sql.connection import TrioConnection

logger = logging.getLogger(__name__)


class TrioTransaction(AsyncTransaction):
    """A transaction whose beginning and end are shielded; see `TrioConnection.transaction`."""

    _conn: TrioConnection[Any]

    async def __aenter__(self) -> Self:
        async with self._conn.lock:
            self._check_enter()
            try:
                with self._conn.finishing(CLEANUP_TIMEOUT_S, otherwise="BEGIN was not answered in time"):
                    await self._conn.wait(self._enter_gen())
            except BaseException as error:
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
            otherwise="COMMIT was not answered in time: whether it happened is unknown" if committing else None,
        ):
            async with self._conn.lock:
                swallow = await self._finish(exc_val)
        return swallow

    async def _finish(self, error: BaseException | None) -> bool:
        """Commit, or roll back because of `error`; the caller holds the lock. True when `error` is a `Rollback`."""
        if self.pgconn.status != pq.ConnStatus.OK:
            self.status = self.Status.FAILED
            return False
        return await self._conn.wait(self._exit_gen(type(error) if error else None, error, None))


class TrioPipeline(AsyncPipeline):
    """A pipeline that is always left: cancelled, its queries are cancelled and their results consumed."""

    _conn: TrioConnection[Any]

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        error = exc_val
        try:
            with self._conn.finishing(CLEANUP_TIMEOUT_S) as scope:
                async with self._lock:
                    if exc_val is None:
                        # The queries run here, for as long as they take; `wait` settles them when cancelled.
                        scope.deadline = float("inf")
                        scope.shield = False
                        await self._conn.wait(self._exit_gen())
                    elif isinstance(exc_val, Exception):
                        await self._conn.wait(self._exit_gen())
                    elif not self._conn.closed:
                        await self._conn.settle(self._exit_gen())
        except BaseException as another:
            error = error or another
            if another is error or not isinstance(another, Exception):
                raise
            logger.debug("a pipeline that failed had further errors: %s", type(another).__name__)
        finally:
            self._exit(error)
            if self.level == 0 and self.pgconn.pipeline_status != pq.PipelineStatus.OFF:
                self._conn.discard()
