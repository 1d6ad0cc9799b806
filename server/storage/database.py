"""Opens the server's database: the one in the settings, or an embedded PostgreSQL, migrated and with a pool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from server.settings import PREFIX, Settings, SettingsError
from sql.embedded import MAX_CONNECTIONS, embedded_postgres
from sql.migrate import Migration, migrate, pending, read_migrations
from sql.pool import Pool, connection_places, open_pool
from sql.pooled import Pooled
from sql.pooler import behind_pooler
from sql.tenant import UnsafeRole, configure_server, refuse_superuser, without_user

_EMBEDDED_FOLDER: Final = "postgres"
# Connections for superusers, an operator's console and migrations, in addition to those of the servers.
_SPARE_CONNECTIONS: Final = 10


@dataclass(frozen=True, slots=True)
class Database:
    """An open pool on a migrated database. `description` is for the banner, `listen_url` for `LISTEN`."""

    pool: Pool
    description: str
    migrations: Sequence[Migration]
    listen_url: str = field(repr=False)

    async def fault(self) -> str | None:
        """The check of `/readyz`: None if the database answers and is migrated. Raises what the pool raises."""
        async with without_user(self.pool) as connection:
            missing = await pending(connection, self.migrations)
        return f"migrations are not applied: {', '.join(missing)}; run `python -m server migrate`" if missing else None


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """(connection string, description) of the database. An embedded PostgreSQL runs for the length of the block."""
    if settings.database_url is not None:
        # The description is printed and logged, so it must not contain the password.
        yield settings.database_url.get_secret_value(), "PostgreSQL of TESSERA_DATABASE_URL"
        return
    folder = settings.state_dir / _EMBEDDED_FOLDER
    max_connections = max(MAX_CONNECTIONS, connections_taken(settings) + _SPARE_CONNECTIONS)
    async with embedded_postgres(folder, max_connections=max_connections) as url:
        yield url, f"embedded PostgreSQL in {folder}"


def connections_taken(settings: Settings) -> int:
    """The maximum number of connections of all workers: each has a pool, and one to listen for notifications."""
    return settings.workers * (settings.database_pool_size + 1)


async def check_connections(settings: Settings, pool: Pool) -> None:
    """Raise `SettingsError` if the connections of all workers exceed what the database allows."""
    taken, allowed = connections_taken(settings), await connection_places(pool)
    if taken > allowed:
        mistake = (
            f"{PREFIX}DATABASE_POOL_SIZE: {settings.workers} workers with {settings.database_pool_size} + 1 connections"
            f" each need {taken} connections, and the database allows {allowed}: lower it or {PREFIX}WORKERS, or raise"
            " max_connections of the database"
        )
        raise SettingsError([mistake])


def owner_url(settings: Settings, url: str) -> str:
    """The connection string for migrations: that of the tables' owner if the settings have one, else `url`."""
    return settings.database_owner_url.get_secret_value() if settings.database_owner_url is not None else url


async def prepare_database(settings: Settings, url: str, migrations: Sequence[Migration] | None = None) -> None:
    """Check the settings of the database against the database, then apply the migrations that it lacks.

    Raises `SettingsError`, `MigrationError`, and `DatabaseUnavailable` if the database can't be reached.
    """
    if settings.database_url is not None:
        await _check_route(settings, url)
    await migrate(owner_url(settings, url), migrations)


async def _check_route(settings: Settings, url: str) -> None:
    pooled = await Pooled.open(url, None)
    try:
        await refuse_superuser(pooled.connection)
        listens = settings.relay or settings.workers > 1
        if listens and settings.database_listen_url is None and await behind_pooler(pooled.connection):
            mistake = (
                f"{PREFIX}DATABASE_LISTEN_URL: unset, and {PREFIX}DATABASE_URL leads to a connection pooler, through"
                " which notifications between servers may not arrive: set it to a URL that leads past the pooler, or,"
                " if the pooler uses session mode, to the same URL"
            )
            raise SettingsError([mistake])
    except UnsafeRole as error:
        raise SettingsError([f"{PREFIX}DATABASE_URL: {error}"]) from None
    finally:
        pooled.connection.discard()


@asynccontextmanager
async def open_database(settings: Settings, *, migrating: bool = True) -> AsyncIterator[Database]:
    """Start or reach the database, apply the migrations if `migrating`, and open the pool. Raises what those raise.

    Migrations run as the tables' owner; the pool uses a role that owns nothing (`sql/tenant.py`).
    """
    async with database_url(settings) as (url, description):
        migrations = read_migrations()
        if migrating:
            await prepare_database(settings, url, migrations)
        listen_url = (
            settings.database_listen_url.get_secret_value() if settings.database_listen_url is not None else url
        )
        async with open_pool(
            url,
            max_size=settings.database_pool_size,
            per_owner=settings.database_connections_per_user,
            reserved=settings.database_connections_reserved,
            configure=configure_server,
        ) as pool:
            yield Database(pool, description, migrations, listen_url)
