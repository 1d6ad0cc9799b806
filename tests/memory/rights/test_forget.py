"""Forgetting: the item and everything derived from it are removed, and nothing restores them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
import trio

from memory.enrichment.enriched import Description
from memory.tiers.entities import EntityChange
from memory.tiers.episodic import EpisodicMemory, Exchange
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder
from tests.memory.plain import held

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


async def the(memories: Memories, user_id: UUID, tier: str, part: str = "") -> UUID:
    """The id of the only record of a tier that contains `part`."""
    found = [
        record for record in await memories.records(user_id) if record["tier"] == tier and part in str(record.values())
    ]
    assert len(found) == 1, found
    return UUID(str(found[0]["id"]))


async def export(memories: Memories, user_id: UUID) -> str:
    return str(await memories.records(user_id))


async def test_every_source_of_a_merged_memory_goes(pool: Pool, database: str) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    for said in ("Ben likes to play chess.", "ben likes to play CHESS", "Chess Ben likes to play!"):
        await memories.tell(ann, said)
    await memories.tell(ann, "The boiler was repaired.")
    assert (await memories.middleware.forget(ann, await the(memories, ann, "associative", "hess"))).tiers == [
        "associative",
        "episodic",
    ]
    assert "chess" not in (await export(memories, ann)).casefold()
    assert "chess" not in held(database, await memories.vault.key(ann)).casefold()
    assert (await memories.middleware.enrich_context(ann, "Does Ben like chess?")).associative == []
    assert len(await memories.records(ann)) == 2


@pytest.mark.parametrize("forgotten", ["memory", "first episode"])
async def test_whatever_of_it_is_forgotten_all_of_it_goes(pool: Pool, forgotten: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.", "Noted.")
    await memories.tell(ann, "Where did my sister Clara move?", "Your sister Clara moved to Lisbon, you said.")
    item = {
        "memory": ("associative", "Noted."),
        "first episode": ("episodic", "Noted."),
    }[forgotten]
    await memories.middleware.forget(ann, await the(memories, ann, *item))
    assert await memories.records(ann) == []


async def test_other_facts_of_nearly_the_same_words_stay(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for number in ("five", "seven", "nine"):
        await memories.tell(ann, f"I ran {number} kilometres along the river with Tom this morning.", "ok")
    await memories.middleware.forget(ann, await the(memories, ann, "associative", "seven"))
    left = await export(memories, ann)
    assert [number in left for number in ("five", "seven", "nine")] == [True, False, True]


DEMO = "I am a demo model, rules and no language model."


async def test_what_shares_a_sentence_with_it_but_says_more_stays(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "What is due today?", f"{DEMO} The rent is due on Friday.")
    await memories.tell(ann, "How are my projects?", f"{DEMO} The garden project has three open tasks.")
    await memories.tell(ann, "I work on the Atlas catalogue. Paper comes from Verona.", "ok")
    await memories.tell(ann, "I work on the Atlas catalogue. The cover will be green.", "ok")
    await memories.middleware.store_episode(ann, None, "Who are you?", f"{DEMO} Ask me about your tasks.")
    for item in ("rent", "Verona"):
        await memories.middleware.forget(ann, await the(memories, ann, "associative", item))
    await memories.middleware.enrichment.run_once()
    left = await export(memories, ann)
    assert [word in left for word in ("rent", "Verona", "garden", "green", "Ask me")] == [
        False,
        False,
        True,
        True,
        True,
    ]


async def test_an_answer_that_was_running_and_says_more_than_what_was_forgotten_is_stored(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "I work on the Atlas catalogue. Paper comes from Verona.", "ok")
    asked_at = datetime.now(UTC)
    await memories.middleware.forget(ann, await the(memories, ann, "associative"))
    said = "I work on the Atlas catalogue. The cover will be green."
    await memories.middleware.store_episode(ann, None, said, "ok", at=asked_at)
    await memories.middleware.enrichment.run_once()
    assert len(await memories.records(ann)) == 2


async def test_an_episode_that_waits_for_enrichment_and_says_the_same_goes_too(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.")
    await memories.middleware.store_episode(ann, None, "As I said: my sister Clara moved to Lisbon!", "I see.")
    await memories.middleware.forget(ann, await the(memories, ann, "associative"))
    assert await memories.middleware.enrichment.run_once() == 0
    assert await memories.records(ann) == []


async def test_an_answer_that_was_running_does_not_bring_it_back_but_saying_it_anew_does(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.")
    asked_at = datetime.now(UTC)
    await memories.middleware.forget(ann, await the(memories, ann, "associative"))
    await memories.middleware.store_episode(ann, None, "My sister Clara moved to Lisbon!", "Yes.", at=asked_at)
    await memories.middleware.enrichment.run_once()
    assert await memories.records(ann) == []
    await memories.tell(ann, "My sister Clara moved to Lisbon.")
    assert len(await memories.records(ann)) == 3


async def test_an_episode_forgotten_while_a_worker_has_it_is_not_learned(pool: Pool) -> None:
    asked, answer = trio.Event(), trio.Event()

    async def describe(message: str, response: str) -> Description | None:
        asked.set()
        await answer.wait()
        return Description("They spoke of Clara", {"home": "Lisbon"})

    memories = Memories(pool, describe=describe)
    ann = await memories.person()
    await memories.middleware.store_episode(ann, None, "Clara lives in Lisbon now.", "ok")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memories.middleware.enrichment.run_once)
        await asked.wait()
        # Meanwhile no connection and no lock is held.
        assert memories.pool.stats().idle == memories.pool.stats().size
        with trio.fail_after(60):
            assert (await memories.middleware.forget(ann, await the(memories, ann, "episodic"))).tiers == ["episodic"]
        answer.set()
    assert await memories.records(ann) == []


async def test_a_preference_goes_with_the_conversation_and_is_not_learned_again(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.middleware.store_episode(ann, None, "My favourite colour is teal.", "ok")
    await memories.tell(ann, "From now on call me Annie.")
    await memories.tell(ann, "My favourite colour is teal.")
    item = next(
        id_ for id_, key, _ in (await memories.middleware.enrich_context(ann, "x")).core if key == "favourite_colour"
    )
    await memories.middleware.store_episode(ann, None, "My favourite colour is teal.", "ok")
    tiers = (await memories.middleware.forget(ann, item)).tiers
    await memories.middleware.enrichment.run_once()
    assert tiers == ["associative", "episodic", "core"]
    assert "teal" not in await export(memories, ann)
    assert (await memories.context(ann, "x"))["core"] == {"preferred_name": "Annie"}


async def test_a_removed_preference_is_not_learned_from_what_was_said_before(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "Call me Annie.")
    await memories.middleware.store_episode(ann, None, "Call me Nan.", "ok")
    assert await memories.middleware.delete_core(ann, "preferred_name")
    await memories.middleware.enrichment.run_once()
    assert (await memories.context(ann, "x"))["core"] == {}
    await memories.tell(ann, "Call me Nan.")
    assert (await memories.context(ann, "x"))["core"] == {"preferred_name": "Nan"}


async def habits(memories: Memories, user_id: UUID, weeks: range, message: str = "What is due for Apollo?") -> None:
    for week in weeks:
        await EpisodicMemory(memories.vault).store(
            user_id,
            Exchange(message, f"Two tasks in week {week}.", "task_agent"),
            conversation_id=None,
            request_id=uuid4(),
            at=MONDAY + timedelta(weeks=week),
        )
    await memories.middleware.enrichment.run_once()


async def test_a_forgotten_pattern_leaves_nothing_to_read_and_is_not_found_again(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await habits(memories, ann, range(4))
    key = await memories.vault.key(ann)
    assert "mentions Apollo" in held(database, key)
    assert (await memories.middleware.forget(ann, await the(memories, ann, "proactive", "Apollo"))).tiers == [
        "proactive"
    ]
    assert "mentions Apollo" not in held(database, key)
    await memories.user_key_rotation.rotate(ann)
    await habits(memories, ann, range(4, 6))
    assert "mentions Apollo" not in await export(memories, ann)
    assert "Monday" in await export(memories, ann)


async def test_patterns_lose_what_they_were_based_on(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await habits(memories, ann, range(4))

    async def patterns() -> dict[str, float]:
        records = [record for record in await memories.records(ann) if record["tier"] == "proactive"]
        return {str(record["pattern"]): round(float(str(record["confidence"])), 3) for record in records}

    assert set((await patterns()).values()) == {0.667}
    await memories.middleware.forget(ann, await the(memories, ann, "episodic", "week 0"))
    assert set((await patterns()).values()) == {0.6}
    tiers = (await memories.middleware.forget(ann, await the(memories, ann, "episodic", "week 1"))).tiers
    assert tiers == ["associative", "episodic", "proactive"]
    assert await patterns() == {}
    await memories.middleware.enrichment.run_once()
    assert await patterns() == {}


async def test_an_entity_is_forgotten_with_its_data_until_it_changes_again(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    before = datetime.now(UTC)
    await memories.change(ann, "create", "task", "t1", {"title": "Water the ficus", "note": "secret"})
    assert (await memories.middleware.forget(ann, await the(memories, ann, "associative"))).tiers == ["associative"]
    late = EntityChange("update", "task", "t1", {"title": "Water the ficus"}, before)
    await memories.middleware.changed(ann, [late])
    assert await memories.records(ann) == []
    await memories.change(ann, "update", "task", "t1", {"status": "done"})
    (record,) = await memories.records(ann)
    assert record["data"] == {"status": "done"}


async def test_what_was_said_before_an_erasure_is_not_stored_after_it(pool: Pool, tmp_path: Path) -> None:
    memories = Memories(pool, shares=tmp_path / "shares")
    ann = await memories.person()
    before = datetime.now(UTC)
    await memories.tell(ann, "Clara moved to Lisbon.")
    await memories.middleware.forget(ann, await the(memories, ann, "associative"))
    await memories.middleware.erase(ann)
    assert not await memories.middleware.store_episode(ann, None, "Clara moved to Lisbon.", "ok", at=before)
    await memories.middleware.changed(ann, [EntityChange("create", "task", "t1", {"title": "Old"}, before)])
    assert await memories.records(ann) == []
    assert await memories.middleware.store_episode(ann, None, "Clara moved to Porto.", "ok")
    await memories.change(ann, "create", "task", "t1", {"title": "New"})
    assert len(await memories.records(ann)) == 2


async def test_only_keyed_digests_of_forgotten_things_stay_and_erasing_takes_them(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann, ben = await memories.person(), await memories.person()
    digests = {}
    for person in (ann, ben):
        await memories.tell(person, "My sister Clara moved to Lisbon.")
        await memories.middleware.forget(person, await the(memories, person, "associative"))
        with psycopg.connect(database) as connection:
            rows = connection.execute("SELECT digest FROM memory_forgotten WHERE user_id = %s", [person]).fetchall()
        digests[person] = {bytes(row[0]) for row in rows}
        assert {len(value) for value in digests[person]} == {16}
    assert not digests[ann] & digests[ben]
    await memories.middleware.erase(ann)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT DISTINCT user_id FROM memory_forgotten").fetchall() == [(ben,)]
