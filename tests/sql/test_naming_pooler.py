"""Through a pooler that keeps track of prepared statements, as PgBouncer does since 1.21: statements are prepared."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from sql.driver.connection import TrioConnection
from sql.pool import open_pool
from sql.pooler import behind_pooler, keeps_prepared_statements
from sql.tenant import configure_server
from tests.database import LOGIN
from tests.memory.memories import Memories, WordEmbedder
from tests.sql.naming_pooler import naming_pooler


async def test_such_a_pooler_is_noticed_and_its_statements_stay_as_they_are(database: str) -> None:
    async with (
        naming_pooler(database) as (through, names),
        await TrioConnection.connect(through, autocommit=True) as connection,
    ):
        assert await behind_pooler(connection)
        for _ in range(3):
            assert await keeps_prepared_statements(connection)
        # The database knows the pooler's names only.
        cursor = await connection.execute("SELECT DISTINCT left(name, 10) FROM pg_prepared_statements", prepare=False)
        assert await cursor.fetchall() == [("PGBOUNCER_",)]
    assert names


async def test_without_libpq_17_nothing_is_prepared(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psycopg.capabilities, "has_send_close_prepared", lambda: False)
    async with (
        naming_pooler(database) as (through, names),
        open_pool(through, configure=configure_server) as pool,
        pool.connection() as connection,
    ):
        assert connection.prepare_threshold is None
        for _ in range(10):
            await connection.execute("SELECT 1")
    assert names == set()


async def test_memory_is_stored_and_recalled_with_prepared_statements(database: str) -> None:
    async with (
        naming_pooler(make_conninfo(database, user=LOGIN)) as (through, names),
        open_pool(through, max_size=2, configure=configure_server) as pool,
    ):
        async with pool.connection() as connection:
            assert connection.prepare_threshold is not None
        memories = Memories(pool, embedder=WordEmbedder())
        ann = await memories.person()
        for number in range(8):
            await memories.tell(ann, f"Clara moved to town{number}.", "Noted.")
        context = await memories.middleware.enrich_context(ann, "Clara town3")
        assert "town3" in context.associative[0].text
        assert (await memories.middleware.erase(ann)).removed["episodic"] == 8
        assert len(names) > 5
