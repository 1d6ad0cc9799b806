"""Recall: what memory holds that bears on a message, read in one round trip to the database."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import trio
from cryptography.fernet import Fernet

from memory.crypto import Unreadable, Vectors
from memory.keys import UserKey
from memory.limits import MemoryLimits
from memory.recall.ranked_search import Hit, SearchQuery, read_hits
from memory.recall.ranking import Floor
from memory.text import without_stamp
from memory.tiers import CoreMemory, EpisodeSummary, EpisodicMemory, MemoryStore, pattern_purpose
from memory.vault import Tier, Vault
from sql.driver import Connection, Cursor

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """An associative memory that bears on the message, and why it does."""

    id: UUID
    text: str
    when: datetime | None
    entity: tuple[str, str] | None
    words: Sequence[str]
    """Words of the message that it holds."""
    bm25: float
    cosine: float | None
    rank: int
    exact: bool

    def reason(self) -> str:
        """One line for a person."""
        parts = []
        if self.words:
            parts.append("matches " + ", ".join(self.words))
        if self.cosine is not None:
            parts.append(f"similarity {self.cosine:.2f}")
        return "; ".join(parts) or "among the most similar"


@dataclass(frozen=True, slots=True)
class KnownPattern:
    """A pattern, with its confidence as it is now."""

    id: UUID
    text: str
    confidence: float
    source: str


@dataclass(frozen=True, slots=True)
class Used:
    """One recalled item, to tell the person: in which tier it is kept, and why it was recalled."""

    id: UUID
    tier: Tier
    reason: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """Everything that was recalled for one message. `core` is (id, name, value)."""

    core: Sequence[tuple[UUID, str, Any]] = ()
    associative: Sequence[Found] = ()
    episodic: Sequence[EpisodeSummary] = ()
    proactive: Sequence[KnownPattern] = ()
    semantic: bool = False
    """Whether meaning was compared, not only words."""

    def context(self) -> dict[str, Any]:
        """As plain data, every item with its id and the reason it is there."""
        return {
            "core": {key: value for _, key, value in self.core},
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
                for found in self.associative
            ],
            "episodic": [
                {
                    "id": str(item.id),
                    "summary": item.summary,
                    "when": item.at.isoformat(),
                    "session_id": item.session_id,
                }
                for item in self.episodic
            ],
            "proactive": [
                {"id": str(item.id), "pattern": item.text, "confidence": round(item.confidence, 3)}
                for item in self.proactive
            ],
        }

    def prompt(self) -> dict[str, Any]:
        """What a model is given: without ids and scores, and without empty tiers."""
        tiers: Mapping[str, Any] = {
            "preferences": {key: value for _, key, value in self.core},
            "memories": [
                {"text": found.text} | ({"when": found.when.isoformat()} if found.when is not None else {})
                for found in self.associative
            ],
            "earlier_conversations": [
                {"summary": item.summary, "when": item.at.isoformat(timespec="minutes")} for item in self.episodic
            ],
            "habits": [item.text for item in self.proactive],
        }
        return {name: tier for name, tier in tiers.items() if tier}

    def used(self) -> list[Used]:
        """Every item, with the reason it was recalled."""
        return [
            *(Used(id_, "core", f"always recalled: {key}") for id_, key, _ in self.core),
            *(Used(found.id, "associative", found.reason()) for found in self.associative),
            *(Used(item.id, "episodic", "a recent conversation") for item in self.episodic),
            *(
                Used(item.id, "proactive", f"a habit, confidence {item.confidence:.2f}: {item.source}")
                for item in self.proactive
            ),
        ]

    def texts(self) -> list[str]:
        """What must not be learned again as if it had been said anew."""
        return [
            *(f"{key} {value}" for _, key, value in self.core),
            *(found.text for found in self.associative),
            *(item.summary for item in self.episodic),
            *(item.text for item in self.proactive),
        ]


@dataclass(frozen=True, slots=True)
class _Queued:
    """The statements of one recall, in a pipeline: their rows are there when the transaction has ended."""

    words: Mapping[bytes, str]
    query: SearchQuery
    core: Cursor
    episodic: Cursor
    proactive: Cursor
    found: Cursor

    async def hits(self) -> list[Hit]:
        return read_hits(await self.found.fetchall(), self.query)


class Recall:
    """Reads the four tiers."""

    def __init__(self, vault: Vault, store: MemoryStore, limits: MemoryLimits) -> None:
        self._vault = vault
        self._store = store
        self._limits = limits
        self._core = CoreMemory(vault)
        self._episodic = EpisodicMemory(vault)

    async def recall(self, user_id: UUID, message: str) -> Recalled:
        """What bears on `message`.

        It is embedded before a connection is taken. Raises like `Vault.key`, and the database's errors.
        """
        vector = await self._embed(message)

        async def queue(connection: Connection, key: UserKey) -> _Queued:
            words = key.terms.query_words(message)
            return await self._queue(connection, user_id, words, self._query(key, words, vector))

        key, queued = await self._vault.consistent(user_id, queue)
        return Recalled(
            core=self._core.read(key.fernet, await queued.core.fetchall()),
            associative=self._found(key.fernet, await queued.hits(), queued.words),
            episodic=self._episodic.read(key.fernet, await queued.episodic.fetchall()),
            proactive=self._patterns(key.fernet, await queued.proactive.fetchall()),
            semantic=vector is not None,
        )

    async def search(self, user_id: UUID, message: str, limit: int, floor: Floor | None = None) -> list[Found]:
        """The associative part alone, of any length: for measuring it. Raises like `recall`."""
        vector = await self._embed(message)

        async def queue(connection: Connection, key: UserKey) -> tuple[Cursor, SearchQuery, Mapping[bytes, str]]:
            words = key.terms.query_words(message)
            query = self._query(key, words, vector)
            if floor is not None:
                query = replace(query, floor=floor)
            statement = self._vault.statements["memory_search"]
            return await connection.execute(statement, query.parameters(user_id, limit)), query, words

        key, (cursor, query, words) = await self._vault.consistent(user_id, queue)
        return self._found(key.fernet, read_hits(await cursor.fetchall(), query), words)

    def _query(self, key: UserKey, words: Mapping[bytes, str], vector: Vectors | None) -> SearchQuery:
        embedder = self._store.embedder
        if vector is None or embedder is None:
            return SearchQuery(list(words))
        floor = Floor(cosine=embedder.cosine_floor)
        return SearchQuery(list(words), key.rotation.apply(vector), embedder.name, floor)

    async def _embed(self, text: str) -> Vectors | None:
        if self._store.embedder is None:
            return None
        vector = None
        try:
            with trio.move_on_after(self._limits.embed_query_s) as deadline:
                vector = np.asarray(await self._store.embedder.embed_query(without_stamp(text)), np.float32)
        # The border of the embedding model, which may be another's server: words alone find something too.
        except Exception as error:  # noqa: BLE001
            logger.warning("a message could not be embedded, so words alone are searched: %s", type(error).__name__)
            return None
        if deadline.cancelled_caught:
            logger.warning(
                "embedding a message took over %g s, so words alone are searched", self._limits.embed_query_s
            )
        return vector

    async def _queue(
        self, connection: Connection, user_id: UUID, words: Mapping[bytes, str], query: SearchQuery
    ) -> _Queued:
        """All tiers, to be read in one round trip together with the key that they are under."""
        statements, limits = self._vault.statements, self._limits
        values = {"user_id": user_id}
        decaying = {
            "half_life_days": limits.pattern_half_life_days,
            "threshold": limits.pattern_threshold,
            "limit": limits.patterns,
        }
        return _Queued(
            words,
            query,
            core=await connection.execute(statements["core_all"], values),
            episodic=await connection.execute(statements["episodes_recent"], values | {"limit": limits.episodes}),
            proactive=await connection.execute(statements["proactive_active"], values | decaying),
            found=await connection.execute(statements["memory_search"], query.parameters(user_id, limits.top_k)),
        )

    def _found(self, fernet: Fernet, hits: Sequence[Hit], words: Mapping[bytes, str]) -> list[Found]:
        found = []
        for hit in hits:
            with suppress(Unreadable):
                content = self._store.read(fernet, hit.content_digest, hit.content_encrypted)
                entity = (hit.entity_type, hit.entity_id) if hit.entity_type and hit.entity_id else None
                matched = list(dict.fromkeys(words[term] for term in hit.matched))
                found.append(
                    Found(
                        id=hit.memory_id,
                        text=content.text,
                        when=content.when,
                        entity=entity,
                        words=matched,
                        bm25=hit.bm25,
                        cosine=hit.cosine,
                        rank=hit.rank,
                        exact=hit.exact,
                    )
                )
        return found

    def _patterns(self, fernet: Fernet, rows: Sequence[tuple[Any, ...]]) -> list[KnownPattern]:
        found = []
        for id_, pattern_digest, token, source, _, confidence in rows:
            with suppress(Unreadable):
                purpose = pattern_purpose(bytes(pattern_digest))
                pattern = self._vault.unseal(fernet, "proactive", purpose, token)
                found.append(KnownPattern(id_, pattern["text"], confidence, source))
        return found
