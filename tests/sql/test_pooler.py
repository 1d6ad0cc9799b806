"""Through a real PgBouncer in transaction mode: roles, prepared statements, migrations, and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import trio
from psycopg.conninfo import make_conninfo

from memory.recall.search import NO_FLOOR, SearchQuery, search
from sql.driver.connection import Connection, TrioConnection
from sql.migrate import migrate, migration_lock, read_migrations, rollback
from sql.pool import open_pool
from sql.pooler import behind_pooler, keeps_prepared_statements
from sql.statements import Statements
from sql.tenant import SERVER_ROLE, WORKER_ROLE, configure_server, listing, scoped, without_user
from tests.database import LOGIN, temporary_directory
from tests.memory.memories import Memories, WordEmbedder
from tests.sql.pgbouncer import needs_pgbouncer, pgbouncer
from tests.sql.tenant_rows import rows

pytestmark = needs_pgbouncer


@pytest.fixture
def pooled(database: str) -> Iterator[str]:
    """The database through PgBouncer, which has two connections to it per role."""
    with temporary_directory() as folder, pgbouncer(make_conninfo(database, user=LOGIN), folder) as conninfo:
        yield conninfo


async def test_a_pooler_is_noticed(pooled: str, database: str) -> None:
    async with await TrioConnection.connect(pooled, autocommit=True) as through:
        assert await behind_pooler(through)
    async with await TrioConnection.connect(database, autocommit=True) as direct:
        assert not await behind_pooler(direct)


async def test_statements_are_not_prepared_through_an_old_pooler(pooled: str, database: str) -> None:
    async with await TrioConnection.connect(pooled, autocommit=True) as through:
        for _ in range(3):
            assert not await keeps_prepared_statements(through)
    async with open_pool(pooled, configure=configure_server) as pool, pool.connection() as connection:
        assert connection.prepare_threshold is None
    async with open_pool(database, configure=configure_server) as pool, pool.connection() as connection:
        assert connection.prepare_threshold is not None


async def role_of(connection: Connection) -> tuple[str, ...]:
    return await (await connection.execute("SELECT current_user, session_user")).fetchone() or ()


async def test_the_role_travels_with_each_transaction(pooled: str) -> None:
    async with open_pool(pooled, max_size=6, configure=configure_server) as pool:
        ann = uuid4()

        async def look() -> None:
            for _ in range(5):
                async with scoped(pool, ann) as connection:
                    assert await role_of(connection) == (SERVER_ROLE, LOGIN)
                async with listing(pool) as connection:
                    assert await role_of(connection) == (WORKER_ROLE, LOGIN)
                async with without_user(pool) as connection:
                    assert await role_of(connection) == (SERVER_ROLE, LOGIN)

        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(look)
    # Nothing stays on the pooler's connections: another client has its own role.
    async with await TrioConnection.connect(pooled, autocommit=True) as other:
        for _ in range(4):
            assert await role_of(other) == (LOGIN, LOGIN)
            setting = await other.execute("SELECT coalesce(current_setting('app.user_id', true), '')")
            assert await setting.fetchone() == ("",)


async def test_memory_is_stored_and_recalled(pooled: str, database: str) -> None:
    async with open_pool(pooled, max_size=6, configure=configure_server) as pool:
        memories = Memories(pool, embedder=WordEmbedder())

        async def live() -> None:
            user_id = await memories.person()
            for place in ("Lisbon", "Porto", "Faro"):
                await memories.tell(user_id, f"Clara moved to {place}.", "Noted.")
            context = await memories.middleware.enrich_context(user_id, "Clara Lisbon")
            assert "Lisbon" in context.associative[0].text
            assert (await memories.middleware.erase(user_id)).removed["episodic"] == 3

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(live)
        kept = await memories.person()
        await memories.tell(kept, "Ben likes chess.", "ok")
    assert rows(database, "SELECT count(*) FROM memory_episodic") == [(1,)]
    assert rows(database, "SELECT count(*) FROM memory_associative WHERE embedding IS NOT NULL") == [(1,)]


async def test_a_search_is_planned_for_its_user_in_its_transaction_only(pooled: str) -> None:
    shows = Statements({"memory_search": b"SELECT current_setting('plan_cache_mode')"})
    query = SearchQuery([], floor=NO_FLOOR)
    async with open_pool(pooled, max_size=4, configure=configure_server) as pool:

        async def look(user_id: UUID, *, fails: bool) -> None:
            with suppress(ZeroDivisionError):
                async with scoped(pool, user_id) as connection:
                    cursor = await search(connection, shows, user_id, query, 3)
                    assert await cursor.fetchone() == ("force_custom_plan",)
                    assert await mode(connection) == "auto"
                    await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
                    if fails:
                        raise ZeroDivisionError

        for _ in range(3):
            async with trio.open_nursery() as nursery:
                for number in range(6):
                    nursery.start_soon(partial(look, uuid4(), fails=number % 2 == 0))
        # The pooler's connections keep nothing of it.
        for _ in range(4):
            async with without_user(pool) as connection:
                assert await mode(connection) == "auto"


async def mode(connection: Connection) -> str:
    (found,) = await (await connection.execute("SHOW plan_cache_mode")).fetchone() or ("",)
    return str(found)


async def test_migrations_go_up_and_down(empty_database: str) -> None:
    with temporary_directory() as folder, pgbouncer(empty_database, folder) as owner:
        names = [migration.name for migration in read_migrations()]
        applied: list[str] = []

        async def run() -> None:
            applied.extend(await migrate(owner))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            nursery.start_soon(run)
        assert applied == names
        assert await rollback(owner, steps=len(names)) == names[::-1]
        with psycopg.connect(owner, autocommit=True, prepare_threshold=None) as connection:
            assert connection.execute("SHOW lock_timeout").fetchone() == ("0",)
            assert connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


async def test_migrating_prepares_nothing(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits for the lock asks often, and the pooler changes the connection in between."""
    opened: list[Connection] = []
    connect = TrioConnection.connect

    async def noted(*args: Any, **kwargs: Any) -> Connection:
        opened.append(await connect(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr("sql.migrate.TrioConnection.connect", noted)
    async with migration_lock(empty_database):
        assert [connection.prepare_threshold for connection in opened] == [None, None]
