"""A user's key stays in memory while a socket of theirs is open."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np
import pytest
import trio
import trio.lowlevel

from memory.crypto.rotation import Vectors
from memory.keys.master import KeyRing, new_master_key
from memory.keys.user_keys import UserKeys
from memory.vault import Vault
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder

ANN, BEN, CARL = (UUID(int=number) for number in range(3))


async def test_a_held_key_does_not_expire_and_is_cached_beside_the_others() -> None:
    now = 0.0
    keys = UserKeys(KeyRing([new_master_key()]), None, max_cached=1, cache_s=60, clock=lambda: now)
    made = {user_id: await keys.make(user_id) for user_id in (ANN, BEN, CARL)}
    with keys.holding(ANN), keys.holding(ANN):
        for user_id, key in made.items():
            await keys.unwrap(user_id, key.stored)
        assert [keys.cached(user_id) is not None for user_id in made] == [True, False, True]
        now = 1000.0
        assert keys.cached(ANN) is not None
        assert keys.cached(CARL) is None
        with keys.holding(ANN):
            pass
        assert keys.cached(ANN) is not None, "another socket is open"
    assert keys.cached(ANN) is not None
    now = 1060.0
    assert keys.cached(ANN) is None
    assert len(keys) == 0


async def test_a_key_that_was_cached_before_is_held_when_it_is_next_unwrapped() -> None:
    now = 0.0
    keys = UserKeys(KeyRing([new_master_key()]), None, cache_s=60, clock=lambda: now)
    first = await keys.make(ANN)
    await keys.unwrap(ANN, first.stored)
    with keys.holding(ANN):
        now = 61.0
        assert keys.cached(ANN) is None
        await keys.unwrap(ANN, first.stored)
        now = 500.0
        assert keys.cached(ANN) is not None
        replaced = await keys.make_replacement(ANN)
        assert (await keys.unwrap(ANN, replaced.stored)).key == replaced.key
        keys.evict(ANN)
        assert keys.cached(ANN) is None
    assert len(keys) == 0


class WaitingEmbedder(WordEmbedder):
    """Embeds a question only when the user's key has been fetched."""

    keys: UserKeys
    user_id: UUID

    async def embed_query(self, text: str) -> Vectors:
        while self.keys.cached(self.user_id) is None:
            await trio.lowlevel.checkpoint()
        return await super().embed_query(text)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return np.asarray(await super().embed_documents(texts), np.float32)


async def test_the_key_is_fetched_beside_the_embedding_and_the_rest_is_one_round_trip(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    memories = Memories(pool, embedder=(embedder := WaitingEmbedder()))
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.", "Noted.")
    memories.keys.evict(ann)
    embedder.keys, embedder.user_id = memories.keys, ann
    tried = 0
    current = Vault._current

    async def counted(self: Vault, *arguments: object) -> object:
        nonlocal tried
        tried += 1
        return await current(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Vault, "_current", counted)
    with memories.middleware.holding_key(ann):
        for _ in range(3):
            with trio.fail_after(20):
                recalled = await memories.middleware.enrich_context(ann, "Where did Clara move?")
            assert recalled.semantic
            assert "Lisbon" in recalled.associative[0].text
        assert tried == 1, "the key was read once, during the first embedding"
