"""Migrations: up, down and up again, by one or several concurrent runners, and every mistake in the files."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
import trio

from sql.driver.connection import TrioConnection
from sql.migrate import (
    LOCK_KEY,
    NO_TRANSACTION,
    Migration,
    MigrationError,
    migrate,
    pending,
    read_migrations,
    rollback,
    statements_of,
    status,
)

ONE = Migration("0001_one", b"CREATE TABLE one (i int); INSERT INTO one VALUES (1);", b"DROP TABLE one")
TWO = Migration("0002_two", b"CREATE TABLE two (i int)", b"DROP TABLE two")


async def tables(conninfo: str) -> dict[str, list[tuple[str, str]]]:
    """The public tables' columns and their types."""
    query = (
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
    )
    found: dict[str, list[tuple[str, str]]] = {}
    async with await TrioConnection.connect(conninfo) as connection:
        async for table, column, kind in await connection.execute(query):
            found.setdefault(table, []).append((column, kind))
    return found


async def test_up_down_up(empty_database: str) -> None:
    names = [migration.name for migration in read_migrations()]
    assert await migrate(empty_database) == names
    first = await tables(empty_database)
    assert first["users"] == [
        ("user_id", "uuid"),
        ("email", "text"),
        ("password_hash", "text"),
        ("encryption_key", "bytea"),
        ("created_at", "timestamp with time zone"),
        ("memory_erased_at", "timestamp with time zone"),
        ("forgetting_key_encrypted", "bytea"),
        ("rekey_due_at", "timestamp with time zone"),
        ("habits_counted", "boolean"),
        ("issuer", "text"),
        ("subject", "text"),
        ("tokens_after", "timestamp with time zone"),
        ("closing_until", "timestamp with time zone"),
        ("memory_index", "text"),
        ("memory_index_beside", "text"),
    ]
    assert "devices" in first
    assert await migrate(empty_database) == []

    assert await rollback(empty_database, steps=len(names)) == names[::-1]
    assert list(await tables(empty_database)) == ["schema_migrations"]
    assert await rollback(empty_database) == []

    assert await migrate(empty_database) == names
    assert await tables(empty_database) == first


async def test_the_sealed_index_is_not_undone_while_a_user_has_it(empty_database: str) -> None:
    await migrate(empty_database)
    async with await TrioConnection.connect(empty_database, autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO users (user_id, email, password_hash, memory_index)"
            " VALUES (gen_random_uuid(), 'ann@example.com', 'x', 'sealed')"
        )
        with pytest.raises(MigrationError, match="TESSERA_MEMORY_INDEX=pgvector"):
            await rollback(empty_database, steps=_since("0022_memory_segments"))
        await connection.execute("UPDATE users SET memory_index = 'pgvector'")
    assert "0022_memory_segments" in await rollback(empty_database, steps=_since("0022_memory_segments"))


def _since(name: str) -> int:
    """How many migrations there are from this one on."""
    names = [migration.name for migration in read_migrations()]
    return len(names) - names.index(name)


async def test_every_primary_key_starts_with_the_user(database: str) -> None:
    query = (
        "SELECT conrelid::regclass::text, attname FROM pg_constraint JOIN pg_attribute"
        " ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'p' AND connamespace = 'public'::regnamespace"
    )
    async with await TrioConnection.connect(database) as connection:
        first_columns: dict[str, str] = dict(await (await connection.execute(query)).fetchall())
    assert first_columns.pop("schema_migrations") == "name"
    assert first_columns.pop("accounts") == "address"
    # Rows of servers and invites belong to no user.
    assert first_columns.pop("relay_workers") == "worker_id"
    assert first_columns.pop("invites") == "digest"
    assert set(first_columns.values()) == {"user_id"}


async def test_runners_at_once_apply_each_migration_once(empty_database: str) -> None:
    applied: list[list[str]] = []

    async def run() -> None:
        applied.append(await migrate(empty_database, [ONE, TWO]))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(run)
    assert sorted(applied) == [[], [], [], [], ["0001_one", "0002_two"]]
    async with await TrioConnection.connect(empty_database) as connection:
        assert await (await connection.execute("SELECT count(*) FROM one")).fetchone() == (1,)


async def test_rollback_undoes_the_last_steps_only(empty_database: str) -> None:
    await migrate(empty_database, [ONE, TWO])
    assert await rollback(empty_database, migrations=[ONE, TWO]) == ["0002_two"]
    one, two = await status(empty_database, [ONE, TWO])
    assert one.applied_at is not None
    assert two.applied_at is None
    assert await migrate(empty_database, [ONE, TWO]) == ["0002_two"]


