"""A pool from opening to closing: its first connection, the maximum age of connections, its end."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sql.driver.connection import Connection
from sql.pool import UPKEEP_INTERVAL_S, Pool, PoolClosed, PoolTimeout, open_pool


async def backend(pool: Pool) -> int:
    """The server's process behind the connection that the pool lends next."""
    async with pool.connection() as connection:
        return connection.info.backend_pid


async def test_an_exception_of_the_block_comes_out_as_it_is(database: str) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_pool(database) as pool, pool.connection():
            raise ZeroDivisionError
    assert pool.stats().size == 0


async def test_a_database_out_of_reach_is_told_with_its_reason(
    tmp_path: Path, mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def start() -> None:
        with pytest.raises(
            PoolTimeout, match=r"within 5 s: 0 of 10 in use, and connecting fails: .*No such file"
        ) as told:
            async with open_pool(f"host={tmp_path}"):
                pytest.fail("there is no server")
        assert isinstance(told.value.__cause__, psycopg.OperationalError)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(start)
        while nursery.child_tasks:
            await wait_all_tasks_blocked(0.01)
            mock_clock.jump(0.5)
    # The pool tried several times.
    (line,) = [record.getMessage() for record in caplog.records if record.name == "sql.pool"]
    assert line.startswith("connecting to the database failed (attempts since the last line: 1): ")


async def test_configure_is_run_on_each_connection(database: str) -> None:
    async def configure(connection: Connection) -> None:
        await connection.execute("SET application_name = 'configured'")

    async with open_pool(database, configure=configure) as pool, pool.connection() as one, pool.connection() as two:
        for connection in (one, two):
            assert await (await connection.execute("SHOW application_name")).fetchone() == ("configured",)


@pytest.mark.parametrize("statement", ["SELECT 1 / 0", "BEGIN"])
async def test_a_configure_that_fails_is_a_failure_to_connect(
    database: str, mock_clock: MockClock, statement: str
) -> None:
    async def configure(connection: Connection) -> None:
        await connection.execute(statement.encode())

    async def start() -> None:
        with pytest.raises(PoolTimeout, match=r"connecting fails: (division by zero|configure left)"):
            async with open_pool(database, configure=configure):
                pytest.fail("no connection can be had")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(start)
        while nursery.child_tasks:
            await wait_all_tasks_blocked(0.01)
            mock_clock.jump(0.5)


async def test_connections_that_nobody_uses_or_that_are_old_are_closed(database: str, mock_clock: MockClock) -> None:
    async with open_pool(database, min_size=1, max_size=3, max_idle_s=60, max_lifetime_s=600) as pool:
        async with pool.connection(), pool.connection(), pool.connection():
            pass
        assert pool.stats().idle == 3
        await wait_all_tasks_blocked()
        mock_clock.jump(60 + UPKEEP_INTERVAL_S + 1)
        await wait_all_tasks_blocked()
        assert pool.stats().idle == pool.stats().size == 1
        last = await backend(pool)
        mock_clock.jump(600)
        assert await backend(pool) != last


async def test_a_closed_pool_turns_everyone_away_and_closes_what_comes_back(database: str) -> None:
    async with trio.open_nursery() as nursery:
        lent = trio.Event()

        async def ask() -> None:
            with pytest.raises(PoolClosed):
                await backend(pool)

        async def keep() -> None:
            async with pool.connection() as connection:
                lent.set()
                await wait_all_tasks_blocked(0.01)
                assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
            assert connection.closed

        async with open_pool(database, max_size=1) as pool:
            nursery.start_soon(keep)
            await lent.wait()
            nursery.start_soon(ask)
            while not pool.stats().waiting:
                await trio.lowlevel.checkpoint()
        await ask()
    assert pool.stats().size == 0


@pytest.mark.parametrize("sizes", [{"min_size": 2, "max_size": 1}, {"max_size": 0, "min_size": 0}, {"min_size": -1}])
async def test_sizes_that_make_no_sense(database: str, sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="min_size"):
        async with open_pool(database, **sizes):  # type: ignore[arg-type]  # mypy takes the values for every argument
            pytest.fail("was opened")
