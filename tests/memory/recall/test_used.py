"""`memory_used` tells the person what each recalled item says: their own message or the fact, on one line."""

from __future__ import annotations

from uuid import UUID

import pytest

from memory.text import fragments_of
from memory.tiers.documents import Document
from person import Sentences
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder

ECHO = 'Clara says: {"earlier": ["hello\\n", "What is overdue? ", "Lisbon is warm"], "type": "text"}'


async def _used(memories: Memories, person: UUID, message: str, tier: str, language: str = "en") -> list[str]:
    recalled = await memories.middleware.enrich_context(person, message)
    return [item.text for item in recalled.used(Sentences(language)) if item.tier == tier]


@pytest.mark.parametrize("index", ["pgvector", "sealed"])
async def test_an_exchange_is_shown_by_the_message_of_the_person(pool: Pool, index: str) -> None:
    memories = Memories(pool, embedder=WordEmbedder(), index="sealed" if index == "sealed" else "pgvector")
    ann = await memories.person()
    await memories.middleware.store_episode(ann, "a", "My sister Clara\nmoved to  Lisbon.", ECHO)
    await memories.middleware.enrichment.run_once()
    for tier in ("associative", "episodic"):
        assert await _used(memories, ann, "Where does Clara live in Lisbon?", tier) == [
            "My sister Clara moved to Lisbon."
        ]


async def test_a_long_message_is_cut_after_a_word(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.middleware.store_episode(ann, "a", "The boiler " + "needs repairs " * 80, "Noted.")
    await memories.middleware.enrichment.run_once()
    for tier in ("associative", "episodic"):
        (text,) = await _used(memories, ann, "boiler", tier)
        assert len(text) <= 500
        assert text.endswith(("needs…", "repairs…"))


@pytest.mark.parametrize(
    ("stored", "source", "expected"),
    [
        ("My sister Clara moved to Lisbon.\nNoted.", "episode", "My sister Clara moved to Lisbon."),
        ("Clara moved\nNoted.", "episode", "Clara moved …"),
        ('Clara", "What is overdue? "', "episode", "Clara, What is overdue?"),
        ("Clara's plan:\nLisbon in May", "document", "Clara's plan: Lisbon in May"),
    ],
)
async def test_a_row_of_an_earlier_release_is_shown_as_a_sentence(
    pool: Pool, stored: str, source: str, expected: str
) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    document = Document(stored, source="episode" if source == "episode" else "document")
    async with memories.vault.writing(ann) as (connection, key):
        await memories.middleware.associative.put_in(connection, ann, key, [document], None)
    assert await _used(memories, ann, "Clara", "associative") == [expected]


async def test_an_item_is_shown_by_its_name(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.change(
        ann, "create", "task", "t1", {"title": "Water the ficus", "status": "open", "priority": "high"}
    )
    await memories.change(ann, "create", "task", "t2", {"status": "ficus"})
    assert sorted(await _used(memories, ann, "ficus", "associative")) == ["Water the ficus", "status: ficus"]


async def test_a_preference_is_shown_without_its_syntax(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.middleware.update_core(ann, "food_allergies", ["nuts", "milk"])
    await memories.middleware.update_core(ann, "vegetarian", True)
    assert sorted(await _used(memories, ann, "hi", "core")) == ["food allergies: nuts, milk", "vegetarian: yes"]
    assert "vegetarian: ja" in await _used(memories, ann, "hi", "core", "de")


def test_the_echo_is_cut_into_fragments_that_are_no_sentences() -> None:
    assert any('", "' in fragment for fragment in fragments_of(ECHO))
