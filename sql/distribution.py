"""Distributes the tables over a Citus cluster, by user.

All rows of a user are on one node: every table with a `user_id` is distributed by it, and co-located with `users`.
`accounts` is distributed by address, and `relay_workers`, with one row per running server, is copied to every node.
Tables that are distributed already are left alone, so this may run after each migration.
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from sql.driver import Connection
from sql.migrate import migration_lock, pending, read_migrations

FIRST: Final = "users"
"""The table that all other tables of users are co-located with."""
BY_ADDRESS: Final = "accounts"
BY_OTHER_KEYS: Final = {BY_ADDRESS: "address", "invites": "digest"}
"""Tables that are not distributed by user, and their distribution columns."""
REFERENCE: Final = ("relay_workers",)
LOCAL: Final = ("schema_migrations",)

_TABLES: Final = """
SELECT c.relname, c.relforcerowsecurity,
    EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped)
FROM pg_class AS c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    AND c.oid NOT IN (SELECT logicalrelid::oid FROM pg_dist_partition) AND c.oid <> 'pg_dist_partition'::regclass
ORDER BY c.relname <> 'users', c.relname
"""
_FOREIGN_KEYS: Final = """
SELECT k.conname, here.relname, there.relname, pg_get_constraintdef(k.oid)
FROM pg_constraint AS k
JOIN pg_class AS here ON here.oid = k.conrelid
JOIN pg_class AS there ON there.oid = k.confrelid
WHERE k.contype = 'f' AND (here.relname = ANY (%(tables)s) OR there.relname = ANY (%(tables)s))
ORDER BY here.relname, k.conname
"""


class DistributionError(Exception):
    """The tables can't be distributed, and nothing was changed."""


async def distribute(conninfo: str) -> list[str]:
    """Distribute the tables that are not distributed yet, in one transaction, and return their names.

    Needs the tables' owner. Raises `DistributionError` without Citus, with migrations that are not applied, and if the
    database refuses a step.
    """
    async with migration_lock(conninfo) as connection:
        cursor = await connection.execute("SELECT to_regclass('pg_dist_partition') IS NOT NULL")
        if await cursor.fetchone() != (True,):
            raise DistributionError(
                "the database has no Citus extension, so there is nothing to distribute: on a cluster, run"
                " deploy/citus.sql first"
            )
        if missing := await pending(connection, read_migrations()):
            raise DistributionError(f"apply the migrations first: {', '.join(missing)}")
        tables = await (await connection.execute(_TABLES)).fetchall()
        forced = {name: force for name, force, _ in tables if name not in LOCAL}
        unknown = [
            name for name, _, of_user in tables if not of_user and name not in (*LOCAL, *REFERENCE, *BY_OTHER_KEYS)
        ]
        if unknown:
            raise DistributionError(f"neither tables of users nor known otherwise: {', '.join(unknown)}")
        if not forced:
            return []
        try:
            async with connection.transaction():
                await _distribute(connection, forced)
        except psycopg.DatabaseError as error:
            raise DistributionError(f"distributing the tables failed and was undone: {error}") from error
    return list(forced)


async def _distribute(connection: Connection, forced: dict[str, bool]) -> None:
    """Distribute these tables. `forced` says whether row-level security is forced on each."""
    tables = list(forced)
    # Foreign keys between distributed tables follow, so their shards must be made one after the other.
    await connection.execute("SET LOCAL citus.multi_shard_modify_mode TO 'sequential'")
    keys = await (await connection.execute(_FOREIGN_KEYS, {"tables": tables})).fetchall()
    for key, table, _, _ in keys:
        await _alter(connection, table, "DROP CONSTRAINT {}", key)
    if FIRST in forced:
        # For servers of an earlier release, which never ran on a cluster. Citus refuses both.
        await connection.execute("DROP TRIGGER IF EXISTS users_account ON users")
        await connection.execute("DROP INDEX IF EXISTS users_email_key")
    for table in tables:
        if forced[table]:
            # Otherwise the rows that the owner copies are subject to policies that show it none.
            await _alter(connection, table, "NO FORCE ROW LEVEL SECURITY")
        await connection.execute(_call(table))
        if forced[table]:
            await _alter(connection, table, "FORCE ROW LEVEL SECURITY")
    for key, table, target, definition in keys:
        # An account is on the node of its address, and its user on another.
        if BY_ADDRESS not in {table, target}:
            await _alter(connection, table, "ADD CONSTRAINT {} " + definition, key)


def _call(table: str) -> psycopg.sql.Composed:
    if table in REFERENCE:
        return SQL("SELECT create_reference_table({})").format(Literal(table))
    key = BY_OTHER_KEYS.get(table, "user_id")
    colocated_with = "none" if table == FIRST or table in BY_OTHER_KEYS else FIRST
    return SQL("SELECT create_distributed_table({}, {}, colocate_with => {})").format(
        Literal(table), Literal(key), Literal(colocated_with)
    )


async def _alter(connection: Connection, table: str, change: str, *names: str) -> None:
    start = SQL("ALTER TABLE {} ").format(Identifier(table)).as_string(connection)
    rest = change.replace("{}", Identifier(names[0]).as_string(connection), 1) if names else change
    await connection.execute((start + rest).encode())
