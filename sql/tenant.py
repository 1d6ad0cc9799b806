"""Access to the rows of one user, so that nobody can forget to say whose they are.

Row-level security shows the server's role the rows of the user that `app.user_id` names, and none without. `scoped` is
a transaction with that setting, on a connection in pipeline mode: `BEGIN`, the setting and the block's statements
travel together, and so does `COMMIT` unless the block fetches before it ends. The setting ends with the transaction,
so nothing of it is left on a pooled connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, LiteralString
from uuid import UUID

from pgvector.psycopg import register_vector_async
from psycopg.sql import SQL, Composed, Identifier, Literal

from sql.driver import Connection, read_storable
from sql.pool import Pool

SERVER_ROLE: Final = "tessera_server"
WORKER_ROLE: Final = "tessera_worker"
_BEGIN: Final = "BEGIN"
_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class UnsafeRole(Exception):
    """The database would not hold the server to its policies."""


async def configure_server(connection: Connection) -> None:
    """Make a new connection work as the server's role, speak vectors and read any time; a pool's `configure`.

    Raises `UnsafeRole`, and psycopg's errors.
    """
    await register_vector_async(connection)
    read_storable(connection)
    await connection.execute(SQL("SET ROLE {}").format(Identifier(SERVER_ROLE)), prepare=False)
    cursor = await connection.execute(
        "SELECT rolsuper OR rolbypassrls, EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid)"
        " FROM pg_roles WHERE rolname = current_user"
    )
    row = await cursor.fetchone()
    if row != (False, False):
        raise UnsafeRole(
            f"the role {SERVER_ROLE} must not be a superuser, bypass row-level security, or own anything:"
            " that would show it every user's rows"
        )


@asynccontextmanager
async def scoped(pool: Pool, user_id: UUID, *, snapshot: bool = False) -> AsyncIterator[Connection]:
    """A transaction that sees the rows of `user_id` alone; committed when the block ends normally, else rolled back.

    `snapshot`: all its statements see the database as it was at the first one, and none may change anything. Otherwise
    each sees what was committed when it began, so that two of them may see different states.

    The connection is in pipeline mode: `execute` queues, fetching from a cursor waits, and cursors can be read after
    the block too. A statement's error is raised by the first fetch after it or at the block's end. A block cancelled
    at its end may have been committed or not: write what can be written twice.
    """
    setting = SQL("SET LOCAL app.user_id = {}").format(Literal(str(user_id)))
    async with _transaction(pool, setting, _SNAPSHOT if snapshot else _BEGIN) as connection:
        yield connection


@asynccontextmanager
async def scoped_to_email(pool: Pool, email: str) -> AsyncIterator[Connection]:
    """Like `scoped`, but sees the one account with this e-mail, to read it: for logging in."""
    async with _transaction(pool, SQL("SET LOCAL app.email = {}").format(Literal(email))) as connection:
        yield connection


@asynccontextmanager
async def listing(pool: Pool) -> AsyncIterator[Connection]:
    """Like `scoped`, but may list the ids of users and of those whose work is pending, and read nothing else."""
    async with _transaction(pool, SQL("SET LOCAL ROLE {}").format(Identifier(WORKER_ROLE))) as connection:
        yield connection


@asynccontextmanager
async def _transaction(pool: Pool, setting: Composed, begin: LiteralString = _BEGIN) -> AsyncIterator[Connection]:
    async with pool.connection() as connection, connection.pipeline():
        await connection.execute(begin)
        await connection.execute(setting, prepare=False)
        yield connection
        # An error or a cancellation does not get here: the pool rolls back what it finds open.
        await connection.execute("COMMIT")
