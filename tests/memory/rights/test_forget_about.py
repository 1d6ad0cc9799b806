"""Forgetting by words: "forget my landlord's number"."""

from __future__ import annotations

from memory import Forgotten
from sql.pool import Pool
from tests.memory.memories import Memories

STOCK = "Let me know if you need anything else."


async def test_one_statement_is_forgotten_with_answers_that_repeat_it(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My landlord's number is 555 1234.", STOCK)
    await memories.tell(ann, "What is my landlord's number?", f"Your landlord's number is 555 1234. {STOCK}")
    await memories.tell(ann, "The boiler was repaired by Piet.", STOCK)
    forgotten = await memories.middleware.forget_about(ann, "my landlord's number")
    assert isinstance(forgotten, Forgotten)
    assert forgotten.counts["episodic"] == 2
    left = str(await memories.records(ann))
    assert "555 1234" not in left
    assert "Piet" in left


async def test_the_rest_of_a_message_stays(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My landlord's number is 555 1234. My dentist is Doctor Bo.", "Noted: 555 1234.")
    forgotten = await memories.middleware.forget_about(ann, "my landlord's number")
    assert isinstance(forgotten, Forgotten)
    assert len(forgotten.redacted) == 1
    await memories.middleware.enrichment.run_once()
    records = await memories.records(ann)
    assert "landlord" not in str([(record.get("message"), record.get("text")) for record in records])
    assert "Doctor Bo" in str(records)


async def test_of_several_statements_none_is_forgotten_unless_everything_is_meant(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "Piet repaired the boiler.", STOCK)
    await memories.tell(ann, "Piet wants the rent on Friday.", STOCK)
    await memories.tell(ann, "The garden needs water.", STOCK)
    before = await memories.records(ann)
    assert await memories.middleware.forget_about(ann, "Piet") == 2
    assert await memories.records(ann) == before
    forgotten = await memories.middleware.forget_about(ann, "Piet", everything=True)
    assert isinstance(forgotten, Forgotten)
    assert forgotten.counts["episodic"] == 2
    assert "garden" in str(await memories.records(ann))


async def test_a_preference_is_forgotten_by_its_words(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "I live in Berlin.", STOCK)
    forgotten = await memories.middleware.forget_about(ann, "I live in Berlin")
    assert isinstance(forgotten, Forgotten)
    assert "Berlin" not in str(await memories.records(ann))
    await memories.middleware.update_core(ann, "birthday", "3 May")
    assert await memories.middleware.forget_about(ann, "my birthday")
    assert await memories.records(ann) == []


async def test_what_memory_does_not_have_is_not_forgotten(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "The garden needs water.", STOCK)
    before = await memories.records(ann)
    assert not await memories.middleware.forget_about(ann, "my landlord's number")
    assert not await memories.middleware.forget_about(ann, "it")
    assert await memories.records(ann) == before
