"""Every memory has a row for the search, with its present vector, model and length, or without a vector."""

from __future__ import annotations

from uuid import UUID

import psycopg

from memory.maintenance.reembed import Reembedding
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder

TASK = {"title": "Renew the passport", "status": "open"}


def agree(database: str) -> list[tuple[str | None, int]]:
    """(model, length) of every memory. Fails unless the rows of both tables are about the same."""
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT coalesce(m.user_id, s.user_id) IS NULL OR m.id IS NULL OR s.memory_id IS NULL"
            " OR s.embedding_model IS DISTINCT FROM m.embedding_model OR s.length <> m.length"
            " OR s.signature IS DISTINCT FROM binary_quantize(m.embedding)::bit(1536), m.embedding_model, m.length"
            " FROM memory_associative AS m FULL JOIN memory_signatures AS s"
            " ON s.user_id = m.user_id AND s.memory_id = m.id"
            " ORDER BY m.length"
        ).fetchall()
    assert not any(differs for differs, *_ in rows)
    return [(model, length) for _, model, length in rows]


async def test_the_rows_agree_through_every_change(pool: Pool, database: str) -> None:
    embedder = WordEmbedder()
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.", "Noted.")
    assert agree(database) == [("words-1", 5)]
    # Said again, with another length of the stored text.
    await memories.tell(ann, "My sister Clara moved to Lisbon!", "Noted.")
    embedder.failing = True
    await memories.change(ann, "create", "task", "t1", TASK)
    assert {model for model, _ in agree(database)} == {"words-1", None}
    await memories.change(ann, "update", "task", "t1", {"notes": "bring two photographs along"})
    agree(database)
    embedder.failing = False
    await memories.middleware.enrichment.run_once()
    agree(database)
    other = WordEmbedder("words-2")
    await Reembedding(memories.vault, other).user(ann)
    assert {model for model, _ in agree(database)} == {"words-2"}
    await memories.user_key_rotation.rotate(ann)
    assert {model for model, _ in agree(database)} == {"words-2"}
    await memories.change(ann, "delete", "task", "t1", None)
    assert len(agree(database)) == 2
    for record in await memories.records(ann):
        if record["tier"] == "episodic":
            await memories.middleware.forget(ann, UUID(str(record["id"])))
    assert agree(database) == []
