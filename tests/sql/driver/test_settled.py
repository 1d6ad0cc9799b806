"""Cancellation in difficult cases: servers that ignore the cancel request, or do not react at all."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sql.driver.connection import Connection
from sql.driver.timeouts import CANCEL_RETRY_S, CLEANUP_TIMEOUT_S, COMMIT_TIMEOUT_S
from tests.sql.marks import insert, marks, until_waiting

SWALLOWS_ONE_CANCEL = (
    "DO $$ BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN PERFORM pg_advisory_lock(1); END $$"
)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A backend that is alive but does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


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


async def in_a_query(connection: Connection) -> None:
    await connection.execute("SELECT pg_sleep(60)")


async def in_a_pipeline(connection: Connection) -> None:
    async with connection.pipeline():
        await connection.execute("SELECT pg_sleep(60)")
        await connection.execute("SELECT 1")


async def in_a_transaction(connection: Connection) -> None:
    async with connection.transaction(), connection.transaction():
        await connection.execute("SELECT pg_sleep(60)")


async def in_a_transaction_in_a_pipeline(connection: Connection) -> None:
    async with connection.pipeline(), connection.transaction():
        await connection.execute("SELECT pg_sleep(60)")


@pytest.mark.parametrize("sleep", [in_a_query, in_a_pipeline, in_a_transaction, in_a_transaction_in_a_pipeline])
async def test_a_server_that_does_not_react_to_a_cancel_costs_the_connection_and_a_bounded_time(
    connection: Connection,
    observer: Connection,
    mock_clock: MockClock,
    sleep: Callable[[Connection], Awaitable[None]],
) -> None:
    pid = connection.info.backend_pid
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep, connection)
        await until_waiting(observer, pid, "PgSleep")
        with frozen(pid), trio.CancelScope(shield=True):
            nursery.cancel_scope.cancel()
            started = trio.current_time()
            while nursery.child_tasks:
                # Time passes only when the answers to the cancel requests are here.
                await wait_all_tasks_blocked(0.02)
                mock_clock.jump(CANCEL_RETRY_S)
            assert trio.current_time() - started <= CLEANUP_TIMEOUT_S + CANCEL_RETRY_S
    assert connection.broken
    assert connection._pipeline is None


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
        with pytest.raises(psycopg.OperationalError, match="may or may not be committed"):
            await work()

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work_and_see)
            await stopped.wait()
            while nursery.child_tasks:
                await wait_all_tasks_blocked()
                mock_clock.jump(0.1)
        assert limit_s <= trio.current_time() <= limit_s + 0.2
        assert connection.broken
    finally:
        os.kill(pid, signal.SIGCONT)
