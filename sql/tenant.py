"""Access to the rows of one user: a transaction that sees no other rows.

Row-level security shows the server's role only the rows of the user in the setting `app.user_id`; without it, none.
`scoped` is a transaction with that setting, on a connection in pipeline mode: `BEGIN`, the settings and the block's
statements are sent together, and so is `COMMIT` unless the block fetches before it ends. The settings end with the
transaction, so they never stay on a pooled connection.

The role is a setting of each transaction too. Behind a connection pooler in transaction mode, consecutive transactions
run on different connections of the database, so a role that was set for the session would be missing in one and would
stay for another client.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Final
from uuid import UUID

from pgvector.psycopg import register_vector_async
from psycopg.sql import SQL, Identifier, Literal

from sql.driver import Connection, read_storable
from sql.pool import Pool
from sql.pooler import behind_pooler, keeps_prepared_statements
from sql.statements import Statements

SERVER_ROLE: Final = "tessera_server"
WORKER_ROLE: Final = "tessera_worker"
_AS_SERVER: Final = b"SET LOCAL ROLE tessera_server"
_AS_WORKER: Final = b"SET LOCAL ROLE tessera_worker"
_BEGIN: Final = b"BEGIN"
_READ_ONLY: Final = b"BEGIN READ ONLY"
_SNAPSHOT: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class UnsafeRole(Exception):
    """The database would not apply its row-level security to the server's role."""


async def configure_server(connection: Connection) -> None:
    """Set up a new connection: vectors, times of any range, and the server's role. Pass it to a pool as `configure`.

    Behind a connection pooler, the role is set by each transaction only, and statements are prepared only if the pooler
    supports that. Raises `UnsafeRole` and psycopg's errors.
    """
    threshold, connection.prepare_threshold = connection.prepare_threshold, None
    await register_vector_async(connection)
    read_storable(connection)
    cursor = await connection.execute(
        "SELECT rolsuper OR rolbypassrls, EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid)"
        " FROM pg_roles WHERE rolname = %s",
        [SERVER_ROLE],
    )
    row = await cursor.fetchone()
    if row != (False, False):
        raise UnsafeRole(
            f"the role {SERVER_ROLE} must not be a superuser, bypass row-level security, or own anything:"
            " that would show it every user's rows"
        )
    if not await behind_pooler(connection):
        # Statements outside a transaction have the rights of this role too.
        await connection.execute(SQL("SET ROLE {}").format(Identifier(SERVER_ROLE)))
        connection.prepare_threshold = threshold
    elif await keeps_prepared_statements(connection):
        connection.prepare_threshold = threshold


async def refuse_superuser(connection: Connection) -> None:
    """Raise `UnsafeRole` if the login of this connection is a superuser or bypasses row-level security."""
    cursor = await connection.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = session_user AND (rolsuper OR rolbypassrls)"
    )
    row = await cursor.fetchone()
    if row is not None:
        raise UnsafeRole(
            f"it logs in as {row[0]}, which is a superuser or bypasses row-level security, so a fault of the server"
            f" could show one user's rows to another: use a role that is only a member of {SERVER_ROLE} and"
            f" {WORKER_ROLE}"
        )


def scoped(pool: Pool, user_id: UUID, *, snapshot: bool = False) -> AbstractAsyncContextManager[Connection]:
    """A transaction that sees only the rows of `user_id`; committed if the block ends normally, else rolled back.

    `snapshot`: all statements see the database at the time of the first one, and none may change it. Otherwise each
    statement sees what was committed when it began, so two statements may see different states.

    The connection is in pipeline mode: `execute` queues, fetching from a cursor waits, and cursors can be read after
    the block too. A statement's error is raised by the next fetch or at the end of the block. A block that is cancelled
    at its end may be committed or not, so its writes must be idempotent.
    """
    begin = _SNAPSHOT if snapshot else _BEGIN
    return _Transaction(pool, user_id, begin, _AS_SERVER, _setting(user_id))


@asynccontextmanager
async def scoped_in_turn(pool: Pool) -> AsyncIterator[Callable[[UUID], Awaitable[Connection]]]:
    """A transaction that reads for several users. `await turn(user_id)` gives the connection for one user's statements.

    From then on until the next turn it sees only the rows of that user. It is like that of `scoped`, and read-only, so
    no user waits for the locks of another.
    """
    async with _Transaction(pool, None, _READ_ONLY, _AS_SERVER) as connection:
        shown: UUID | None = None

        async def turn(user_id: UUID) -> Connection:
            nonlocal shown
            if user_id != shown:
                connection.queue(_setting(user_id))
                shown = user_id
            return connection

        yield turn


def scoped_to_email(pool: Pool, email: str) -> AbstractAsyncContextManager[Connection]:
    """Like `scoped`, but sees only the account with this e-mail address, and may only read it: for logging in."""
    setting = SQL("SET LOCAL app.email = {}").format(Literal(email)).as_bytes()
    return _Transaction(pool, None, _BEGIN, _AS_SERVER, setting)


def listing(pool: Pool) -> AbstractAsyncContextManager[Connection]:
    """Like `scoped`, but may only list ids: of users, and of queued work. For the worker role."""
    return _Transaction(pool, None, _BEGIN, _AS_WORKER)


def without_user(pool: Pool) -> AbstractAsyncContextManager[Connection]:
    """Like `scoped`, but sees no user's rows: for tables without rows of users."""
    return _Transaction(pool, None, _BEGIN, _AS_SERVER)


async def database_time(connection: Connection, statements: Statements) -> datetime:
    """The time at which the transaction began, by the clock of the database."""
    row = await (await connection.execute(statements["database_time"])).fetchone()
    if row is None:
        raise LookupError("SELECT gave no row")
    now: datetime = row[0]
    return now


def _setting(user_id: UUID) -> bytes:
    # 32 hexadecimal digits, whatever the class of `user_id`. psycopg's `Literal` takes as long as the user's statement.
    return b"SET LOCAL app.user_id = '%032x'" % user_id.int


class _Transaction:
    """A transaction on a lent connection in pipeline mode, which begins with `commands`.

    A class, because a generator costs about as much as a statement. After an error or a cancellation of the block
    `COMMIT` is not sent, and the pool rolls the transaction back.
    """

    __slots__ = ("_commands", "_connection", "_loan", "_pipeline")

    def __init__(self, pool: Pool, owner: UUID | None, *commands: bytes) -> None:
        self._loan = pool.connection(owner=owner)
        self._commands = commands

    async def __aenter__(self) -> Connection:
        connection = self._connection = await self._loan.__aenter__()
        try:
            self._pipeline = connection.pipeline()
            await self._pipeline.__aenter__()
            try:
                for command in self._commands:
                    connection.queue(command)
            except BaseException as error:
                await self._pipeline.__aexit__(type(error), error, error.__traceback__)
                raise
        except BaseException:
            await self._loan.__aexit__()
            raise
        return connection

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        try:
            try:
                if exc_val is None:
                    self._connection.queue(b"COMMIT")
            finally:
                await self._pipeline.__aexit__(exc_type, exc_val, exc_tb)
        finally:
            await self._loan.__aexit__()
