"""Adds vectors to memories that were stored without waiting for the embedding model."""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

import trio

from memory.crypto import Unreadable
from memory.embedding import EmbeddingError
from memory.enrichment.queue import VECTORS, Claim, Queue
from memory.limits import MemoryLimits
from memory.tiers import AssociativeMemory, Document
from memory.vault import Vault
from sql.tenant import scoped

logger = logging.getLogger(__name__)

_MAX_ATTEMPTS: Final = 12


class MissingVectors:
    """Claims such memories and embeds them. Holds no connection while it embeds."""

    def __init__(self, vault: Vault, associative: AssociativeMemory, limits: MemoryLimits) -> None:
        self._vault = vault
        self._associative = associative
        self._batch = limits.batch
        self._queue = Queue(vault, VECTORS, limits.lease_s)

    async def users(self) -> list[UUID]:
        """Users with memories that are due. Raises the database's errors."""
        return [] if self._associative.embedder is None else await self._queue.users()

    async def embed_user(self, user_id: UUID, nursery: trio.Nursery) -> int:
        """Embed the user's memories that are due; returns how many were claimed. `nursery` renews their lease."""
        if self._associative.embedder is None:
            return 0
        try:
            claim = await self._queue.claim(user_id, self._batch)
        # Error boundary of one user: the work of other users continues.
        except Exception as error:  # noqa: BLE001
            logger.warning("claiming memories to embed failed: %s", type(error).__name__)
            return 0
        if claim is None:
            return 0
        try:
            await self._embed(claim, nursery)
        # Error boundary of one user: this work is tried again later.
        except Exception as error:  # noqa: BLE001
            logger.warning(
                "embedding %d memories failed and is tried again later: %s", len(claim.rows), type(error).__name__
            )
            await self._postpone(claim)
        return len(claim.rows)

    async def _embed(self, claim: Claim, nursery: trio.Nursery) -> None:
        user_id, key = claim.user_id, claim.user_key
        texts: list[tuple[UUID, bytes, str]] = []
        unreadable: list[UUID] = []
        for id_, _, document_key, token in claim.rows:
            try:
                texts.append((id_, document_key, self._associative.read(key.cipher, document_key, token).text))
            except Unreadable:
                unreadable.append(id_)  # another attempt would fail too
        with self._queue.kept(claim, nursery):
            vectors = await self._associative.embed([Document(text) for *_, text in texts])
        embedder = self._associative.embedder
        if texts and (vectors is None or embedder is None):
            raise EmbeddingError("the embedding model failed", retryable=True)
        statements = self._vault.statements
        async with self._vault.writing(user_id) as (connection, current_key):
            if current_key.key != key.key:
                raise Unreadable("the user's key was replaced while its memories were embedded")
            values: dict[str, object] = {"user_id": user_id, "claim": claim.id}
            for id_ in unreadable:
                await connection.execute(statements["unembedded_done"], values | {"id": id_})
            rotated = () if vectors is None else key.rotation.apply(vectors)
            for (id_, document_key, _), vector in zip(texts, rotated, strict=True):
                done = await connection.execute(statements["unembedded_done"], values | {"id": id_})
                # Without the claim the text has changed since, and the worker that claims the new text embeds it.
                if embedder is not None and await done.fetchone() is not None:
                    embedding = {"embedding": vector, "embedding_model": embedder.name}
                    row = {"user_id": user_id, "id": id_, "content_digest": document_key}
                    await connection.execute(statements["associative_embed"], row | embedding)
                    await connection.execute(statements["signature_set"], row)

    async def _postpone(self, claim: Claim) -> None:
        given_up = [id_ for id_, attempts in claim.attempts.items() if attempts >= _MAX_ATTEMPTS]
        await self._queue.postpone(claim, claim.attempts.keys() - set(given_up))
        if not given_up:
            return
        logger.warning("%d memories stay without vectors until `python -m server reembed` is run", len(given_up))
        async with scoped(self._vault.pool, claim.user_id) as connection:
            for id_ in sorted(given_up):
                values = {"user_id": claim.user_id, "id": id_, "claim": claim.id}
                await connection.execute(self._vault.statements["unembedded_done"], values)
