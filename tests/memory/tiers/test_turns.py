"""The text that is embedded for an episode: with the previous turn of its conversation, in any order of the work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from memory.crypto.rotation import Vectors
from memory.limits import MemoryLimits
from memory.maintenance.reembed import Reembedding
from memory.tiers.episodic import Exchange
from memory.tiers.turns import last_turn
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Noting(WordEmbedder):
    """Records the texts to embed, and runs a function during the call."""

    def __init__(self, name: str = "words-1") -> None:
        super().__init__(name)
        self.texts: list[str] = []
        self.while_embedding: Callable[[], Awaitable[None]] | None = None

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        if self.while_embedding is not None:
            await self.while_embedding()
        return await super().embed_documents(texts)


async def say(memories: Memories, user_id: UUID, session: str | None, turns: Sequence[tuple[str, str]]) -> None:
    for number, (message, response) in enumerate(turns):
        await memories.middleware.store_episode(
            user_id,
            session,
            message,
            response,
            at=NOON + timedelta(minutes=number),
        )


@pytest.mark.parametrize("claim", [1, 20])
async def test_an_episode_is_embedded_after_the_turn_before_it(pool: Pool, claim: int) -> None:
    embedder = Noting()
    memories = Memories(pool, embedder=embedder, limits=MemoryLimits(batch=claim))
    ann = await memories.person()
    await say(memories, ann, "one", [("Have you a dog?", ""), ("Biscuit, a spaniel.", "Nice!"), ("He is four.", "")])
    await say(memories, ann, "two", [("The rent is due.", "")])
    await say(memories, ann, None, [("Paris is lovely.", ""), ("Rome is lovelier.", "")])
    while await memories.middleware.enrichment.run_once():
        pass
    # A question without an answer is not a memory, but it is the turn before the next message.
    expected = {
        "Have you a dog?\nBiscuit, a spaniel.\nNice!",
        "Nice!\nHe is four.",
        # The person's messages alone, if they are only a part of the embedded text.
        "Biscuit, a spaniel.",
        "He is four.",
        "The rent is due.",
        "Paris is lovely.",
        "Rome is lovelier.",
    }
    assert set(embedder.texts) == expected
    # The stored text is only what was said.
    kept = {record["text"] for record in await memories.records(ann) if record["tier"] == "associative"}
    assert "He is four." in kept

    another = Noting("words-2")
    done = await Reembedding(memories.vault, another).user(ann)
    assert (done.memories, done.unreadable) == (5, 0)
    assert set(another.texts) == expected


async def test_another_persons_conversation_is_not_looked_at(pool: Pool) -> None:
    embedder = Noting()
    memories = Memories(pool, embedder=embedder)
    ann, bob = await memories.person(), await memories.person()
    await say(memories, ann, "one", [("The safe is blue.", "")])
    await say(memories, bob, "one", [("It is heavy, weighs a ton.", ""), ("Move the piano.", "")])
    while await memories.middleware.enrichment.run_once():
        pass
    assert set(embedder.texts) == {
        "The safe is blue.",
        "It is heavy, weighs a ton.",
        "It is heavy, weighs a ton.\nMove the piano.",
        "Move the piano.",
    }


async def test_a_turn_before_that_does_not_open_is_left_out(pool: Pool, database: str) -> None:
    embedder = Noting()
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    await say(memories, ann, "one", [("Have you a dog?", ""), ("Biscuit, a spaniel.", "")])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE memory_episodic SET exchange_encrypted = 'broken' WHERE created_at = %s", [NOON])
    await memories.middleware.enrichment.run_once()
    assert embedder.texts == ["Biscuit, a spaniel."]


async def episode_id(memories: Memories, user_id: UUID, message: str) -> UUID:
    (found,) = [record for record in await memories.records(user_id) if record.get("message") == message]
    return UUID(str(found["id"]))


async def test_a_vector_that_knows_of_what_is_forgotten_is_made_anew(pool: Pool) -> None:
    embedder = Noting()
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    await say(memories, ann, "one", [("Ben likes chess.", ""), ("The boiler was repaired.", "")])
    await memories.middleware.enrichment.run_once()
    assert len((await memories.middleware.enrich_context(ann, "chess")).associative) == 2
    await memories.middleware.forget(ann, await episode_id(memories, ann, "Ben likes chess."))
    assert (await memories.middleware.enrich_context(ann, "chess")).associative == []
    await memories.middleware.enrichment.run_once()
    assert embedder.texts[-1] == "The boiler was repaired."
    assert (await memories.middleware.enrich_context(ann, "chess")).associative == []
    (boiler,) = (await memories.middleware.enrich_context(ann, "a boiler")).associative
    assert boiler.cosine is not None


async def test_what_is_forgotten_while_the_next_turn_is_embedded_is_not_in_its_vector(pool: Pool) -> None:
    embedder = Noting()
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    await say(memories, ann, "one", [("Ben likes chess.", "")])
    await memories.middleware.enrichment.run_once()
    first = await episode_id(memories, ann, "Ben likes chess.")
    await memories.middleware.store_episode(ann, "one", "The boiler was repaired.", "", at=NOON + timedelta(hours=1))

    async def forget() -> None:
        embedder.while_embedding = None
        await memories.middleware.forget(ann, first)

    embedder.while_embedding = forget
    await memories.middleware.enrichment.run_once()
    # It was forgotten in the middle of a round. The same round corrects the vectors.
    alone = "The boiler was repaired."
    assert embedder.texts[-3:] == [f"Ben likes chess.\n{alone}", alone, alone]
    assert (await memories.middleware.enrich_context(ann, "chess")).associative == []
    (boiler,) = (await memories.middleware.enrich_context(ann, "a boiler")).associative
    assert boiler.cosine is not None


async def test_what_is_said_again_in_its_own_words_has_no_context(pool: Pool) -> None:
    embedder = Noting()
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    await say(memories, ann, "one", [("The rent is due on Friday.", ""), ("the rent, due on Friday it is", "")])
    await memories.middleware.enrichment.run_once()
    assert embedder.texts == ["The rent is due on Friday.", "the rent, due on Friday it is"]


@pytest.mark.parametrize(
    ("message", "response", "expected"),
    [
        ("Have you a dog?", "", "Have you a dog?"),
        ("Have you a dog?", "I am a computer.", "I am a computer."),
        ("Have you a dog?", "x" * 301, "Have you a dog?"),
        ("x" * 301, "y" * 301, ""),
        (" ", "\n", ""),
    ],
)
def test_the_last_turn_is_the_last_short_one(message: str, response: str, expected: str) -> None:
    assert last_turn(Exchange(message, response)) == expected
