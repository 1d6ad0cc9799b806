"""Apply migrations from SQL files: a pair of `.up.sql` and `.down.sql` for each migration.

Each migration runs in its own transaction, together with the row of `schema_migrations` that records it. It waits a few
seconds for each lock on a table and is then repeated, because all other statements on the table wait behind it.

A script whose first line is `-- no transaction` has statements that cannot run in a transaction, such as
`CREATE INDEX CONCURRENTLY`. They run one by one and are recorded after the last one, so each must be repeatable. All
others of its statements wait for locks like a migration in a transaction.

An advisory lock makes runners wait for each other, so any number of servers may start at the same time. A transaction
on a separate connection holds it, which also works through a connection pooler in transaction mode.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, LiteralString

import psycopg
import trio

from sql.driver import Connection, TrioConnection

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).with_name("migrations")
LOCK_KEY = 0x7465737365726100  # "tessera", as a bigint: the advisory lock that runners share
LOCK_TIMEOUT_S = 60
LOCK_POLL_S: Final = 0.1
TABLE_LOCK_TIMEOUT_S: Final = 3
TABLE_LOCK_ATTEMPTS: Final = 10
NO_TRANSACTION: Final = b"-- no transaction"
CONCURRENTLY: Final = re.compile(rb"^(CREATE|DROP) (UNIQUE )?INDEX CONCURRENTLY ")
_EXTENSION: Final = re.compile(rb"^CREATE EXTENSION IF NOT EXISTS (\w+);$", re.MULTILINE)


class MigrationError(Exception):
    """The files do not fit the database, or a migration failed. If it ran in a transaction, it has changed nothing."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A pair of files: `name` is what their names share, such as `0001_users`."""

    name: str
    up: bytes
    down: bytes

    @property
    def checksum(self) -> bytes:
        """SHA-256 of `up`: shows when a file was changed after it had been applied."""
        return hashlib.sha256(self.up).digest()


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """One migration, and when it was applied to the database; None: not applied."""

    name: str
    applied_at: dt.datetime | None


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """The migrations of `folder` in their order. Raises `MigrationError` if one is incomplete or empty."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(folder.glob("*.sql")):
        name, _, direction = path.name.removesuffix(".sql").rpartition(".")
        if direction not in {"up", "down"}:
            raise MigrationError(f"{path.name} is named neither .up.sql nor .down.sql")
        found.setdefault(name, {})[direction] = path.read_bytes().strip()
    for number, (name, directions) in enumerate(found.items(), start=1):
        if not name.startswith(f"{number:04}_"):
            raise MigrationError(f"{name} should be number {number:04}")
        if missing := {"up", "down"} - {direction for direction, text in directions.items() if text}:
            raise MigrationError(f"{name} has no {' and no '.join(sorted(missing))} file, or an empty one")
    return [Migration(name, directions["up"], directions["down"]) for name, directions in found.items()]


async def migrate(conninfo: str, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Apply the missing migrations and return their names, in order.

    Raises `MigrationError`, and `psycopg.OperationalError` if the database cannot be reached.
    """
    migrations = read_migrations() if migrations is None else migrations
    names = []
    async with migration_lock(conninfo) as connection:
        applied = await _applied(connection, migrations)
        for migration in migrations[len(applied) :]:
            await _run(
                connection,
                migration.name,
                migration.up,
                "INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)",
                [migration.name, migration.checksum],
            )
            names.append(migration.name)
            logger.info("migration %s applied", migration.name)
    return names


