"""Statements that are queued in a pipeline: converted once, without psycopg's checks, and read at any time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import trio
from psycopg.adapt import Dumper
from psycopg.rows import dict_row
from trio.testing import wait_all_tasks_blocked

from sql.driver.connection import Connection, TrioConnection
from sql.driver.instants import read_storable
from sql.driver.lock import ConnectionLock

NUMBERS = b"SELECT n, 'number ' || n FROM generate_series(%(first)s::int, %(last)s::int) AS n ORDER BY n"


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    async with await TrioConnection.connect(database, autocommit=True) as connection:
        yield connection


async def prepare(connection: Connection) -> None:
    for _ in range(7):
        async with connection.pipeline():
            await connection.execute(NUMBERS, {"first": 1, "last": 2})


async def test_a_prepared_statement_passes_none_of_psycopgs_checks(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prepare(connection)

    def unwanted(*args: Any, **kwargs: Any) -> None:
        pytest.fail("psycopg's way of executing was used")

    for name in ("_execute_gen", "_maybe_prepare_gen", "_set_results", "_check_results"):
        monkeypatch.setattr(psycopg.AsyncCursor, name, unwanted)
    async with connection.pipeline():
        cursor = await connection.execute(NUMBERS, {"first": 3, "last": 4, "unused": "x"})
        assert await cursor.fetchall() == [(3, "number 3"), (4, "number 4")]
    assert (cursor.rowcount, cursor.statusmessage) == (2, "SELECT 2")


async def test_cursors_of_one_connection_are_read_in_any_order_also_after_the_block(connection: Connection) -> None:
    read_storable(connection)
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for _ in range(2):  # before and after the statement is prepared
        async with connection.pipeline():
            first = await connection.execute(NUMBERS, {"first": 1, "last": 3})
            second = await connection.execute(b"SELECT %(at)s::timestamptz AS at, NULL", {"at": now})
            changed = await connection.execute(b"CREATE TEMPORARY TABLE IF NOT EXISTS marks (mark int)")
            added = await connection.execute(b"INSERT INTO marks SELECT generate_series(1, 4)")
        assert await first.fetchone() == (1, "number 1")
        assert await second.fetchone() == (now, None)
        assert await first.fetchall() == [(2, "number 2"), (3, "number 3")]
        assert await second.fetchone() is None
        assert await first.fetchmany(5) == []
        assert (first.rowcount, changed.rowcount, added.rowcount) == (3, -1, 4)
        assert [column.name for column in second.description or ()] == ["at", "?column?"]
        with pytest.raises(psycopg.ProgrammingError, match="didn't produce"):
            await added.fetchone()
        await prepare(connection)


async def test_rows_have_the_form_that_the_connection_wants(database: str) -> None:
    async with await TrioConnection.connect(database, autocommit=True, row_factory=dict_row) as connection:
        for _ in range(8):
            async with connection.pipeline():
                cursor = await connection.execute(b"SELECT %(value)s::int AS value", {"value": 7})
            assert await cursor.fetchall() == [{"value": 7}]


async def test_a_missing_parameter_is_named_and_nothing_is_queued(connection: Connection) -> None:
    await prepare(connection)
    async with connection.pipeline() as pipeline:
        with pytest.raises(psycopg.ProgrammingError, match="parameter missing: last"):
            await connection.execute(NUMBERS, {"first": 1})
        assert not pipeline.command_queue
        assert await (await connection.execute(NUMBERS, {"first": 1, "last": 1})).fetchall() == [(1, "number 1")]


class Counted:
    """A parameter that counts how often it is converted."""

    conversions = 0


class CountedDumper(Dumper):
    oid = psycopg.adapters.types["text"].oid

    def dump(self, obj: Counted) -> bytes:
        obj.conversions += 1
        return b"counted"


async def test_a_parameter_is_converted_once_whether_the_statement_is_prepared_or_not(connection: Connection) -> None:
    connection.adapters.register_dumper(Counted, CountedDumper)
    for _ in range(8):
        value = Counted()
        async with connection.pipeline():
            cursor = await connection.execute(b"SELECT %(value)s", {"value": value})
            assert await cursor.fetchone() == ("counted",)
        assert value.conversions == 1


async def prepared(connection: Connection) -> int:
    row = await (await connection.execute("SELECT count(*) FROM pg_prepared_statements", prepare=False)).fetchone()
    return 0 if row is None else int(row[0])


async def test_the_statement_that_was_not_used_for_longest_is_deallocated(connection: Connection) -> None:
    connection.prepare_threshold, connection.prepared_max = 0, 2
    for statement in (b"SELECT 1", b"SELECT 2", b"SELECT 1", b"SELECT 3", b"SELECT 1"):
        async with connection.pipeline():
            await connection.execute(statement)
    names = {text for text, _ in connection._prepared._names}
    assert b"SELECT 1" in names
    assert await prepared(connection) <= 3


async def test_without_prepared_statements_none_is_prepared(connection: Connection) -> None:
    connection.prepare_threshold = None
    await prepare(connection)
    async with connection.pipeline():
        cursor = await connection.execute(NUMBERS, {"first": 1, "last": 1})
        assert await cursor.fetchall() == [(1, "number 1")]
    assert await prepared(connection) == 0


async def test_a_prepared_statement_that_fails_says_why_and_the_next_block_works(connection: Connection) -> None:
    statement = b"SELECT 6 / %(divisor)s::int"
    for divisor in (1, 1, 1, 1, 1, 1, 1, 0, 2, 0, 3):
        try:
            async with connection.pipeline():
                cursor = await connection.execute(statement, {"divisor": divisor})
                await connection.execute(NUMBERS, {"first": 1, "last": 2})
            assert await cursor.fetchone() == (6 // divisor,)
        except psycopg.errors.DivisionByZero:
            assert divisor == 0


async def test_a_waiter_for_the_lock_that_is_cancelled_gives_its_turn_to_the_next() -> None:
    lock, order = ConnectionLock(), list[str]()

    async def wait(name: str) -> None:
        async with lock:
            order.append(name)

    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as cancelled:
            lock.take()
            cancelled.start_soon(wait, "cancelled")
            await wait_all_tasks_blocked()
            nursery.start_soon(wait, "next")
            await wait_all_tasks_blocked()
            cancelled.cancel_scope.cancel()
        with pytest.raises(trio.WouldBlock):
            lock.take()
        lock.release()
    assert order == ["next"]
    assert not lock.locked()
    with pytest.raises(RuntimeError, match="not held"):
        lock.release()
