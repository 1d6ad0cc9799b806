"""Entities in memory: durable before they are embedded, merged by time, and gone when they are deleted."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

import psycopg
import pytest
import trio

from memory.limits import MemoryLimits
from memory.tiers.entities import MAX_ITEM_BYTES, MAX_ITEM_FIELDS, EntityChange, InvalidEntity
from sql.pool import Pool, open_pool
from sql.tenant import configure_server
from tests.memory.memories import Memories, WordEmbedder

NOON = datetime.now(UTC)
Op = Literal["create", "update", "delete"]


def change(second: int, op: Op = "update", **data: str) -> EntityChange:
    return EntityChange(op, "task", "t1", data or None, NOON + timedelta(seconds=second))


def make_due(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE memory_unembedded SET due_at = now()")


async def data(memories: Memories, user_id: object) -> object:
    found = [record["data"] for record in await memories.records(user_id) if record["tier"] == "associative"]  # type: ignore[arg-type]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ([change(1, title="a"), change(2, status="done")], {"title": "a", "status": "done"}),
        ([change(1, title="a"), change(2, title="b"), change(3, "delete")], None),
        ([change(1, "delete"), change(2, "create", title="b")], {"title": "b"}),
        ([change(1, title="a"), change(2, "delete"), change(3, "create", title="b")], {"title": "b"}),
    ],
)
async def test_the_end_is_the_same_in_whatever_order_and_however_often_they_come(
    pool: Pool, changes: list[EntityChange], left: object
) -> None:
    memories = Memories(pool)
    for order in itertools.permutations(changes):
        ann = await memories.person()
        for one in order:
            await memories.middleware.changed(ann, [sent_again(one)])
        assert await data(memories, ann) == left, order
        await memories.middleware.changed(ann, [sent_again(one) for one in changes])
        assert await data(memories, ann) == left, order


def sent_again(one: EntityChange) -> EntityChange:
    """The same change from a client that gives it no id: the log of changes does not recognise it."""
    return replace(one, mutation_id=uuid4())


async def test_two_servers_at_once(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    async with open_pool(database, max_size=4, configure=configure_server) as wide:
        servers = [Memories(wide, master_keys=memories.master_keys) for _ in range(2)]
        async with trio.open_nursery() as nursery:
            for number in range(12):
                one = EntityChange("update", "task", "t1", {f"field{number}": "x"}, NOON + timedelta(seconds=number))
                nursery.start_soon(servers[number % 2].middleware.changed, ann, [one])
    assert await data(memories, ann) == {f"field{number}": "x" for number in range(12)}


async def test_it_is_found_by_its_words_at_once_and_by_meaning_later(pool: Pool) -> None:
    embedder = WordEmbedder()
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    await memories.middleware.changed(ann, [change(1, title="Water the ficus")])
    assert embedder.calls == 0
    (found,) = (await memories.middleware.enrich_context(ann, "ficus")).associative
    assert found.cosine is None
    assert await memories.middleware.enrichment.run_once() == 1
    (found,) = (await memories.middleware.enrich_context(ann, "ficus")).associative
    assert found.cosine is not None
    assert await memories.middleware.enrichment.run_once() == 0
    # The same change again causes no work.
    await memories.middleware.changed(ann, [change(2, title="Water the ficus")])
    assert await memories.middleware.enrichment.run_once() == 0


async def test_a_text_that_changed_while_it_was_embedded_is_embedded_again(pool: Pool) -> None:
    class Held(WordEmbedder):
        asked, answer = trio.Event(), trio.Event()

        async def embed_documents(self, texts):  # type: ignore[no-untyped-def]
            self.asked.set()
            await self.answer.wait()
            return await super().embed_documents(texts)

    embedder = Held()
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    await memories.middleware.changed(ann, [change(1, title="Water the ficus")])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memories.middleware.enrichment.run_once)
        await embedder.asked.wait()
        assert await Memories(pool, master_keys=memories.master_keys).middleware.enrichment.run_once() == 0
        await memories.middleware.changed(ann, [change(2, title="Paint the fence")])
        embedder.answer.set()
    assert [record["embedding_model"] for record in await memories.records(ann)] == [None]
    assert await memories.middleware.enrichment.run_once() == 1
    (found,) = (await memories.middleware.enrich_context(ann, "paint fence")).associative
    assert found.cosine is not None
    assert found.cosine > 0.6


async def test_an_embedding_model_that_is_away_and_a_lease_that_ends(pool: Pool, database: str) -> None:
    embedder = WordEmbedder()
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    await memories.middleware.changed(ann, [change(1, title="Water the ficus")])
    embedder.failing = True
    assert await memories.middleware.enrichment.run_once() == 1
    assert await memories.middleware.enrichment.run_once() == 0
    make_due(database)
    embedder.failing = False
    await memories.user_key_rotation.rotate(ann)
    assert await memories.middleware.enrichment.run_once() == 1
    assert [record["embedding_model"] for record in await memories.records(ann)] == ["words-1"]

    await memories.middleware.changed(ann, [change(2, title="Water the fern")])
    with trio.move_on_after(0):
        await memories.middleware.enrichment.run_once()
    short = Memories(pool, embedder=embedder, master_keys=memories.master_keys, limits=MemoryLimits(lease_s=0.0))
    make_due(database)
    assert await short.middleware.enrichment.run_once() == 1


async def test_an_item_that_is_extended_by_many_changes_stays_bounded(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.middleware.changed(ann, [change(0, title="Rent", note="due in May")])
    for second in range(1, 6):
        logged = await memories.middleware.changed(ann, [change(second, "update", **{f"field{second}": "x" * 600_000})])
        assert [one.number for one in logged] == [second + 1]  # each change is in the log, whole
    kept = await data(memories, ann)
    assert isinstance(kept, dict)
    assert len(json.dumps(kept)) <= MAX_ITEM_BYTES
    # The newest change, the small fields, and as much of the others as there is room for.
    assert kept.keys() >= {"title", "note", "field5"}
    assert len(kept) == 5


async def test_an_item_has_a_bounded_number_of_fields(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for second in range(3):
        fields = {f"field{second} {number}": "x" for number in range(MAX_ITEM_FIELDS // 2)}
        await memories.middleware.changed(ann, [change(second, "update", **fields)])
    kept = await data(memories, ann)
    assert isinstance(kept, dict)
    assert len(kept) == MAX_ITEM_FIELDS
    assert kept.keys() >= {f"field2 {number}" for number in range(MAX_ITEM_FIELDS // 2)}


@pytest.mark.parametrize("entity_id", ["", "x" * 201])
async def test_ids_that_are_none(pool: Pool, entity_id: str) -> None:
    memories = Memories(pool)
    with pytest.raises(InvalidEntity):
        await memories.change(await memories.person(), "create", "task", entity_id, {"title": "x"})