async def rollback(conninfo: str, steps: int = 1, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Undo the last `steps` migrations and return their names, the last applied first. Raises like `migrate`."""
    migrations = read_migrations() if migrations is None else migrations
    names = []
    async with migration_lock(conninfo) as connection:
        applied = await _applied(connection, migrations)
        for migration in list(reversed(migrations[: len(applied)]))[:steps]:
            query = "DELETE FROM schema_migrations WHERE name = %s"
            await _run(connection, migration.name, migration.down, query, [migration.name])
            names.append(migration.name)
            logger.info("migration %s undone", migration.name)
    return names


async def status(conninfo: str, migrations: Sequence[Migration] | None = None) -> list[MigrationStatus]:
    """Every known migration and when it was applied. Changes nothing, except that it creates `schema_migrations`."""
    migrations = read_migrations() if migrations is None else migrations
    async with migration_lock(conninfo) as connection:
        applied = await _applied(connection, migrations)
    times = [*applied, *[None] * (len(migrations) - len(applied))]
    return [MigrationStatus(migration.name, time) for migration, time in zip(migrations, times, strict=True)]


async def pending(connection: Connection, migrations: Sequence[Migration]) -> list[str]:
    """The names of those `migrations` that the database does not have. Takes no lock and changes nothing."""
    cursor = await connection.execute("SELECT name FROM schema_migrations")
    applied = {name for (name,) in await cursor.fetchall()}
    return [migration.name for migration in migrations if migration.name not in applied]


@asynccontextmanager
async def migration_lock(conninfo: str) -> AsyncIterator[Connection]:
    """A connection that holds the lock for migrating this database. The lock ends with the connection."""
    async with (
        await TrioConnection.connect(conninfo, autocommit=True, prepare_threshold=None) as guard,
        await TrioConnection.connect(conninfo, autocommit=True, prepare_threshold=None) as connection,
    ):
        deadline = trio.current_time() + LOCK_TIMEOUT_S
        while True:
            async with guard.transaction():
                # Waiting for the lock in one statement would hold a snapshot, for which a concurrent index waits.
                cursor = await guard.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK_KEY])
                if await cursor.fetchone() == (True,):
                    await guard.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                    await connection.execute(
                        "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, checksum bytea NOT NULL,"
                        " applied_at timestamptz NOT NULL DEFAULT now())"
                    )
                    yield connection
                    return
            if trio.current_time() > deadline:
                raise MigrationError(f"another migration has been running for {LOCK_TIMEOUT_S} s")
            await trio.sleep(LOCK_POLL_S)


async def _applied(connection: Connection, migrations: Sequence[Migration]) -> list[dt.datetime]:
    """When the applied migrations were applied, in order. Checks that they are the first of `migrations`, unchanged."""
    cursor = await connection.execute("SELECT name, checksum, applied_at FROM schema_migrations ORDER BY name")
    rows = await cursor.fetchall()
    if len(rows) > len(migrations):
        raise MigrationError(f"the database has migrations this version does not know: {rows[len(migrations)][0]}")
    for (name, checksum, _), migration in zip(rows, migrations, strict=False):
        if name != migration.name:
            raise MigrationError(f"the database has {name} where this version has {migration.name}")
        if bytes(checksum) != migration.checksum:
            raise MigrationError(f"{name} was changed after it had been applied: add a new migration instead")
    return [applied_at for _, _, applied_at in rows]


async def _run(connection: Connection, name: str, script: bytes, record: LiteralString, values: list[object]) -> None:
    """Run a script and record it."""
    script = await _without_known_extensions(connection, script)
    try:
        if script.startswith(NO_TRANSACTION):
            for statement in statements_of(script):
                if CONCURRENTLY.search(statement):
                    # It takes locks that others do not wait behind, and it waits for running transactions to end.
                    await connection.execute(statement)
                else:
                    await _with_table_locks(connection, name, statement)
            await connection.execute(record, values)
        else:
            await _with_table_locks(connection, name, script, (record, values))
    except psycopg.DatabaseError as error:
        left = (
            ", and the next run repeats it from its start" if script.startswith(NO_TRANSACTION) else " and was undone"
        )
        raise MigrationError(f"{name} failed{left}: {error}") from error


async def _with_table_locks(
    connection: Connection, name: str, script: bytes, record: tuple[LiteralString, list[object]] | None = None
) -> None:
    """Run a script, and `record` after it, in a transaction that is repeated if it waits too long for a lock."""
    for attempt in range(1, TABLE_LOCK_ATTEMPTS + 1):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{TABLE_LOCK_TIMEOUT_S}s'".encode())
                # Without parameters psycopg accepts several statements in one script.
                await connection.execute(script)
                if record is not None:
                    await connection.execute(*record)
        except psycopg.errors.LockNotAvailable as error:
            if attempt == TABLE_LOCK_ATTEMPTS:
                message = f"{name} got no lock on a table in {attempt} attempts of {TABLE_LOCK_TIMEOUT_S} s: {error}"
                raise MigrationError(message) from error
            logger.warning("migration %s waited %d s for a lock and is repeated", name, TABLE_LOCK_TIMEOUT_S)
            # The statements that waited behind this one run first.
            await trio.sleep(attempt * LOCK_POLL_S)
        else:
            return


def statements_of(script: bytes) -> list[bytes]:
    """The statements of a script that runs without a transaction. Each ends with a semicolon at the end of a line."""
    lines = b"\n".join(line for line in script.splitlines() if not line.startswith(b"--"))
    return [statement.strip() for statement in re.split(rb";[ \t]*(?:\n|\Z)", lines) if statement.strip()]


async def _without_known_extensions(connection: Connection, script: bytes) -> bytes:
    """`script` without the creation of extensions that the database has.

    Citus forwards the statement to all nodes, where only the owner of the extension may run it.
    """
    if _EXTENSION.search(script) is None:
        return script
    cursor = await connection.execute("SELECT extname FROM pg_extension")
    present = {name.encode() for (name,) in await cursor.fetchall()}
    return _EXTENSION.sub(lambda match: b"" if match[1] in present else match[0], script)
