"""A database that is stopped and started again under a pool in use."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sql.embedded.postgres import EmbeddedPostgres
from sql.pool import LAST_RETRY_S, PoolTimeout, open_pool
from tests.database import temporary_directory


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedPostgres]:
    """A separate server, not started, which the test may stop."""
    with temporary_directory() as directory:
        server = EmbeddedPostgres(directory / "postgres", durable=False)
        try:
            yield server
        finally:
            server.stop()


async def test_a_restart_is_survived(server: EmbeddedPostgres, mock_clock: MockClock) -> None:
    conninfo = await trio.to_thread.run_sync(server.start)
    async with open_pool(conninfo, max_size=3, acquire_timeout_s=20) as pool:

        async def in_flight() -> None:
            async with pool.connection() as connection:
                with pytest.raises(psycopg.OperationalError):
                    await connection.execute("SELECT pg_sleep(60)")

        async def ask() -> tuple[int] | None:
            async with pool.connection() as connection:
                answer: tuple[int] | None = await (await connection.execute("SELECT 1")).fetchone()
                return answer

        async def asks_meanwhile() -> None:
            assert await ask() == (1,)

        async with trio.open_nursery() as nursery:
            async with pool.connection(), pool.connection():
                pass
            nursery.start_soon(in_flight)
            await wait_all_tasks_blocked(0.01)
            await trio.to_thread.run_sync(server.stop)

        # While it is down, idle connections are known to be closed, and new ones cannot be opened.
        async def ask_in_vain() -> None:
            with pytest.raises(PoolTimeout, match="no connection within 3 s: 0 of 3 in use, and connecting fails"):
                async with pool.connection(timeout_s=3):
                    pytest.fail("there is no server")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_in_vain)
            while nursery.child_tasks:
                await wait_all_tasks_blocked(0.01)
                mock_clock.jump(LAST_RETRY_S)

        # Waiting tasks are served as soon as the server is up again.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(asks_meanwhile)
            await wait_all_tasks_blocked(0.01)
            await trio.to_thread.run_sync(server.start)
            while nursery.child_tasks:
                await wait_all_tasks_blocked(0.01)
                mock_clock.jump(LAST_RETRY_S)
        assert await ask() == (1,)
        assert pool.stats().waiting == 0
        assert pool.stats().size == pool.stats().idle
