"""The connection on Trio: connecting, transactions, pipelines, notifications, and servers that stop answering."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import psycopg
import pytest
import trio
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from trio.testing import MockClock, wait_all_tasks_blocked

from sql.connection import Connection, TrioConnection
from sql.timeouts import CANCEL_RETRY_S, CLEANUP_TIMEOUT_S, COMMIT_TIMEOUT_S

SWALLOWS_ONE_CANCEL = (
    "DO $$ BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN PERFORM pg_advisory_lock(1); END $$"
)


@pytest.fixture
async def connection(empty_database: str) -> AsyncIterator[Connection]:
    """An autocommit connection to a database with an empty table `marks`."""
    async with await TrioConnection.connect(empty_database, autocommit=True) as connection:
        await connection.execute("CREATE TABLE marks (mark int UNIQUE)")
        yield connection


@pytest.fixture
async def observer(empty_database: str) -> AsyncIterator[Connection]:
    """A second connection to the same database."""
    async with await TrioConnection.connect(empty_database, autocommit=True) as connection:
        yield connection


async def marks(connection: Connection) -> list[int]:
    cursor = await connection.execute("SELECT mark FROM marks ORDER BY mark")
    return [mark for (mark,) in await cursor.fetchall()]


async def insert(connection: Connection, mark: int) -> None:
    await connection.execute("INSERT INTO marks VALUES (%s)", [mark])


async def until_waiting(observer: Connection, pid: int, event: str) -> None:
    """Wait until that backend waits for `event`."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = %s"
    while await (await observer.execute(waiting, [pid, event])).fetchone() == (0,):
        await trio.lowlevel.checkpoint()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A backend that lives but does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# Connecting


async def test_every_host_is_tried_and_every_failure_told(empty_database: str, tmp_path: Path) -> None:
    there = conninfo_to_dict(empty_database)["host"]
    async with await TrioConnection.connect(empty_database, host=f"{tmp_path},{there}") as connection:
        assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError) as caught:
        await TrioConnection.connect(empty_database, host=f"{tmp_path}/one,{tmp_path}/two")
    assert f"{tmp_path}/one" in str(caught.value)
    assert f"{tmp_path}/two" in str(caught.value)


async def test_a_refused_connection_is_an_operational_error_without_the_password() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        conninfo = make_conninfo(host="localhost", port=taken.getsockname()[1], user="u", password="hunter2")
        with pytest.raises(psycopg.OperationalError, match="refused") as caught:
            await TrioConnection.connect(conninfo)
    assert "hunter2" not in str(caught.value)


async def test_a_server_that_accepts_and_says_nothing_is_given_up(mock_clock: MockClock) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]

    async def connect() -> None:
        with pytest.raises(psycopg.errors.ConnectionTimeout, match=r"no answer from 127.0.0.1 within 7 s"):
            await TrioConnection.connect(f"host=127.0.0.1 port={port} connect_timeout=7 user=u gssencmode=disable")

    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(connect)
        async with await listener.accept():
            await wait_all_tasks_blocked()
            mock_clock.jump(6.9)
            await wait_all_tasks_blocked()
            assert nursery.child_tasks
            mock_clock.jump(0.2)
            await wait_all_tasks_blocked()
            assert not nursery.child_tasks


async def test_options_of_connect(empty_database: str) -> None:
    async with await TrioConnection.connect(empty_database, row_factory=dict_row, prepare_threshold=None) as connection:
        assert await (await connection.execute("SELECT 1 AS one")).fetchone() == {"one": 1}
        assert connection.autocommit is False
        assert connection.prepare_threshold is None


@pytest.mark.parametrize(("fails", "expected"), [(False, [1]), (True, [])])
async def test_the_block_of_a_connection_commits_or_rolls_back_and_closes(
    connection: Connection, empty_database: str, fails: bool, expected: list[int]
) -> None:
    async def block() -> None:
        async with await TrioConnection.connect(empty_database) as other:
            others.append(other)
            await insert(other, 1)
            if fails:
                raise ZeroDivisionError

    others: list[Connection] = []
    if fails:
        with pytest.raises(ZeroDivisionError):
            await block()
    else:
        await block()
    assert others[0].closed
    assert not others[0].broken
    assert await marks(connection) == expected


# One connection, several tasks


async def test_tasks_that_share_a_connection_take_turns(connection: Connection) -> None:
    answers: list[tuple[object, ...] | None] = []

    async def ask(number: int) -> None:
        cursor = await connection.execute("SELECT %s::int, pg_sleep(0.001)", [number])
        answers.append(await cursor.fetchone())

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(ask, number)
    assert {answer[0] for answer in answers if answer} == set(range(10))


async def test_closing_a_connection_wakes_the_task_that_waits_on_it(
    connection: Connection, observer: Connection
) -> None:
    async def sleep() -> None:
        with pytest.raises(psycopg.OperationalError, match="closed"):
            await connection.execute("SELECT pg_sleep(60)")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep)
        await until_waiting(observer, connection.info.backend_pid, "PgSleep")
        await connection.close()
        await connection.close()


