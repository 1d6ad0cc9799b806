"""A cursor that queues statements of a pipeline without waiting, and converts each statement once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Self, cast

import psycopg
import trio
from psycopg import pq
from psycopg._queries import PostgresQuery, _query2pg_nocache
from psycopg.abc import Params, Query, QueryNoTemplate
from psycopg.rows import AsyncRowFactory, Row

from sql.driver.settled import SettledConnection

_STATEMENTS: Final = 512
"""Converted statements that are kept: more than this project has."""

_converted = lru_cache(_STATEMENTS)(_query2pg_nocache)


class ConvertedQuery(PostgresQuery):
    """A statement whose named parameters are converted to those of PostgreSQL once in a process.

    psycopg keeps 128 statements of at most 4,096 bytes. The search in memory has 10 KB, and converting it took as long
    as sending ten statements.
    """

    __slots__ = ()

    def convert(self, query: Query, vars: Params | None) -> None:  # noqa: A002 - psycopg's name
        """See `PostgresQuery.convert`. Statements of this project are bytes."""
        if vars is None or not isinstance(query, bytes):
            super().convert(query, vars)
            return
        self.query, self._want_formats, self._order, self._parts = _converted(query, self._tx.encoding)
        self.dump(vars)


class TrioCursor(psycopg.AsyncCursor[Row]):
    """psycopg's cursor. In a pipeline, `execute` only queues the statement.

    It uses the adapters of its connection. psycopg copies them for each cursor, which takes longer than the rest.
    """

    __slots__ = ()
    _conn: SettledConnection[Any]
    _query_cls = ConvertedQuery

    def __init__(self, connection: SettledConnection[Any], *, row_factory: AsyncRowFactory[Row] | None = None) -> None:
        self._conn = connection
        self._pgconn = connection.pgconn
        self._adapters = connection.adapters
        self._row_factory = row_factory or connection.row_factory
        self.format = pq.Format.TEXT
        self.arraysize = 1
        self._closed = False
        self._last_query = None
        self._reset()

    def _convert_query(self, query: Query, params: Params | None = None) -> PostgresQuery:
        converted = self._query_cls(self._tx if self._conn._pipeline is None else self._conn.dumping)
        converted.convert(query, params)
        return converted

    async def execute(
        self,
        query: Query,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        """Execute a statement. In a pipeline it is queued, which waits only if the queue is full.

        Without waiting, no other task runs, so the connection's lock is not taken.
        """
        if not self._conn.can_queue:
            return await super().execute(cast("QueryNoTemplate", query), params, prepare=prepare, binary=binary)
        await trio.lowlevel.checkpoint_if_cancelled()
        for _ in self._execute_gen(query, params, prepare=prepare, binary=binary):
            raise AssertionError("psycopg does not wait for a statement that is queued")
        return self
