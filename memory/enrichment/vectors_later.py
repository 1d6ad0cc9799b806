"""Vectors for memories that were stored without waiting for the embedding model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid4

from memory.crypto import Unreadable
from memory.embedding import EmbeddingError
from memory.keys import UserKey
from memory.limits import MemoryLimits, delay_s
from memory.tiers import Document, MemoryStore
from memory.vault import Vault
from sql.tenant import listing, scoped

logger = logging.getLogger(__name__)

_USERS_AT_ONCE: Final = 50
_MAX_ATTEMPTS: Final = 12


class VectorsLater:
    """Claims such memories, by leases like episodes, and embeds them with no connection held."""

    def __init__(self, vault: Vault, store: MemoryStore, limits: MemoryLimits) -> None:
        self._vault = vault
        self._store = store
        self._limits = limits

    async def run_once(self) -> int:
        """Embed what is due; returns how many memories were dealt with. Raises the database's errors."""
        if self._store.embedder is None:
            return 0
        async with listing(self._vault.pool) as connection:
            cursor = await connection.execute(self._vault.statements["unembedded_users"], {"limit": _USERS_AT_ONCE})
        return sum([await self._user(user_id) for (user_id,) in await cursor.fetchall()])

    async def _user(self, user_id: UUID) -> int:
        claim = uuid4()
        values = {"user_id": user_id, "claim": claim, "lease_s": self._limits.lease_s, "limit": self._limits.claim}
        async with scoped(self._vault.pool, user_id) as connection:
            key_row = await connection.execute(self._vault.statements["user_key"], values)
            claimed = await connection.execute(self._vault.statements["unembedded_claim"], values)
        rows = await claimed.fetchall()
        try:
            key = await self._vault.opened(user_id, await key_row.fetchone())
            await self._embed(user_id, claim, key, rows)
        # The border of one user's work: it is tried again later, and others' goes on.
        except Exception as error:  # noqa: BLE001
            logger.warning("%d memories are embedded later: %s", len(rows), type(error).__name__)
            await self._postpone(user_id, claim, [(row[0], row[1]) for row in rows])
        return len(rows)

    async def _embed(self, user_id: UUID, claim: UUID, key: UserKey, rows: Sequence[tuple[Any, ...]]) -> None:
        texts: list[tuple[UUID, bytes, str]] = []
        unreadable: list[UUID] = []
        for id_, _, content_digest, token in rows:
            try:
                texts.append((id_, content_digest, self._store.read(key.fernet, content_digest, token).text))
            except Unreadable:
                unreadable.append(id_)  # it will not open later either
        vectors = await self._store.embed([Document(text) for *_, text in texts])
        embedder = self._store.embedder
        if texts and (vectors is None or embedder is None):
            raise EmbeddingError("the embedding model failed", retryable=True)
        statements = self._vault.statements
        async with self._vault.writing(user_id) as (connection, now):
            if now.key != key.key:
                raise Unreadable("the user's key was replaced meanwhile")
            for id_ in unreadable:
                await connection.execute(statements["unembedded_done"], {"user_id": user_id, "id": id_, "claim": claim})
            turned = () if vectors is None else key.rotation.apply(vectors)
            for (id_, content_digest, _), vector in zip(texts, turned, strict=True):
                values = {"user_id": user_id, "id": id_, "claim": claim, "content_digest": content_digest}
                done = await connection.execute(statements["unembedded_done"], values)
                # Without the claim the text has become another, and whoever has that one embeds it.
                if embedder is not None and await done.fetchone() is not None:
                    values |= {"embedding": vector, "embedding_model": embedder.name}
                    await connection.execute(statements["associative_embed"], values)

    async def _postpone(self, user_id: UUID, claim: UUID, rows: Sequence[tuple[UUID, int]]) -> None:
        async with scoped(self._vault.pool, user_id) as connection:
            for id_, attempts in rows:
                values = {"user_id": user_id, "id": id_, "ids": [id_], "claim": claim, "delay_s": delay_s(attempts)}
                if attempts >= _MAX_ATTEMPTS:
                    logger.warning("a memory stays without a vector until it is embedded by command")
                    await connection.execute(self._vault.statements["unembedded_done"], values)
                else:
                    await connection.execute(self._vault.statements["unembedded_postpone"], values)