# Transactions


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


# Pipelines


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


async def test_a_commit_that_fails_in_a_pipeline_is_told(connection: Connection) -> None:
    await connection.execute("CREATE TABLE later (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)")

    async def fails() -> None:
        async with connection.transaction():
            await connection.execute("INSERT INTO later VALUES (1), (1)")

    async with connection.pipeline():
        with pytest.raises(psycopg.errors.UniqueViolation):
            await fails()
    assert connection.info.transaction_status == pq.TransactionStatus.IDLE


# Notifications


def notifications(connection: Connection, timeout: float | None = None) -> AsyncGenerator[psycopg.Notify]:
    return connection.notifies(timeout=timeout)


async def test_notifications_arrive_while_waiting_for_them(connection: Connection, observer: Connection) -> None:
    await connection.execute("LISTEN news")
    received: list[str] = []

    async def listen() -> None:
        async with aclosing(notifications(connection)) as news:
            async for one in news:
                received.append(one.payload)
                if one.payload == "last":
                    break

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await wait_all_tasks_blocked()
        await observer.execute("NOTIFY news, 'first'")
        await observer.execute("NOTIFY news, 'last'")
    assert received == ["first", "last"]
    assert await marks(connection) == []


async def test_notifications_that_came_between_queries_are_kept(connection: Connection, observer: Connection) -> None:
    await connection.execute("LISTEN news")
    await observer.execute("NOTIFY news, 'early'")
    await connection.execute("SELECT 1")
    async with aclosing(notifications(connection, timeout=0)) as news:
        assert [one.payload async for one in news] == ["early"]


async def test_waiting_for_notifications_ends_in_time(
    connection: Connection, observer: Connection, mock_clock: MockClock
) -> None:
    await connection.execute("LISTEN news")
    received: list[str] = []

    async def listen() -> None:
        async with aclosing(notifications(connection, timeout=1_000_000)) as news:
            received.extend([one.payload async for one in news])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await wait_all_tasks_blocked()
        mock_clock.jump(1_000_001)
    assert received == []
    assert await marks(connection) == []


# Cancellation, when it is hard


async def test_a_cancel_request_that_had_no_effect_is_repeated(
    connection: Connection, observer: Connection, mock_clock: MockClock
) -> None:
    pid = connection.info.backend_pid
    await observer.execute("SELECT pg_advisory_lock(1)")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.execute, SWALLOWS_ONE_CANCEL)
        await until_waiting(observer, pid, "PgSleep")
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await until_waiting(observer, pid, "advisory")
            while nursery.child_tasks:
                # Nothing has happened for a while, so the answer to the first request has been seen.
                await wait_all_tasks_blocked(0.02)
                mock_clock.jump(CANCEL_RETRY_S)
    assert not connection.closed
    assert await marks(connection) == []


async def test_a_server_that_does_not_react_to_a_cancel_costs_the_connection_and_a_bounded_time(
    connection: Connection, observer: Connection, mock_clock: MockClock
) -> None:
    pid = connection.info.backend_pid
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.execute, "SELECT pg_sleep(60)")
        await until_waiting(observer, pid, "PgSleep")
        with frozen(pid), trio.CancelScope(shield=True):
            nursery.cancel_scope.cancel()
            started = trio.current_time()
            while nursery.child_tasks:
                await wait_all_tasks_blocked()
                mock_clock.jump(0.1)
            assert trio.current_time() - started <= CLEANUP_TIMEOUT_S + 0.2
    assert connection.broken


@pytest.mark.parametrize("cancelled", [False, True])
async def test_an_end_of_a_transaction_that_is_not_answered_costs_the_connection(
    connection: Connection, mock_clock: MockClock, cancelled: bool
) -> None:
    limit_s = CLEANUP_TIMEOUT_S if cancelled else COMMIT_TIMEOUT_S
    pid = connection.info.backend_pid
    stopped = trio.Event()

    async def work() -> None:
        with trio.CancelScope() as scope:
            async with connection.transaction():
                await insert(connection, 1)
                os.kill(pid, signal.SIGSTOP)
                stopped.set()
                if cancelled:
                    scope.cancel()
                    await trio.lowlevel.checkpoint()

    async def work_and_see() -> None:
        if cancelled:
            await work()
            return
        with pytest.raises(psycopg.OperationalError, match="whether it happened is unknown"):
            await work()

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work_and_see)
            await stopped.wait()
            while nursery.child_tasks:
                await wait_all_tasks_blocked()
                mock_clock.jump(0.1)
        # An interrupted COMMIT or ROLLBACK is then settled, in vain, before the connection is closed.
        assert limit_s <= trio.current_time() <= limit_s + CLEANUP_TIMEOUT_S + 0.3
        assert connection.broken
    finally:
        os.kill(pid, signal.SIGCONT)
