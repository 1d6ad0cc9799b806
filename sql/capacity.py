"""How many connections a database has for its users."""

from __future__ import annotations

from sql.pool import Pool


async def connection_places(pool: Pool) -> int:
    """`max_connections` without what the server keeps for superusers and for the privileged."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
            # Before PostgreSQL 16 there was no such setting.
            " - coalesce(current_setting('reserved_connections', true)::int, 0)"
        )
        row = await cursor.fetchone()
    return 0 if row is None else int(row[0])
