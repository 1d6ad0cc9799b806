"""The scope of a user on a pooled connection: it needs no extra round trip, and nothing of it stays."""

from __future__ import annotations

import itertools
import tempfile
from uuid import uuid4

import psycopg
import pytest

from sql.pool import Pool
from sql.tenant import SERVER_ROLE, listing, scoped
from tests.memory.memories import STATEMENTS, Memories
from tests.sql.tenant_rows import rows

# ---- round trips ----------------------------------------------------------------------------------------------------


def turns(trace: str) -> int:
    """The number of round trips: how often the server answered the client, in libpq's trace."""
    senders = [line.split("\t")[1] for line in trace.splitlines() if line.count("\t") > 1]
    return sum(1 for before, after in itertools.pairwise(senders) if (before, after) == ("F", "B"))


async def test_the_setting_travels_with_the_statements(pool: Pool) -> None:
    ann = uuid4()
    async with pool.connection() as connection:
        backend = connection.info.backend_pid
    with tempfile.TemporaryFile("w+") as plain, tempfile.TemporaryFile("w+") as scope:
        async with pool.connection() as connection:
            connection.pgconn.trace(plain.fileno())
            await (await connection.execute(STATEMENTS["core_all"], {"user_id": ann})).fetchall()
            connection.pgconn.untrace()
        async with scoped(pool, ann) as connection:
            connection.pgconn.trace(scope.fileno())
            cursors = [await connection.execute(STATEMENTS["core_all"], {"user_id": ann}) for _ in range(4)]
        connection.pgconn.untrace()
        assert connection.info.backend_pid == backend
        assert [await cursor.fetchall() for cursor in cursors] == [[]] * 4
        plain.seek(0)
        scope.seek(0)
        said = scope.read()
        assert turns(plain.read()) == 1
    # BEGIN, SET LOCAL ROLE, SET LOCAL, four statements and COMMIT.
    assert said.count("CommandComplete") == 8
    assert turns(said) == 1
    assert said.count("Sync") == 1


async def test_nothing_of_a_scope_is_left_on_the_connection(pool: Pool) -> None:
    async with scoped(pool, uuid4()) as connection:
        await connection.execute("SELECT 1")
    with pytest.raises(RuntimeError, match="broken"):
        async with scoped(pool, uuid4()) as connection:
            raise RuntimeError("broken")
    async with listing(pool) as connection:
        await connection.execute("SELECT 1")
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT current_setting('app.user_id', true), current_setting('app.email', true), current_user"
        )
        assert await cursor.fetchone() in [("", None, SERVER_ROLE), ("", "", SERVER_ROLE)]


async def test_a_failing_statement_undoes_the_scope(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()

    async def replace_and_fail() -> None:
        async with scoped(pool, ann) as connection:
            await connection.execute(STATEMENTS["user_key_replace"], {"user_id": ann, "encryption_key": b"x"})
            await connection.execute("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        await replace_and_fail()
    assert rows(database, "SELECT encryption_key = 'x' FROM users") == [(False,)]
