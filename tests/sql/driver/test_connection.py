"""Opening a connection, and its use by several tasks."""

from __future__ import annotations

import socket
from pathlib import Path

import psycopg
import pytest
import trio
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from trio.testing import MockClock, wait_all_tasks_blocked

from sql.driver.connection import Connection, TrioConnection
from tests.sql.marks import insert, marks, until_waiting


async def test_every_host_is_tried_and_every_failure_statements(empty_database: str, tmp_path: Path) -> None:
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
    adapters = psycopg.adapt.AdaptersMap(psycopg.adapters)
    adapters.register_loader("int4", psycopg.types.string.TextLoader)
    async with await TrioConnection.connect(
        empty_database,
        row_factory=dict_row,
        cursor_factory=psycopg.AsyncRawCursor,
        prepare_threshold=None,
        context=adapters,
    ) as connection:
        assert await (await connection.execute("SELECT $1::int AS one", [1])).fetchone() == {"one": "1"}
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
    await connection.cancel_safe()
    assert not connection.broken
