"""What a connection pooler between the server and PostgreSQL changes, and how to find that out.

A pooler in transaction mode, such as PgBouncer, runs each transaction on any of its connections to the database. So
nothing may be set for the session, and `LISTEN` does not work. A statement that is prepared by name on one connection
is missing on another, unless the pooler keeps track of names, as PgBouncer does since 1.21.
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from sql.driver import Connection

# Names a row of `pg_prepared_statements` that this statement itself makes.
_OWN_NAME: Final = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%tessera finds its own name%'"


async def behind_pooler(connection: Connection) -> bool:
    """Whether a connection pooler is between this connection and the database.

    A pooler gives its clients its own process numbers, because their queries run in changing processes.
    """
    cursor = await connection.execute("SELECT pg_backend_pid()")
    return await cursor.fetchone() != (connection.info.backend_pid,)


async def keeps_prepared_statements(connection: Connection) -> bool:
    """Whether statements can be prepared by name through the pooler in front of this connection.

    A pooler that keeps track of names gives them its own names in the database. psycopg also needs libpq 17, so that
    it releases a statement by a message that the pooler understands.
    """
    if not psycopg.capabilities.has_send_close_prepared():
        return False
    threshold = connection.prepare_threshold
    # With the threshold None, psycopg ignores `prepare=True`.
    connection.prepare_threshold = 0
    try:
        async with connection.transaction():
            cursor = await connection.execute(_OWN_NAME, prepare=True)
            names = [name for (name,) in await cursor.fetchall()]
            given = {name for name in names if name.startswith("_pg3_")}
            for name in given:
                # Otherwise the next client that gets this connection of the pooler could not use the name.
                await connection.execute(SQL("DEALLOCATE {}").format(Identifier(name)), prepare=False)
    except (psycopg.errors.DuplicatePreparedStatement, psycopg.errors.InvalidSqlStatementName):
        return False
    finally:
        connection.prepare_threshold = threshold
    return bool(names) and not given
