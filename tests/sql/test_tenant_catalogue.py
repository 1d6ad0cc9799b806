"""The catalogue of the database: row-level security, keys, and a server's role that owns nothing."""

from __future__ import annotations

import re
from typing import get_args

import psycopg
import pytest

from sql.driver.connection import TrioConnection
from sql.pool import Pool
from sql.statements import StatementName
from sql.tenant import SERVER_ROLE, UnsafeRole, configure_server
from tests.memory.memories import STATEMENTS
from tests.sql.tenant_rows import OF_ALL_USERS, rows

# ---- the catalogue --------------------------------------------------------------------------------------------------


async def test_every_table_has_row_level_security_forced(database: str) -> None:
    tables = rows(
        database,
        "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')",
    )
    assert len(tables) >= 8
    assert [name for name, forced in tables if not forced] == []


async def test_every_policy_is_about_the_user_but_a_few(database: str) -> None:
    policies = rows(database, "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies")
    own = "(user_id = app_user_id())"
    others = {(table, name, roles, cmd) for table, name, roles, cmd, *checks in policies if checks != [own, own]}
    assert others == {
        ("users", "named_by_email", "{tessera_server}", "SELECT"),
        ("users", "ids_only", "{tessera_worker}", "SELECT"),
        ("accounts", "named_by_email", "{tessera_server}", "SELECT"),
        ("memory_pending", "ids_only", "{tessera_worker}", "SELECT"),
        ("memory_unembedded", "ids_only", "{tessera_worker}", "SELECT"),
        ("schema_migrations", "everybody", "{public}", "ALL"),
        ("relay_workers", "everybody", "{public}", "ALL"),
        ("relay_messages", "ids_only", "{tessera_worker}", "SELECT"),
        ("relay_messages", "expired", "{tessera_worker}", "DELETE"),
        ("relay_devices", "ids_only", "{tessera_worker}", "SELECT"),
        ("relay_devices", "abandoned", "{tessera_worker}", "DELETE"),
        ("requests", "ids_only", "{tessera_worker}", "SELECT"),
        ("requests", "expired", "{tessera_worker}", "DELETE"),
        ("changes", "ids_only", "{tessera_worker}", "SELECT"),
        ("changes", "expired", "{tessera_worker}", "DELETE"),
        ("logins", "ids_only", "{tessera_worker}", "SELECT"),
        ("logins", "expired", "{tessera_worker}", "DELETE"),
        ("deleted_users", "ids_only", "{tessera_worker}", "SELECT"),
        ("deleted_users", "expired", "{tessera_worker}", "DELETE"),
        ("devices", "ids_only", "{tessera_worker}", "SELECT"),
        ("devices", "expired", "{tessera_worker}", "DELETE"),
        ("memory_forgotten", "ids_only", "{tessera_worker}", "SELECT"),
        ("memory_forgotten", "expired", "{tessera_worker}", "DELETE"),
        ("invites", "everybody", "{tessera_server}", "ALL"),
        ("invites", "times_only", "{tessera_worker}", "SELECT"),
        ("invites", "expired", "{tessera_worker}", "DELETE"),
    }


async def test_every_key_and_reference_includes_the_user(database: str) -> None:
    constraints = rows(
        database,
        "SELECT conrelid::regclass::text, conname, (SELECT array_agg(attname::text) FROM pg_attribute"
        " WHERE attrelid = conrelid AND attnum = ANY (conkey)), contype::text, confdeltype::text"
        " FROM pg_constraint WHERE contype IN ('p', 'u', 'f') AND connamespace = 'public'::regnamespace"
        " AND conrelid NOT IN ('schema_migrations'::regclass, 'relay_workers'::regclass, 'invites'::regclass)",
    )
    assert len(constraints) > 15
    assert [name for _, name, columns, *_ in constraints if "user_id" not in columns] == ["accounts_pkey"]
    assert [name for _, name, _, kind, on_delete in constraints if kind == "f" and on_delete != "c"] == []


async def test_unique_indexes_include_the_user_but_those_of_addresses(database: str) -> None:
    indexes = rows(
        database,
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid"
        " WHERE indisunique AND relnamespace = 'public'::regnamespace"
        " AND relname NOT IN ('schema_migrations', 'relay_workers', 'invites')"
        " AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = indrelid AND attname = 'user_id'"
        "   AND attnum = ANY (indkey[0:indnkeyatts - 1]))",
    )
    # `distribute` drops the one of users, which only servers of an earlier release need.
    assert sorted(indexes) == [("accounts_pkey",), ("users_email_key",)]


def test_every_join_names_the_user() -> None:
    for name in get_args(StatementName):
        text = STATEMENTS[name].decode()
        names = r"memory_\w+|users|devices|logins|used_refresh_tokens|requests|change_logs|changes"
        tables = set(re.findall(rf"\b(?:FROM|JOIN|INTO|UPDATE)\s+({names})\b", text))
        if tables and name not in OF_ALL_USERS:
            assert text.count("user_id") >= len(tables), name


async def test_the_server_works_as_a_role_that_owns_nothing(pool: Pool, database: str) -> None:
    async with pool.connection() as connection:
        role = await (await connection.execute("SELECT current_user")).fetchone()
        assert role == (SERVER_ROLE,)
        for statement in (
            "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
            "DROP TABLE memory_core",
            "TRUNCATE memory_core",
            "INSERT INTO schema_migrations VALUES ('x', 'y')",
            "CREATE TABLE mine (i int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement.encode())
    assert (
        rows(
            database,
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcanlogin FROM pg_roles WHERE rolname LIKE 'tessera_%'",
        )
        == [(False, False, False, False)] * 2
    )


async def test_a_role_that_owns_something_is_refused(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("CREATE TABLE stray (i int)")
        owner.execute("ALTER TABLE stray OWNER TO tessera_server")
    async with await TrioConnection.connect(database, autocommit=True) as connection:
        with pytest.raises(UnsafeRole, match="own anything"):
            await configure_server(connection)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("DROP TABLE stray")
