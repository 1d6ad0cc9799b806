"""A real PostgreSQL for the tests: one server for each session, and an empty, migrated database for each test."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import trio
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from sql.embedded.postgres import EmbeddedPostgres, create_database
from sql.migrate import migrate

TEMPLATE = "migrated"
LOGIN = "login_of_tests"


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """A directory with a short path, that other accounts may pass through: PostgreSQL does not run as root."""
    directory = Path(tempfile.mkdtemp(prefix="tessera-test-"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def running_server() -> Iterator[str]:
    """A server with nothing in it but a migrated database to copy; gives a superuser's conninfo."""
    with temporary_directory() as directory:
        server = EmbeddedPostgres(directory / "postgres", durable=False)
        conninfo = server.start()
        try:
            trio.run(migrate, create_database(conninfo, TEMPLATE))
            create_login(conninfo)
            yield conninfo
        finally:
            server.stop()


def create_login(server: str) -> None:
    """Create the role with which a server logs in: it may become the server's roles and has no other rights."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SQL("CREATE ROLE {} LOGIN NOINHERIT").format(Identifier(LOGIN)))
        connection.execute(SQL("GRANT tessera_server, tessera_worker TO {}").format(Identifier(LOGIN)))


def login_settings(superuser: str) -> dict[str, str]:
    """The settings of a server on this database. It migrates as the superuser, and works as a role without rights."""
    return {"TESSERA_DATABASE_URL": make_conninfo(superuser, user=LOGIN), "TESSERA_DATABASE_OWNER_URL": superuser}


@contextmanager
def new_database(server: str, *, template: str = TEMPLATE) -> Iterator[str]:
    """A database that exists for the length of the block; gives its conninfo."""
    conninfo = create_database(server, f"test_{uuid.uuid4().hex}", template=template)
    try:
        yield conninfo
    finally:
        drop_database(server, conninfo)


class LentDatabases:
    """Migrated databases of one server. Each is lent to one test at a time and emptied for the next one.

    Creating a database takes ten times longer than emptying one. A database is not lent again if its schema or a row
    of the migrations changed, or after `MAX_LOANS`, which bounds the dead rows in its tables.
    """

    MAX_LOANS = 120

    def __init__(self, server: str) -> None:
        self._server = server
        self._free: list[_Loan] = []

    @contextmanager
    def lend(self) -> Iterator[str]:
        """A migrated database with nothing in it but what the migrations wrote; gives its conninfo."""
        loan = self._free.pop() if self._free else self._create()
        try:
            yield loan.conninfo
        finally:
            loan.count += 1
            if loan.count < self.MAX_LOANS and _emptied(loan):
                self._free.append(loan)
            else:
                self._drop(loan)

    def close(self) -> None:
        """Drop every database that is not lent."""
        while self._free:
            self._drop(self._free.pop())

    def _create(self) -> _Loan:
        conninfo = create_database(self._server, f"test_{uuid.uuid4().hex}", template=TEMPLATE)
        connection = _connect(conninfo)
        tables = _tables(connection)
        filled = [table for table in tables if _has_rows(connection, [table])]
        empty = [table for table in tables if table not in filled]
        return _Loan(conninfo, connection, _schema(connection), _rows(connection, filled), empty)

    def _drop(self, loan: _Loan) -> None:
        loan.connection.close()
        drop_database(self._server, loan.conninfo)


@dataclass
class _Loan:
    """A database, and its state right after it was created: a digest of its schema, and the rows of its tables.

    Its connection stays open. The first statements of a new connection read the catalogs, which takes longer than to
    empty the database.
    """

    conninfo: str
    connection: psycopg.Connection
    schema: tuple[object, ...]
    rows: dict[str, str]
    empty: list[str]
    count: int = 0


def _connect(conninfo: str) -> psycopg.Connection:
    connection = psycopg.connect(conninfo, autocommit=True)
    connection.prepare_threshold = 0
    # Neither triggers nor foreign keys: every row goes.
    connection.execute("SET session_replication_role = replica")
    return connection


def _emptied(loan: _Loan) -> bool:
    """End all other connections and delete all rows that a test wrote. False if the database can't be used again."""
    try:
        return _empty(loan)
    except psycopg.OperationalError:  # the test ended all connections, ours too
        loan.connection.close()
        loan.connection = _connect(loan.conninfo)
        return _empty(loan)


def _empty(loan: _Loan) -> bool:
    connection = loan.connection
    connection.execute(_END_CONNECTIONS)
    # An unchanged schema has the tables that it had.
    if _schema(connection) != loan.schema or _rows(connection, list(loan.rows)) != loan.rows:
        return False
    for table in _has_rows(connection, loan.empty):
        connection.execute(f"DELETE FROM {table}".encode())  # noqa: S608 - quoted by PostgreSQL
    connection.execute(_RESTART_SEQUENCES)
    return True


_END_CONNECTIONS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# `ALTER SEQUENCE RESTART` would change the schema.
_RESTART_SEQUENCES = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
FROM pg_sequences WHERE last_value IS NOT NULL
"""
_CATALOGS = (
    "pg_attrdef", "pg_attribute", "pg_class", "pg_constraint", "pg_default_acl", "pg_extension", "pg_index",
    "pg_namespace", "pg_policy", "pg_proc", "pg_rewrite", "pg_trigger", "pg_type",
)  # fmt: skip
_SETTINGS = """
SELECT datconnlimit, datallowconn, datacl, (SELECT array_agg((setrole, setconfig)::text ORDER BY setrole)
    FROM pg_db_role_setting WHERE setdatabase = pg_database.oid)
FROM pg_database WHERE datname = current_database()
"""
# A changed row has a newer transaction, and a dropped one is no longer counted. Statistics are updated in place.
_SCHEMA = " UNION ALL ".join(
    f"SELECT '{catalog}', count(*), max(xmin::text::bigint)::text FROM {catalog}"  # noqa: S608 - a constant
    for catalog in _CATALOGS
)


def _schema(connection: psycopg.Connection) -> tuple[object, ...]:
    catalogs = connection.execute(_SCHEMA.encode()).fetchall()
    return (*catalogs, *connection.execute(_SETTINGS).fetchall())


def _tables(connection: psycopg.Connection) -> list[str]:
    """Every ordinary table that is not the system's, as quoted names."""
    query = (
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND oid >= 16384"
        " AND relnamespace::regnamespace::text NOT IN ('pg_toast', 'information_schema') ORDER BY 1"
    )
    return [name for (name,) in connection.execute(query).fetchall()]


def _has_rows(connection: psycopg.Connection, tables: list[str]) -> list[str]:
    """The tables that have rows."""
    query = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})"  # noqa: S608 - quoted by PostgreSQL
        for table in tables
    )
    return [name for (name,) in connection.execute(query.encode()).fetchall()] if tables else []


def _rows(connection: psycopg.Connection, tables: list[str]) -> dict[str, str]:
    """All rows of each table, as text."""
    found = {}
    for table in tables:
        query = f"SELECT string_agg(row::text, E'\\n' ORDER BY row::text) FROM {table} AS row"  # noqa: S608
        found[table] = str(connection.execute(query.encode()).fetchall())
    return found


def drop_database(server: str, conninfo: str) -> None:
    """Drop the database of `conninfo`, also if somebody is connected to it."""
    name = conninfo_to_dict(conninfo)["dbname"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(str(name))))
