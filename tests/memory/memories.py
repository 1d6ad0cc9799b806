"""A memory over a real database for tests: users with keys, and an embedder whose similarities are predictable."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import numpy as np
from cryptography.fernet import Fernet

from memory.crypto.rotation import Vectors
from memory.embedding.embedder import Embedder, EmbeddingError
from memory.enrichment.worker import Describe
from memory.keys.folder_shares import FolderShares
from memory.keys.master import KeyRing
from memory.keys.user_keys import UserKeys
from memory.limits import MemoryLimits
from memory.maintenance.index_change import IndexChange
from memory.maintenance.rekey import UserKeyRotation
from memory.maintenance.rewrap import MasterKeyRotation
from memory.middleware import MemoryMiddleware
from memory.recall.recalled import Recalled
from memory.text.analyser import Analyser
from memory.tiers.entities import EntityChange
from memory.vault import IndexKind, Tier, Vault
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped

STATEMENTS = Statements.load()


class WordEmbedder:
    """The sum of one random direction per word: texts are similar if they share words. `failing` makes it raise."""

    dimensions = 384
    cosine_floor = 0.3

    def __init__(self, name: str = "words-1") -> None:
        self.name = name
        self.failing = False
        self.calls = 0

    async def embed_query(self, text: str) -> Vectors:
        return np.asarray((await self.embed_documents([text]))[0], np.float32)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.calls += 1
        if self.failing:
            raise EmbeddingError("the model is not available", retryable=True)
        return np.stack([self._vector(text) for text in texts]).astype(np.float32)

    def _vector(self, text: str) -> Vectors:
        total = np.zeros(self.dimensions, np.float32)
        for word in Analyser().words(text):
            seed = int.from_bytes(hashlib.sha256(f"{self.name} {word.term}".encode()).digest()[:8], "big")
            total += np.random.default_rng(seed).normal(size=self.dimensions).astype(np.float32)
        length = float(np.linalg.norm(total))
        return np.asarray(total / length if length else total, np.float32)


class Memories:
    """The parts of memory on `pool`, accessible to tests."""

    def __init__(
        self,
        pool: Pool,
        *,
        master_keys: Sequence[str] | None = None,
        shares: Path | None = None,
        embedder: Embedder | None = None,
        describe: Describe | None = None,
        limits: MemoryLimits | None = None,
        index: IndexKind = "pgvector",
        segments_from: int = 0,
    ) -> None:
        """`index`: the setting; "both": that of `pgvector`, and each new person has additional segments."""
        self.master_keys = list(master_keys or [Fernet.generate_key().decode()])
        self.pool = pool
        self.index = index
        self.unreadable: list[Tier] = []
        self.keys = UserKeys(KeyRing(self.master_keys), FolderShares(shares) if shares is not None else None)
        self.vault = Vault(
            pool, STATEMENTS, self.keys, self.unreadable.append, "sealed" if index == "sealed" else "pgvector"
        )
        self.embedder = embedder
        self.middleware = MemoryMiddleware(self.vault, embedder, describe=describe, limits=limits)
        self.user_key_rotation = UserKeyRotation(self.vault)
        self.index_change = IndexChange(self.vault, self.middleware.associative, segments_from=segments_from)
        self.master_key_rotation = MasterKeyRotation(self.vault)

    async def person(self) -> UUID:
        """A new user with a key."""
        user_id = uuid4()
        key = await self.keys.make(user_id)
        values = {
            "user_id": user_id,
            "email": f"{user_id.hex}@example.com",
            "password_hash": "none",
            "encryption_key": key.stored,
        }
        async with scoped(self.pool, user_id) as connection:
            await connection.execute(STATEMENTS["user_insert"], values)
            if self.index == "both":
                await self.middleware.associative.segments.set_kind_in(connection, user_id, "both")
        return user_id

    async def tell(
        self, user_id: UUID, message: str, response: str = "", *, agent: str | None = None, recalled: Sequence[str] = ()
    ) -> UUID:
        """Store an episode and enrich it; returns its request id."""
        request_id = uuid4()
        await self.middleware.store_episode(
            user_id, "session", message, response, request_id, agent=agent, recalled=recalled
        )
        await self.middleware.enrichment.run_once()
        return request_id

    async def change(
        self,
        user_id: UUID,
        op: Literal["create", "update", "delete"],
        entity: str,
        id_: str,
        data: dict[str, Any] | None,
    ) -> None:
        """Change one entity now."""
        await self.middleware.changed(user_id, [EntityChange(op, entity, id_, data, datetime.now(UTC))])

    async def loaded(self, user_id: UUID) -> bool:
        """Load the index of a person with both indexes; returns whether the next recalls are searched in it."""
        return await self.middleware.associative.index_loader.load(user_id)

    async def context(self, user_id: UUID, message: str, at: datetime | None = None) -> dict[str, Any]:
        """What `enrich_context` recalls, as JSON data."""
        return context_of(await self.middleware.enrich_context(user_id, message, at=at))

    async def records(self, user_id: UUID) -> list[dict[str, object]]:
        """All records of the person's export."""
        return [record async for page in self.middleware.export(user_id) for record in page]


def context_of(recalled: Recalled) -> dict[str, Any]:
    """All tiers of `recalled` as JSON data, by tier."""
    return {
        "core": {key: value for _, key, value in recalled.core},
        "associative": [
            {
                "id": str(found.id),
                "text": found.text,
                "when": found.when.isoformat() if found.when is not None else None,
                "entity": list(found.entity) if found.entity is not None else None,
                "why": {
                    "terms": list(found.words),
                    "bm25": found.bm25,
                    "cosine": found.cosine,
                    "rank": found.rank,
                    "exact": found.exact,
                },
            }
            for found in recalled.associative
        ],
        "episodic": [
            {
                "id": str(item.id),
                "summary": item.summary,
                "when": item.at.isoformat(),
                "session_id": item.conversation_id,
            }
            for item in recalled.episodic
        ],
        "proactive": [
            {"id": str(item.id), "pattern": item.text, "confidence": round(item.confidence, 3)}
            for item in recalled.proactive
        ],
    }
