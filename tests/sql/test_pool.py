"""The pool lends connections in order, times out, and never lends a broken connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import psycopg
import pytest
import trio
from psycopg import pq
from trio.testing import MockClock, wait_all_tasks_blocked

from sql.driver.connection import Connection
from sql.driver.transactions import TrioTransaction
from sql.pool import Pool, PoolStats, PoolTimeout, open_pool
from tests.sql.checkpoints import cancelled_at_each_checkpoint


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """A pool of plain connections, as the database's owner."""
    async with open_pool(database, max_size=4) as pool:
        yield pool


async def backend(pool: Pool) -> int:
    """The server's process behind the connection that the pool lends next."""
    async with pool.connection() as connection:
        return connection.info.backend_pid


async def hold(pool: Pool, count: int, until: trio.Event) -> None:
    """Hold `count` connections until the event."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(pool.connection())
        await until.wait()


async def test_a_connection_is_used_again(pool: Pool) -> None:
    assert pool.stats() == PoolStats(size=1, idle=1, waiting=0, opened=1, discarded=0, timeouts=0)
    first = await backend(pool)
    async with pool.connection() as connection:
        assert connection.autocommit
        assert connection.info.backend_pid == first
        assert pool.stats().idle == 0
    assert pool.stats().opened == 1


async def test_no_more_connections_than_needed_or_allowed(database: str) -> None:
    async with open_pool(database, min_size=0, max_size=3) as pool:
        assert pool.stats().size == 0
        seen: set[int] = set()

        async def work() -> None:
            async with pool.connection() as connection:
                seen.add(connection.info.backend_pid)
                await connection.execute("SELECT pg_sleep(0.001)")

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(work)
        assert 1 <= len(seen) <= 3
        assert pool.stats().size == pool.stats().idle == pool.stats().opened == len(seen)


async def test_who_asked_first_is_served_first(database: str) -> None:
    served: list[int] = []
    async with open_pool(database, max_size=1) as pool, trio.open_nursery() as nursery:

        async def work(number: int) -> None:
            async with pool.connection():
                served.append(number)
                await trio.lowlevel.checkpoint()

        async with pool.connection():
            for number in range(6):
                nursery.start_soon(work, number)
                await wait_all_tasks_blocked()
            assert pool.stats().waiting == 6
        # The order is kept: a task that asks now is served last.
        await work(6)
    assert served == [0, 1, 2, 3, 4, 5, 6]


async def test_an_exhausted_pool_says_so_in_time(database: str, mock_clock: MockClock) -> None:
    async with open_pool(database, max_size=2, acquire_timeout_s=5) as pool, trio.open_nursery() as nursery:
        enough = trio.Event()
        nursery.start_soon(hold, pool, 2, enough)
        while pool.stats().size - pool.stats().idle < 2 or pool.stats().opened < 2:
            await trio.lowlevel.checkpoint()
        await wait_all_tasks_blocked()

        async def ask() -> None:
            with pytest.raises(PoolTimeout, match="no connection within 5 s: 2 of 2 in use"):
                async with pool.connection():
                    pytest.fail("there was none to lend")

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        mock_clock.jump(5.1)
        await wait_all_tasks_blocked()
        assert pool.stats().timeouts == 1
        assert pool.stats().waiting == 0
        enough.set()


async def test_a_timeout_of_the_caller(database: str) -> None:
    async with open_pool(database, max_size=1) as pool, pool.connection():
        with pytest.raises(PoolTimeout, match="within 0 s"):
            async with pool.connection(timeout_s=0):
                pytest.fail("there was none to lend")


async def test_a_cancelled_waiter_is_passed_over(database: str) -> None:
    async with open_pool(database, max_size=1) as pool, trio.open_nursery() as nursery, pool.connection():
        with trio.CancelScope() as impatient:
            nursery.start_soon(backend, pool)
            await wait_all_tasks_blocked()
            impatient.cancel()
            await backend(pool)
        assert impatient.cancelled_caught
        assert pool.stats().waiting == 1
    assert pool.stats().waiting == 0


@pytest.mark.parametrize("min_size", [0, 1])
async def test_a_cancellation_anywhere_loses_no_connection(database: str, min_size: int) -> None:
    async with open_pool(database, min_size=min_size, max_size=1) as pool:

        async def work() -> None:
            async with pool.connection() as connection:
                await connection.execute("BEGIN")
                for _ in range(3):
                    await connection.execute("SELECT 1")

        async def check(cancelled: bool) -> None:
            assert pool.stats().waiting == 0
            async with pool.connection() as connection:
                assert connection.info.transaction_status == pq.TransactionStatus.IDLE
            assert pool.stats() == PoolStats(size=1, idle=1, waiting=0, opened=1, discarded=0, timeouts=0)

        assert await cancelled_at_each_checkpoint(work, check) > 5


async def test_what_was_left_open_is_rolled_back(pool: Pool) -> None:
    first = await backend(pool)
    for statements in (["BEGIN", "CREATE TABLE left_over ()"], ["BEGIN", "SELECT 1 / 0"]):
        async with pool.connection() as connection:
            for statement in statements:
                try:
                    await connection.execute(statement.encode())
                except psycopg.errors.DivisionByZero:
                    assert connection.info.transaction_status == pq.TransactionStatus.INERROR
    async with pool.connection() as connection:
        assert connection.info.backend_pid == first
        assert await (await connection.execute("SELECT to_regclass('left_over')")).fetchone() == (None,)


async def close(connection: Connection) -> None:
    await connection.close()


async def lose(connection: Connection) -> None:
    with pytest.raises(psycopg.OperationalError):
        await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def leave_a_copy_open(connection: Connection) -> None:
    connection.pgconn.send_query(b"COPY devices FROM STDIN")
    connection.pgconn.flush()


async def leave_a_pipeline_open(connection: Connection) -> None:
    connection.pgconn.enter_pipeline_mode()
    connection._pipeline = None


async def leave_a_transaction_block_open(connection: Connection) -> None:
    await TrioTransaction(connection).__aenter__()


async def leave_autocommit_off(connection: Connection) -> None:
    await connection.set_autocommit(False)


async def leave_the_lock_held(connection: Connection) -> None:
    await connection.lock.acquire()


@pytest.mark.parametrize(
    "spoil",
    [
        close,
        lose,
        leave_a_copy_open,
        leave_a_pipeline_open,
        leave_a_transaction_block_open,
        leave_autocommit_off,
        leave_the_lock_held,
    ],
)
async def test_a_spoilt_connection_is_not_lent_again(
    pool: Pool, spoil: Callable[[Connection], Awaitable[None]]
) -> None:
    first = await backend(pool)
    async with pool.connection() as connection:
        await spoil(connection)
    assert await backend(pool) != first
    assert pool.stats().size == pool.stats().idle == 1
    assert pool.stats().discarded == 1


async def test_an_idle_connection_that_the_server_ended_is_not_lent(pool: Pool) -> None:
    async with pool.connection() as one, pool.connection() as two:
        pids = [one.info.backend_pid, two.info.backend_pid]
    async with pool.connection() as connection:
        victim = next(pid for pid in pids if pid != connection.info.backend_pid)
        await connection.execute("SELECT pg_terminate_backend(%s, 5000)", [victim])
        async with pool.connection() as other:
            assert other.info.backend_pid not in pids
            assert await (await other.execute("SELECT 1")).fetchone() == (1,)
