"""Cancel every kind of operation at each of its await points. The connection must be usable afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, LiteralString

import psycopg
import pytest
import trio
from psycopg import pq
from psycopg.rows import TupleRow

from sql.driver.connection import Connection, TrioConnection
from tests.sql.checkpoints import cancelled_at_each_checkpoint

Operation = Callable[[Connection, list[str]], Coroutine[Any, Any, None]]
OPERATIONS: dict[str, Operation] = {}
INSERT = "INSERT INTO marks VALUES (%s)"


def streamed(cursor: psycopg.AsyncCursor[TupleRow], query: LiteralString) -> AsyncGenerator[TupleRow]:
    """psycopg declares an iterator, without the `aclose` it has."""
    rows = cursor.stream(query)
    assert isinstance(rows, AsyncGenerator)
    return rows


def operation(function: Operation) -> Operation:
    """Add a function to the table. It says when it is `done` leaving its five marks; before that there must be none."""
    OPERATIONS[function.__name__] = function
    return function


@operation
async def query(connection: Connection, done: list[str]) -> None:
    await connection.execute("SELECT pg_sleep(0.002)")


@operation
async def query_longer_than_the_socket_buffer(connection: Connection, done: list[str]) -> None:
    cursor = await connection.execute("SELECT length(%s::text)", ["x" * 3_000_000])
    assert await cursor.fetchone() == (3_000_000,)


@operation
async def answer_longer_than_the_socket_buffer(connection: Connection, done: list[str]) -> None:
    cursor = await connection.execute("SELECT repeat('x', 1000) FROM generate_series(1, 400)")
    assert len(await cursor.fetchall()) == 400


@operation
async def failing_query(connection: Connection, done: list[str]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        await connection.execute("SELECT 1 / 0")


@operation
async def transaction(connection: Connection, done: list[str]) -> None:
    async with connection.transaction():
        for mark in range(5):
            await connection.execute(INSERT, [mark])
    done.append("marks")


@operation
async def nested_transaction(connection: Connection, done: list[str]) -> None:
    async with connection.transaction():
        await connection.execute(INSERT, [0])
        async with connection.transaction():
            for mark in range(4):
                await connection.execute(INSERT, [mark])
        async with connection.transaction(force_rollback=True):
            await connection.execute(INSERT, [99])
    done.append("marks")


@operation
async def transaction_that_fails(connection: Connection, done: list[str]) -> None:
    async def failing() -> None:
        async with connection.transaction():
            await connection.execute(INSERT, [0])
            await connection.execute("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        await failing()


@operation
async def pipeline(connection: Connection, done: list[str]) -> None:
    async with connection.transaction(), connection.pipeline():
        for mark in range(5):
            await connection.execute(INSERT, [mark])
    done.append("marks")


@operation
async def pipeline_with_a_slow_query_and_results(connection: Connection, done: list[str]) -> None:
    async with connection.pipeline() as pipe:
        first = await connection.execute("SELECT pg_sleep(0.002), 1")
        second = await connection.execute("SELECT 2")
        assert (await second.fetchone(), (await first.fetchall())[0][1]) == ((2,), 1)
        await connection.execute("SELECT 3")
        await pipe.sync()
        await connection.execute("SELECT 4")


@operation
async def pipeline_that_fails(connection: Connection, done: list[str]) -> None:
    async def failing() -> None:
        async with connection.pipeline():
            await connection.execute("SELECT 1 / 0")
            await connection.execute(INSERT, [0])

    with pytest.raises(psycopg.errors.DivisionByZero):
        await failing()


@operation
async def nested_pipeline(connection: Connection, done: list[str]) -> None:
    async with connection.pipeline():
        await connection.execute("SELECT 1")
        async with connection.pipeline():
            await connection.execute("SELECT 2")
        await connection.execute("SELECT 3")


@operation
async def transaction_in_pipeline(connection: Connection, done: list[str]) -> None:
    async with connection.pipeline():
        await connection.execute("SELECT 1")
        async with connection.transaction():
            for mark in range(5):
                await connection.execute(INSERT, [mark])
        done.append("marks")
        await connection.execute("SELECT 2")


@operation
async def executemany(connection: Connection, done: list[str]) -> None:
    async with connection.transaction(), connection.cursor() as cursor:
        await cursor.executemany(INSERT, [[mark] for mark in range(5)])
    done.append("marks")


@operation
async def executemany_in_pipeline(connection: Connection, done: list[str]) -> None:
    async with connection.transaction(), connection.pipeline(), connection.cursor() as cursor:
        await cursor.executemany(INSERT, [[mark] for mark in range(5)])
    done.append("marks")


@operation
async def stream(connection: Connection, done: list[str]) -> None:
    async with connection.cursor() as cursor, aclosing(streamed(cursor, "SELECT generate_series(1, 4)")) as rows:
        assert [row async for row in rows] == [(1,), (2,), (3,), (4,)]


@operation
async def stream_left_early(connection: Connection, done: list[str]) -> None:
    async with connection.cursor() as cursor, aclosing(streamed(cursor, "SELECT generate_series(1, 10000)")) as rows:
        assert await anext(rows) == (1,)


@operation
async def server_side_cursor(connection: Connection, done: list[str]) -> None:
    async with connection.transaction(), connection.cursor("portal") as cursor:
        await cursor.execute("SELECT generate_series(1, 4)")
        assert len(await cursor.fetchmany(3)) == 3


@operation
async def copy_in(connection: Connection, done: list[str]) -> None:
    async with connection.cursor() as cursor, cursor.copy("COPY marks FROM STDIN") as copy:
        for mark in range(5):
            await copy.write_row([mark])
    done.append("marks")


@operation
async def copy_out(connection: Connection, done: list[str]) -> None:
    async with (
        connection.cursor() as cursor,
        cursor.copy("COPY (SELECT generate_series(1, 30)) TO STDOUT") as copy,
    ):
        assert len([row async for row in copy.rows()]) == 30


@operation
async def copy_out_left_early(connection: Connection, done: list[str]) -> None:
    async def leaving() -> None:
        query = "COPY (SELECT generate_series(1, 50000)) TO STDOUT"
        async with connection.cursor() as cursor, cursor.copy(query) as copy:
            await copy.read()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await leaving()


@operation
async def listening(connection: Connection, done: list[str]) -> None:
    await connection.execute("LISTEN channel")
    await connection.execute("NOTIFY channel")
    async with aclosing(connection.notifies(timeout=0)) as notifications:
        assert len([one async for one in notifications]) >= 1
    await connection.execute("UNLISTEN channel")


@operation
async def implicit_transaction(connection: Connection, done: list[str]) -> None:
    await connection.set_autocommit(False)
    try:
        for mark in range(5):
            await connection.execute(INSERT, [mark])
        await connection.rollback()
    finally:
        connection._autocommit = True


@operation
async def cancel_request(connection: Connection, done: list[str]) -> None:
    await connection.cancel_safe()
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_connection_is_usable_after_a_cancellation_at_any_checkpoint(empty_database: str, name: str) -> None:
    async with await TrioConnection.connect(empty_database, autocommit=True) as connection:
        await connection.execute("CREATE TABLE marks (mark int)")
        backend = connection.info.backend_pid
        outcomes: list[bool] = []
        done: list[str] = []

        async def run() -> None:
            done.clear()
            await OPERATIONS[name](connection, done)

        async def check(cancelled: bool) -> None:
            outcomes.append(cancelled)
            assert not connection.closed
            assert not connection.lock.locked()
            assert connection._num_transactions == 0
            assert connection._pipeline is None
            assert connection.pgconn.pipeline_status == pq.PipelineStatus.OFF
            if connection.info.transaction_status != pq.TransactionStatus.IDLE:
                await connection.rollback()
            cursor = await connection.execute("SELECT count(*), pg_backend_pid() FROM marks")
            marks, pid = await cursor.fetchone() or (None, None)
            assert pid == backend
            # A block that ended normally was committed, an interrupted one was not. (A lone COPY may be either.)
            assert marks == 5 if done else marks in ({0, 5} if name == "copy_in" else {0})
            await connection.execute("TRUNCATE marks")

        runs = await cancelled_at_each_checkpoint(run, check)
    assert runs >= 2
    assert outcomes[0] is True
    assert outcomes[-1] is False


async def test_a_cancelled_attempt_to_connect_leaves_nothing_behind(empty_database: str) -> None:
    async with await TrioConnection.connect(empty_database, autocommit=True) as observer:
        opened: list[Connection] = []

        async def run() -> None:
            opened.append(await TrioConnection.connect(empty_database))

        async def check(cancelled: bool) -> None:
            assert cancelled == (not opened)

        assert await cancelled_at_each_checkpoint(run, check) >= 3
        await opened[0].close()
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with trio.fail_after(60):
            while await (await observer.execute(others)).fetchone() != (0,):
                await trio.lowlevel.checkpoint()
