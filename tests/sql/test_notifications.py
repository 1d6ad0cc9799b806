"""LISTEN and NOTIFY."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import psycopg
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sql.driver.connection import Connection
from tests.sql.marks import marks


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
