"""A cursor that queues statements of a pipeline without waiting, and converts each statement once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, Self, cast

import psycopg
import trio
from psycopg import pq
from psycopg._queries import PostgresQuery, _query2pg_nocache
from psycopg.abc import Buffer, Params, PQGen, Query, QueryNoTemplate
from psycopg.rows import AsyncRowFactory, Row

from sql.driver.settled import SettledConnection

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

_STATEMENTS: Final = 512
"""Converted statements that are kept: more than this project has."""
_TUPLES_OK: Final = pq.ExecStatus.TUPLES_OK
_NO_TYPES: Final[tuple[int, ...]] = ()
_TEXT: Final = pq.Format.TEXT

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
        self.format = _TEXT
        self.arraysize = 1
        self._closed = False
        self._last_query = self._query = None
        # The rest is what `_reset` sets.
        self._results = []
        self.pgresult = self._statusmessage = self._execmany_returning = None
        self._pos = self._iresult = 0
        self._rowcount = -1

    def _convert_query(self, query: Query, params: Params | None = None) -> PostgresQuery:
        converted = self._query_cls(self._tx if self._conn._pipeline is None else self._conn.transformer)
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
        self.queue(query, params, prepare=prepare, binary=binary)
        return self

    def queue(
        self, query: Query, params: Params | None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> None:
        """Queue a statement in the open pipeline, if the connection says `can_queue`."""
        for _ in self._execute_gen(query, params, prepare=prepare, binary=binary):
            raise AssertionError("psycopg does not wait for a statement that is queued")

    def queue_named(self, query: bytes, params: Mapping[str, Any] | None, *, prepare: bool | None = None) -> bool:
        """Queue a statement with named parameters, or without any, in the open pipeline. The cursor must be new.

        If the server has the statement prepared, this takes a quarter of the time of `queue`: psycopg asks the
        connection and the prepared statements several times, and makes objects for the query and for the converters of
        its rows. Returns False, with nothing queued, if the names don't fit: psycopg says what is wrong.
        """
        conn = self._conn
        transformer = conn.transformer
        text, types = query, _NO_TYPES
        values: Sequence[Buffer | None] | None = None
        param_formats: Sequence[pq.Format] | None = None
        if params is not None:
            text, formats, order, _ = _converted(query, transformer.encoding)
            if order is None:
                return False
            try:
                values = transformer.dump_sequence(list(map(params.__getitem__, order)), formats)
            except KeyError:
                return False
            types, param_formats = transformer.types or _NO_TYPES, transformer.formats
        prepared, pipeline = conn._prepared, conn._pipeline
        name = prepared._names.get((text, types)) if prepare is not False else None
        if name is None or pipeline is None:
            converted = self._query_cls(transformer)
            converted.query, converted.params, converted.types = text, values, types
            converted.formats = param_formats
            for _ in self._prepare_gen(converted, prepare):
                raise AssertionError("psycopg does not wait for a statement that is queued")
        else:
            prepared._names.move_to_end((text, types))  # the one that was not used for longest is deallocated first
            send = partial(self._pgconn.send_query_prepared, name, values, param_formats, _TEXT)
            pipeline.command_queue.append(send)
            pipeline.result_queue.append((self, None))
        self._last_query, self._tx = query, transformer
        return True

    def _prepare_gen(self, query: PostgresQuery, prepare: bool | None) -> PQGen[None]:
        """Queue `query`. If `prepare` is None, it is prepared if it was executed often enough."""
        yield from self._maybe_prepare_gen(query, prepare=prepare)
        yield from self._conn._prepared.maintain_gen(self._conn)

    def take_result(self, result: PGresult) -> None:
        """The result of the statement has come, and is not an error. Its rows are converted when they are fetched."""
        self._results = [result]
        self.pgresult = result
        self._tx = self._conn.transformer
        if result.status == _TUPLES_OK:
            self._rowcount = result.ntuples
        elif (changed := result.command_tuples) is not None:
            self._rowcount = changed
        self._statusmessage = result.command_status

    def _check_result_for_fetch(self) -> PGresult:
        """See psycopg, which calls this before it converts rows, with nothing in between."""
        result = super()._check_result_for_fetch()
        if self._tx is self._conn.transformer:
            # Other cursors of the connection have used it meanwhile.
            self._tx.set_pgresult(result)
            self._make_row = self._row_factory(self)
        return result

    async def fetchone(self) -> Row | None:
        """The next row; None after the last one."""
        if self.pgresult is None:
            await self._fetch_pipeline()
        result, at = self._check_result_for_fetch(), self._pos
        if at >= result.ntuples:
            return None
        self._pos = at + 1
        return self._tx.load_row(at, self._make_row)

    async def fetchall(self) -> list[Row]:
        """The rows that were not fetched yet."""
        if self.pgresult is None:
            await self._fetch_pipeline()
        result, at = self._check_result_for_fetch(), self._pos
        self._pos = result.ntuples
        return self._tx.load_rows(at, result.ntuples, self._make_row)
