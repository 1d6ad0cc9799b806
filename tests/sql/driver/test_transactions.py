"""Transactions and pipelines."""

from __future__ import annotations

import psycopg
import pytest
import trio
from psycopg import pq

from sql.driver.connection import Connection
from tests.sql.marks import insert, marks


async def test_nested_transactions_are_savepoints(connection: Connection) -> None:
    async def fails(mark: int) -> None:
        async with connection.transaction():
            await insert(connection, mark)
            raise ZeroDivisionError

    async def rolls_back(mark: int) -> None:
        async with connection.transaction() as innermost:
            await insert(connection, mark)
            raise psycopg.Rollback(innermost)

    async with connection.transaction():
        await insert(connection, 1)
        with pytest.raises(ZeroDivisionError):
            await fails(2)
        async with connection.transaction():
            await insert(connection, 3)
            await rolls_back(4)
        async with connection.transaction(force_rollback=True):
            await insert(connection, 5)
    assert await marks(connection) == [1, 3]


async def test_a_failed_statement_in_a_savepoint_does_not_end_the_transaction(connection: Connection) -> None:
    async def twice(mark: int) -> None:
        async with connection.transaction():
            await insert(connection, mark)

    async with connection.transaction():
        await insert(connection, 1)
        with pytest.raises(psycopg.errors.UniqueViolation):
            await twice(1)
        await insert(connection, 2)
    assert await marks(connection) == [1, 2]


async def test_a_block_that_ended_is_committed_though_its_scope_was_cancelled(connection: Connection) -> None:
    with trio.CancelScope() as scope:
        async with connection.transaction():
            await insert(connection, 1)
            scope.cancel()
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert await marks(connection) == [1]


async def test_a_cancelled_block_is_rolled_back_before_it_is_left(connection: Connection) -> None:
    with trio.CancelScope() as scope:
        async with connection.transaction():
            await insert(connection, 1)
            async with connection.transaction():
                await insert(connection, 2)
                scope.cancel()
                await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert connection.info.transaction_status == pq.TransactionStatus.IDLE
    assert await marks(connection) == []


async def test_a_pipeline_sends_before_it_reads(connection: Connection) -> None:
    async with connection.pipeline():
        cursors = [await connection.execute("SELECT %s::int", [number]) for number in range(20)]
    assert [await cursor.fetchone() for cursor in cursors] == [(number,) for number in range(20)]


async def test_statements_prepared_in_a_pipeline_that_failed_are_prepared_again(connection: Connection) -> None:
    query = "SELECT %s::int"

    async def fails() -> None:
        async with connection.pipeline():
            await connection.execute("SELECT 1 / 0")
            await connection.execute(query, [0], prepare=True)

    with pytest.raises(psycopg.errors.DivisionByZero):
        await fails()
    for number in range(3):
        cursor = await connection.execute(query, [number], prepare=True)
        assert await cursor.fetchone() == (number,)


async def test_a_transaction_in_a_pipeline_fails_by_itself(connection: Connection) -> None:
    async def fails() -> None:
        async with connection.transaction():
            await insert(connection, 2)
            await connection.execute("SELECT 1 / 0")

    async with connection.pipeline():
        async with connection.transaction():
            await insert(connection, 1)
        with pytest.raises(psycopg.errors.DivisionByZero):
            await fails()
        async with connection.transaction():
            await insert(connection, 3)
    assert await marks(connection) == [1, 3]


async def test_a_commit_that_fails_in_a_pipeline_is_statements(connection: Connection) -> None:
    await connection.execute("CREATE TABLE later (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)")

    async def fails() -> None:
        async with connection.transaction():
            await connection.execute("INSERT INTO later VALUES (1), (1)")

    async with connection.pipeline():
        with pytest.raises(psycopg.errors.UniqueViolation):
            await fails()
    assert connection.info.transaction_status == pq.TransactionStatus.IDLE


async def test_an_exception_in_a_pipeline_leaves_what_was_sent_to_run(connection: Connection) -> None:
    async def fails() -> None:
        async with connection.pipeline():
            await insert(connection, 1)
            await connection.execute("SELECT pg_sleep(0.01)")
            await insert(connection, 2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await marks(connection) == [1, 2]


async def test_a_pipeline_that_fails_twice_tells_the_first_failure(connection: Connection) -> None:
    async def fails() -> None:
        async with connection.pipeline():
            async with connection.transaction():
                await connection.execute("SELECT 1 / 0")
                await connection.execute("SELECT nothing")
            pytest.fail("the transaction's end told of no failure")

    with pytest.raises(psycopg.errors.DivisionByZero):
        await fails()
    assert await marks(connection) == []


async def test_a_connection_lost_inside_a_block_is_told_as_that(connection: Connection) -> None:
    async def fails() -> None:
        async with connection.pipeline(), connection.transaction(), connection.transaction():
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(psycopg.OperationalError, match=r"terminat|closed"):
        await fails()
    assert connection.broken
