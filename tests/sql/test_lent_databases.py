"""A test's database has nothing in it of the tests before it."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.database import LentDatabases

INSERT = "INSERT INTO users (user_id, email, password_hash) VALUES (gen_random_uuid(), 'a@example.com', 'x')"


def name(conninfo: str) -> object:
    return conninfo_to_dict(conninfo)["dbname"]


def run(conninfo: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_rows_are_deleted_sequences_restart_and_connections_end(postgres: str) -> None:
    databases = LentDatabases(postgres)
    with databases.lend() as first:
        applied = run(first, "SELECT count(*) FROM schema_migrations")
        assert applied != [(0,)]
        sequences = run(first, "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2")
        for schema, sequence, _ in sequences:
            run(first, f"SELECT nextval('{schema}.{sequence}')")
        run(first, INSERT)
        left_open = psycopg.connect(first)
        left_open.execute("SELECT pg_advisory_lock(1)")
    with databases.lend() as second:
        assert name(second) == name(first)
        assert run(second, "SELECT FROM users") == []
        assert run(second, "SELECT count(*) FROM schema_migrations") == applied
        assert run(second, "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2") == sequences
        assert run(second, "SELECT pg_try_advisory_lock(1)") == [(True,)]
        with pytest.raises(psycopg.OperationalError):
            left_open.execute("SELECT 1")
        left_open.close()
    databases.close()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE other (id integer)",
        "DROP TABLE users CASCADE",
        "ALTER TABLE users ADD COLUMN other integer",
        "CREATE INDEX ON users (password_hash)",
        "GRANT SELECT ON users TO PUBLIC",
        "REVOKE SELECT (user_id, due_at) ON memory_pending FROM tessera_worker",
        "CREATE FUNCTION other() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE users DISABLE TRIGGER ALL; ALTER TABLE users DISABLE ROW LEVEL SECURITY",
        "DELETE FROM schema_migrations",
        "UPDATE schema_migrations SET checksum = ''",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 64', current_database()); END $$",
    ],
)
def test_a_database_with_another_schema_is_not_lent_again(lent_databases: LentDatabases, change: str) -> None:
    with lent_databases.lend() as first:
        run(first, change)
    with lent_databases.lend() as second:
        assert name(second) != name(first)
