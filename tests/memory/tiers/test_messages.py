"""Who said what: the roles of a memory's text, and the vector of the person's message alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest

from memory.tiers.documents import Content, with_roles
from memory.tiers.episodic import Exchange
from sql.pool import Pool
from sql.tenant import scoped
from tests.memory.memories import Memories, WordEmbedder

SAID = "My bicycle has a blue saddle."
LONG_ANSWER = " ".join(
    f"Shall I add topic{number} and subject{number} and matter{number} to the list?" for number in range(40)
)
QUESTION = "blue saddle bicycle"


async def _rows(memories: Memories, user_id: UUID, statement: str) -> list[tuple[Any, ...]]:
    async with scoped(memories.pool, user_id) as connection:
        cursor = await connection.execute(statement.encode(), binary=True)
        return await cursor.fetchall()


async def _message_vector(memories: Memories, user_id: UUID) -> Any:
    """The stored vector of the only memory's message, not rotated; None if there is none."""
    rows = await _rows(memories, user_id, "SELECT embedding FROM memory_messages")
    key = await memories.vault.key(user_id)
    return key.rotation.undo(np.asarray(rows[0][0].to_numpy(), np.float32)) if rows else None


async def _forget_roles(memories: Memories, user_id: UUID) -> None:
    """Make the user's memories those of a version without roles, as the migration leaves them."""
    associative = memories.middleware.associative
    async with memories.vault.writing(user_id) as (connection, key):
        cursor = await connection.execute(b"SELECT id, content_digest, content_encrypted FROM memory_associative")
        for id_, digest, token in await cursor.fetchall():
            content = associative.read(key.cipher, bytes(digest), token)
            old = Content(content.text, content.when, content.data).sealed_in(key.cipher, bytes(digest))
            await connection.execute(b"UPDATE memory_associative SET content_encrypted = %s WHERE id = %s", [old, id_])
        await connection.execute(b"DELETE FROM memory_messages")
        await connection.execute(b"UPDATE memory_signatures SET message_signature = NULL")
        await connection.execute(
            b"INSERT INTO memory_unembedded (user_id, memory_id) SELECT user_id, id FROM memory_associative"
        )


async def test_a_long_answer_does_not_hide_the_message(pool: Pool) -> None:
    embedder = WordEmbedder()
    memories = Memories(pool, embedder=embedder)
    user_id = await memories.person()
    await memories.tell(user_id, SAID, LONG_ANSWER)
    alone = await embedder.embed_documents([SAID])
    assert np.allclose((await _message_vector(memories, user_id))[:384], alone[0], atol=1e-4)
    (found,) = (await memories.middleware.enrich_context(user_id, QUESTION)).associative
    assert found.cosine == pytest.approx(float(np.dot(alone[0], await embedder.embed_query(QUESTION))), abs=1e-3)


async def test_a_message_without_an_answer_has_no_second_vector(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    user_id = await memories.person()
    await memories.tell(user_id, SAID)
    assert await _message_vector(memories, user_id) is None


async def test_the_prompt_says_who_said_it(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    user_id = await memories.person()
    await memories.tell(user_id, "I bought a red tent.", "Your tent costs 900 euros.")
    recalled = await memories.middleware.enrich_context(user_id, "What does my red tent cost?")
    (memory,) = recalled.prompt()["memories"]
    assert memory.pop("when")
    assert memory == {"person_said": "I bought a red tent.", "assistant_answered": "Your tent costs 900 euros."}
    (record,) = [record for record in await memories.records(user_id) if record["tier"] == "associative"]
    assert (record["person"], record["assistant"]) == ("I bought a red tent.", "Your tent costs 900 euros.")


async def test_an_entity_has_no_roles(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    user_id = await memories.person()
    await memories.change(user_id, "create", "task", "1", {"title": "Repair the blue saddle"})
    await memories.middleware.enrichment.run_once()
    recalled = await memories.middleware.enrich_context(user_id, QUESTION)
    assert "text" in recalled.prompt()["memories"][0]
    assert await _message_vector(memories, user_id) is None


async def test_roles_and_vectors_of_older_memories_are_added_in_the_background(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    user_id = await memories.person()
    await memories.tell(user_id, SAID, LONG_ANSWER)
    before = await _message_vector(memories, user_id)
    await _forget_roles(memories, user_id)
    (found,) = (await memories.middleware.enrich_context(user_id, QUESTION)).associative
    assert found.message is None
    await memories.middleware.enrichment.run_once()
    (found,) = (await memories.middleware.enrich_context(user_id, QUESTION)).associative
    assert (found.message, found.answer) == (SAID, LONG_ANSWER)
    assert np.allclose(await _message_vector(memories, user_id), before, atol=1e-4)
    assert await _rows(memories, user_id, "SELECT 1 FROM memory_unembedded") == []


async def test_a_rotated_key_keeps_roles_and_vectors(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    user_id = await memories.person()
    await memories.tell(user_id, SAID, LONG_ANSWER)
    before = await _message_vector(memories, user_id)
    (hit,) = (await memories.middleware.enrich_context(user_id, QUESTION)).associative
    await memories.user_key_rotation.rotate(user_id)
    assert np.allclose(await _message_vector(memories, user_id), before, atol=1e-3)
    (found,) = (await memories.middleware.enrich_context(user_id, QUESTION)).associative
    assert (found.message, found.answer) == (SAID, LONG_ANSWER)
    assert found.cosine == pytest.approx(hit.cosine, abs=1e-3)


async def test_forgetting_removes_the_vector_of_the_message(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    user_id = await memories.person()
    await memories.tell(user_id, SAID, LONG_ANSWER)
    (found,) = (await memories.middleware.enrich_context(user_id, QUESTION)).associative
    await memories.middleware.forget(user_id, found.id)
    assert await _rows(memories, user_id, "SELECT 1 FROM memory_messages") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I like tea.\nNoted.", 11),
        ("I like tea.", 11),
        ("Noted.", 0),
        ("Something else.", None),
    ],
)
def test_roles_of_an_older_text(text: str, said: int | None) -> None:
    assert with_roles(Content(text, None, None), Exchange("I like tea. ", "Noted.")).said == said
