"""The server's database: the one of the settings, or an embedded PostgreSQL, migrated and with a pool on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from server.settings import PREFIX, Settings, SettingsError
from sql.embedded import MAX_CONNECTIONS, embedded_postgres
from sql.migrate import Migration, migrate, pending, read_migrations
from sql.pool import Pool, connection_places, open_pool
from sql.tenant import configure_server

_EMBEDDED_FOLDER: Final = "postgres"
# Beside the servers': what PostgreSQL keeps for superusers, an operator's console, migrations.
_SPARE_CONNECTIONS: Final = 10


@dataclass(frozen=True, slots=True)
class Database:
    """An open pool on a migrated database, and how the banner names it."""

    pool: Pool
    description: str
    migrations: Sequence[Migration]
    url: str = field(repr=False)

    async def fault(self) -> str | None:
        """None when the database answers and has every migration, for `/readyz`. Raises what the pool raises."""
        async with self.pool.connection() as connection:
            missing = await pending(connection, self.migrations)
        return f"migrations are not applied: {', '.join(missing)}" if missing else None


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """(connection string, description) of the database; an embedded PostgreSQL runs as long as the block does."""
    if settings.database_url is not None:
        # The description must not hold the password: it is printed and logged.
        yield settings.database_url.get_secret_value(), "PostgreSQL of TESSERA_DATABASE_URL"
        return
    folder = settings.state_dir / _EMBEDDED_FOLDER
    places = max(MAX_CONNECTIONS, connections_taken(settings) + _SPARE_CONNECTIONS)
    async with embedded_postgres(folder, max_connections=places) as url:
        yield url, f"embedded PostgreSQL in {folder}"


def connections_taken(settings: Settings) -> int:
    """How many connections all workers have at most: each its pool, and one to listen on."""
    return settings.workers * (settings.database_pool_size + 1)


async def check_connections(settings: Settings, pool: Pool) -> None:
    """Raise `SettingsError` when all workers' connections are more than the database has places for."""
    taken, places = connections_taken(settings), await connection_places(pool)
    if taken > places:
        mistake = (
            f"{PREFIX}DATABASE_POOL_SIZE: {settings.workers} workers with {settings.database_pool_size} connections"
            f" and one more each take {taken}, and the database has {places} for them: lower it or {PREFIX}WORKERS,"
            " or raise the database's max_connections"
        )
        raise SettingsError([mistake])


def owner_url(settings: Settings, url: str) -> str:
    """Where to connect to change the tables: as their owner, when that is somebody else than `url` names."""
    return settings.database_owner_url.get_secret_value() if settings.database_owner_url is not None else url


@asynccontextmanager
async def open_database(settings: Settings, *, migrating: bool = True) -> AsyncIterator[Database]:
    """Start or reach the database, apply the migrations unless told not to, open the pool. Raises what those raise.

    Migrations run as the tables' owner; the pool works as a role that owns nothing (`sql/tenant.py`).
    """
    async with database_url(settings) as (url, description):
        migrations = read_migrations()
        if migrating:
            await migrate(owner_url(settings, url), migrations)
        async with open_pool(url, max_size=settings.database_pool_size, configure=configure_server) as pool:
            yield Database(pool, description, migrations, url)
