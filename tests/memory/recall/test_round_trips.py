"""How often a recall asks the database: once, and once more in a conversation, whose previous turn is embedded too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

import memory.vault
from memory.vault import IndexKind
from sql.driver import Connection
from sql.pool import Pool
from sql.tenant import scoped
from tests.memory.memories import Memories, WordEmbedder

AT = datetime(2026, 6, 17, 12, tzinfo=UTC)


class Transactions:
    """Counts transactions. Recall only queues statements in them, so each is one round trip."""

    def __init__(self) -> None:
        self.count = 0

    @asynccontextmanager
    async def scoped(self, pool: Pool, user_id: UUID, **options: Any) -> AsyncIterator[Connection]:
        self.count += 1
        async with scoped(pool, user_id, **options) as connection:
            yield connection


@pytest.mark.parametrize("index", ["both", "sealed"])
async def test_a_recall_is_one_round_trip_and_two_in_a_conversation(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, index: IndexKind
) -> None:
    memories = Memories(pool, embedder=WordEmbedder(), index=index)
    ann = await memories.person()
    await memories.middleware.store_episode(ann, "kitchen", "The boiler makes a strange noise.", "Noted.", at=AT)
    await memories.middleware.enrichment.run_once()
    await memories.middleware.enrich_context(ann, "What about the boiler?", at=AT)  # loads the key and the index
    transactions = Transactions()
    monkeypatch.setattr(memory.vault, "scoped", transactions.scoped)
    recalled = await memories.middleware.enrich_context(ann, "What about the boiler?", at=AT)
    assert [found.message for found in recalled.associative] == ["The boiler makes a strange noise."]
    assert transactions.count == 1
    recalled = await memories.middleware.enrich_context(ann, "What about the boiler?", at=AT, conversation_id="kitchen")
    assert recalled.associative
    assert transactions.count == 3
    if index == "both":  # until now PostgreSQL searched
        assert await memories.loaded(ann)
        transactions.count = 0
        recalled = await memories.middleware.enrich_context(ann, "What about the boiler?", at=AT)
        assert recalled.associative
        assert transactions.count == 1