async def test_what_is_pending_is_told_without_the_lock(empty_database: str) -> None:
    await migrate(empty_database, [ONE])
    async with await TrioConnection.connect(empty_database, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        assert await pending(connection, [ONE, TWO]) == ["0002_two"]
        assert await pending(connection, [ONE]) == []


async def test_a_runner_that_takes_too_long_is_not_waited_for(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sql.migrate.LOCK_TIMEOUT_S", 0.01)
    async with await TrioConnection.connect(empty_database, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        with pytest.raises(MigrationError, match="another migration has been running"):
            await migrate(empty_database, [ONE])
    # A closed connection's lock is released when the server notices, which may take longer than 0.01 s.
    monkeypatch.undo()
    assert await migrate(empty_database, [ONE]) == ["0001_one"]


async def test_a_failing_migration_leaves_no_trace_and_keeps_those_before_it(empty_database: str) -> None:
    broken = Migration("0002_two", b"CREATE TABLE two (i int); SELECT 1/0;", b"DROP TABLE two")
    with pytest.raises(MigrationError, match="0002_two failed and was undone: division by zero"):
        await migrate(empty_database, [ONE, broken])
    assert set(await tables(empty_database)) == {"one", "schema_migrations"}
    assert await migrate(empty_database, [ONE, TWO]) == ["0002_two"]


async def test_a_cancelled_migration_leaves_no_trace_and_no_lock(empty_database: str) -> None:
    slow = Migration("0001_one", b"CREATE TABLE one (i int); SELECT pg_sleep(60);", b"DROP TABLE one")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(migrate, empty_database, [slow])
        async with await TrioConnection.connect(empty_database, autocommit=True) as observer:
            asleep = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(60)%%' AND pid <> %s"
            while await (await observer.execute(asleep, [observer.info.backend_pid])).fetchone() == (0,):
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert await migrate(empty_database, [ONE]) == ["0001_one"]


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ([Migration("0001_one", b"CREATE TABLE one (i bigint)", b"DROP TABLE one"), TWO], "0001_one was changed after"),
        ([ONE], "does not know: 0002_two"),
        ([ONE, Migration("0002_other", b"SELECT 1", b"SELECT 1")], "the database has 0002_two where .* has 0002_other"),
    ],
)
async def test_files_that_disagree_with_the_database(
    empty_database: str, files: list[Migration], complaint: str
) -> None:
    await migrate(empty_database, [ONE, TWO])
    for operation in (
        migrate(empty_database, files),
        rollback(empty_database, 1, files),
        status(empty_database, files),
    ):
        with pytest.raises(MigrationError, match=complaint):
            await operation
    assert set(await tables(empty_database)) == {"one", "two", "schema_migrations"}


async def test_an_unreachable_database_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(psycopg.OperationalError, match="connection"):
        await migrate(f"host={tmp_path}")


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"0001_a.up.sql": "SELECT 1"}, "0001_a has no down file"),
        ({"0001_a.down.sql": "SELECT 1"}, "0001_a has no up file"),
        ({"0001_a.up.sql": " \n", "0001_a.down.sql": "SELECT 1"}, "0001_a has no up file, or an empty one"),
        ({"0001_a.sql": "SELECT 1"}, "named neither"),
        ({"0002_a.up.sql": "SELECT 1", "0002_a.down.sql": "SELECT 1"}, "0002_a should be number 0001"),
        (
            {f"0001_{name}.{way}.sql": "SELECT 1" for name in "ab" for way in ("up", "down")},
            "0001_b should be number 0002",
        ),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(MigrationError, match=complaint):
        read_migrations(tmp_path)


async def test_a_script_without_a_transaction_is_repeated_after_a_failure(empty_database: str) -> None:
    script = (
        b"-- no transaction\nDROP INDEX CONCURRENTLY IF EXISTS one_index;\n"
        b"CREATE UNIQUE INDEX CONCURRENTLY one_index ON one (id);\n"
    )
    index = Migration("0002_index", script.strip(), b"DROP INDEX one_index")
    await migrate(empty_database, [ONE])
    async with await TrioConnection.connect(empty_database, autocommit=True) as connection:
        await connection.execute("ALTER TABLE one ADD COLUMN id int")
        await connection.execute("INSERT INTO one (id) VALUES (7), (7)")
        with pytest.raises(MigrationError, match="0002_index failed, and the next run repeats it from its start"):
            await migrate(empty_database, [ONE, index])
        await connection.execute("DELETE FROM one")
        assert await migrate(empty_database, [ONE, index]) == ["0002_index"]
        valid = await connection.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_index'::regclass")
        assert await valid.fetchall() == [(True,)]


@pytest.mark.parametrize("first_line", [b"", b"-- no transaction\n"], ids=["transaction", "no transaction"])
async def test_a_migration_waits_shortly_for_a_lock_and_tries_again(
    empty_database: str, first_line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sql.migrate.TABLE_LOCK_TIMEOUT_S", 0.05)
    monkeypatch.setattr("sql.migrate.TABLE_LOCK_ATTEMPTS", 2)
    await migrate(empty_database, [ONE])
    alter = Migration(
        "0002_alter", first_line + b"ALTER TABLE one ADD COLUMN more int;", b"ALTER TABLE one DROP COLUMN more"
    )
    async with await TrioConnection.connect(empty_database, autocommit=True) as holder:
        await holder.execute("BEGIN")
        await holder.execute("LOCK TABLE one IN ACCESS SHARE MODE")
        with pytest.raises(MigrationError, match="0002_alter got no lock on a table in 2 attempts"):
            await migrate(empty_database, [ONE, alter])
        monkeypatch.setattr("sql.migrate.TABLE_LOCK_ATTEMPTS", 100)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(migrate, empty_database, [ONE, alter])
            await trio.sleep(0.2)
            await holder.execute("COMMIT")
        assert await pending(holder, [ONE, alter]) == []


def test_scripts_without_a_transaction_can_be_repeated() -> None:
    for migration in read_migrations():
        for script in (migration.up, migration.down):
            if script.startswith(NO_TRANSACTION):
                for statement in statements_of(script):
                    assert re.match(
                        rb"DROP INDEX CONCURRENTLY IF EXISTS |CREATE (UNIQUE )?INDEX CONCURRENTLY "
                        rb"|ALTER TABLE \w+ (SET|RESET) \(|ALTER TABLE \w+ DROP CONSTRAINT IF EXISTS ",
                        statement,
                    ), statement
