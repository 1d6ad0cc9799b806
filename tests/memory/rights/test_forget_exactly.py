"""Forgetting removes the item, what was derived from it and repetitions of it, and nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.tiers.episodic import exchange_purpose
from sql.pool import Pool, open_pool
from sql.tenant import configure_server
from tests.memory.memories import Memories

STOCK = "Let me know if you need anything else."


async def item(memories: Memories, user_id: UUID, tier: str, part: str) -> UUID:
    """The id of the only record of a tier that contains `part`."""
    found = [record for record in await memories.records(user_id) if record["tier"] == tier and part in str(record)]
    assert len(found) == 1, found
    return UUID(str(found[0]["id"]))


async def test_forgetting_a_question_takes_nothing_that_shares_the_assistants_stock_sentence(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "Call me Annie.", f"Hello Annie. {STOCK}")
    await memories.tell(ann, "I live in Lisbon.", f"Noted. {STOCK}")
    await memories.tell(ann, "My PIN is 1234.", f"I will remember it. {STOCK}")
    await memories.tell(ann, "The boiler was repaired by Piet.", STOCK)
    await memories.tell(ann, "What is my PIN?", STOCK)
    before = Counter(str(record["tier"]) for record in await memories.records(ann))
    forgotten = await memories.middleware.forget(ann, await item(memories, ann, "episodic", "What is my PIN?"))
    after = Counter(str(record["tier"]) for record in await memories.records(ann))
    assert before["episodic"] - after["episodic"] == 1
    assert forgotten.counts["episodic"] == 1
    assert before - after == Counter(forgotten.counts)
    assert (await memories.context(ann, "x"))["core"] == {"home": "Lisbon", "preferred_name": "Annie"}


async def test_an_answer_that_is_running_is_stored_although_a_question_with_its_stock_sentence_was_forgotten(
    pool: Pool,
) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "What is my PIN?", f"I found no PIN in your notes. {STOCK}")
    asked_at = datetime.now(UTC)
    await memories.middleware.forget(ann, await item(memories, ann, "episodic", "PIN"))
    await memories.middleware.store_episode(ann, None, "Where is Bo?", f"Bo is in Rome. {STOCK}", at=asked_at)
    await memories.middleware.enrichment.run_once()
    assert "Bo is in Rome" in str(await memories.records(ann))


async def test_an_episode_whose_message_says_more_stays_and_is_named(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.", "Noted.")
    await memories.tell(ann, "My sister Clara moved to Lisbon. Her number is 555 1234.", "Noted.")
    first = await item(memories, ann, "episodic", "Lisbon.', 'response'")
    other = await item(memories, ann, "episodic", "555 1234")
    forgotten = await memories.middleware.forget(ann, first)
    assert list(forgotten.mentioned) == [other]
    assert "555 1234" in str(await memories.records(ann))


async def test_the_preview_says_what_goes_and_removes_nothing(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "I live in Lisbon.", "Noted.")
    await memories.tell(ann, "Where do I live?", "You live in Lisbon.")
    memory = await item(memories, ann, "associative", "Noted.")
    before = await memories.records(ann)
    preview = await memories.middleware.preview_forgetting(ann, memory)
    assert await memories.records(ann) == before
    forgotten = await memories.middleware.forget(ann, memory)
    assert (preview.removed, preview.restored) == (forgotten.removed, forgotten.restored)
    gone = {str(record["id"]) for record in before} - {str(record["id"]) for record in await memories.records(ann)}
    # The title goes with the exchange that it was made from.
    assert gone - {"session"} == {str(id_) for ids in forgotten.removed.values() for id_ in ids}
    assert not await memories.middleware.preview_forgetting(ann, memory)
    assert not await memories.middleware.preview_forgetting(await memories.person(), memory)


async def test_forgetting_the_newest_statement_of_a_preference_restores_the_one_before(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for place in ("Paris", "Berlin", "Rome"):
        await memories.tell(ann, f"I live in {place}.", STOCK)
    forgotten = await memories.middleware.forget(ann, await item(memories, ann, "episodic", "Rome"))
    assert forgotten.tiers == ["associative", "episodic"]
    assert len(forgotten.restored) == 1
    assert (await memories.context(ann, "x"))["core"] == {"home": "Berlin"}
    await memories.middleware.forget(ann, await item(memories, ann, "associative", "Berlin"))
    assert (await memories.context(ann, "x"))["core"] == {"home": "Paris"}
    await memories.tell(ann, "I live in Oslo.", STOCK)
    assert (await memories.context(ann, "x"))["core"] == {"home": "Oslo"}
    await memories.middleware.forget(ann, await item(memories, ann, "episodic", "Oslo"))
    await memories.middleware.forget(ann, await item(memories, ann, "episodic", "Paris"))
    assert await memories.records(ann) == []


async def test_a_forgotten_value_is_not_learned_from_an_answer_that_was_running_but_another_one_is(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "I live in Paris.", "ok")
    await memories.tell(ann, "I live in Berlin.", "ok")
    asked_at = datetime.now(UTC)
    await memories.middleware.forget(ann, await item(memories, ann, "episodic", "Berlin"))
    said = "I live in Berlin. I work at Acme."
    await memories.middleware.store_episode(ann, None, said, "ok", at=asked_at)
    await memories.middleware.enrichment.run_once()
    assert (await memories.context(ann, "x"))["core"] == {"home": "Paris", "employer": "Acme"}
    await memories.middleware.store_episode(ann, None, "I live in Rome.", "ok", at=asked_at)
    await memories.middleware.enrichment.run_once()
    assert (await memories.context(ann, "x"))["core"]["home"] == "Rome"


async def test_forgetting_a_preference_leaves_the_rest_of_the_conversation(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My favourite colour is teal. My PIN is 1234.", "Teal it is, and I noted the PIN.")
    await memories.tell(ann, "My favourite colour is teal.", "ok")
    core = await item(memories, ann, "core", "teal")
    stated = "My favourite colour is teal. My PIN is 1234."
    await memories.tell(ann, stated, "Teal it is, and I noted the PIN.")
    forgotten = await memories.middleware.forget(ann, core)
    await memories.middleware.enrichment.run_once()
    left = str(await memories.records(ann))
    assert "PIN is 1234" in left
    assert forgotten.counts["core"] == 1
    assert (await memories.context(ann, "PIN"))["core"] == {}


async def test_the_sentences_about_a_forgotten_preference_leave_an_episode_that_says_more(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My favourite colour is teal. My PIN is 1234.", "Teal it is. I noted the PIN.")
    forgotten = await memories.middleware.forget(ann, await item(memories, ann, "core", "teal"))
    assert len(forgotten.redacted) == 1
    await memories.middleware.enrichment.run_once()
    left = str(await memories.records(ann)).casefold()
    assert "pin is 1234" in left
    assert "teal" not in left
    assert (await memories.context(ann, "What is my PIN?"))["associative"]


async def test_texts_that_were_recalled_for_other_answers_go_too(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.", "Noted.")
    texts = (await memories.middleware.enrich_context(ann, "Clara")).texts()
    assert any("Lisbon" in text for text in texts)
    await memories.tell(ann, "The boiler was repaired by Piet.", "Good.", recalled=texts)
    await memories.middleware.forget(ann, await item(memories, ann, "associative", "Lisbon"))
    key = await memories.vault.key(ann)
    async with memories.pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.user_id', %s, true)", [str(ann)])
        cursor = await connection.execute("SELECT id, exchange_encrypted FROM memory_episodic")
        rows = await cursor.fetchall()
        held = [str(key.cipher.unseal(exchange_purpose(id_), token)) for id_, token in rows]
    assert len(held) == 1
    assert "Piet" in held[0]
    assert "Lisbon" not in held[0]


STATEMENTS = (
    "My sister Clara moved to Lisbon.",
    "The PIN of my card is 1234.",
    "Piet repaired the boiler on Monday.",
    "The PIN of my card is 1234. The cellar key hangs in the hall.",
)
QUESTIONS = ("What is my PIN?", "Where is my sister?", "Thanks!", "What is due today?")
ANSWERS = (STOCK, f"Noted. {STOCK}", f"I do not know. {STOCK}")


@dataclass(frozen=True)
class Told:
    """An exchange of the plain model."""

    message: str
    response: str

    def goes_with(self, other: Told) -> bool:
        """Whether forgetting `other` removes this: the same statement, or exactly the same question and answer."""
        if other.message in STATEMENTS:
            return self.message == other.message
        return self == other


EXCHANGES = st.lists(
    st.builds(Told, st.sampled_from(STATEMENTS + QUESTIONS), st.sampled_from(ANSWERS)), min_size=1, max_size=8
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=EXCHANGES, picks=st.lists(st.integers(0, 7), min_size=1, max_size=3))
def test_what_is_left_is_what_a_plain_model_has(database: str, told: list[Told], picks: list[int]) -> None:
    trio.run(_forget_some, database, told, picks)


async def _forget_some(database: str, told: list[Told], picks: list[int]) -> None:
    async with open_pool(database, max_size=2, configure=configure_server) as pool:
        memories = Memories(pool)
        ann = await memories.person()
        for one in told:
            await memories.tell(ann, one.message, one.response)
        plain = list(told)
        for pick in picks:
            if not plain:
                break
            gone = plain[pick % len(plain)]
            episode = next(
                UUID(str(record["id"]))
                for record in await memories.records(ann)
                if (record.get("message"), record.get("response")) == (gone.message, gone.response)
            )
            going = [one for one in plain if one.goes_with(gone)]
            plain = [one for one in plain if not one.goes_with(gone)]
            preview = await memories.middleware.preview_forgetting(ann, episode)
            forgotten = await memories.middleware.forget(ann, episode)
            assert preview.removed == forgotten.removed
            assert forgotten.counts["episodic"] == len(going)
            await memories.middleware.enrichment.run_once()
        records = await memories.records(ann)
        left = [(record["message"], record["response"]) for record in records if record["tier"] == "episodic"]
        assert Counter(left) == Counter((one.message, one.response) for one in plain)
        learned = " ".join(str(record["text"]) for record in records if record["tier"] == "associative")
        for statement in STATEMENTS:
            assert (statement in learned) == any(statement in one.message for one in plain)
