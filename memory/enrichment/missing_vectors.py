"""Adds vectors to memories that were stored without waiting for the embedding model.

It also adds roles to memories of older versions, which stored neither the part that the person said nor a vector of
that part. The exchange that a memory was learned from tells it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import trio

from memory.crypto import Unreadable
from memory.embedding import EmbeddingError
from memory.enrichment.queue import VECTORS, Claim, Queue
from memory.keys import UserKey
from memory.limits import MemoryLimits
from memory.tiers import (
    AssociativeMemory,
    Content,
    Document,
    EpisodicMemory,
    previous_turns,
    useful_previous_turn,
    with_roles,
)
from memory.vault import Vault
from sql.tenant import scoped

logger = logging.getLogger(__name__)

_MAX_ATTEMPTS: Final = 12


@dataclass(frozen=True, slots=True)
class _Unembedded:
    """A claimed memory. `roles`: its content with the roles that it was stored without; None: it has them."""

    id: UUID
    document_key: bytes
    document: Document
    roles: Content | None


class MissingVectors:
    """Claims such memories and embeds them. Holds no connection while it embeds."""

    def __init__(self, vault: Vault, associative: AssociativeMemory, limits: MemoryLimits) -> None:
        self._vault = vault
        self._associative = associative
        self._episodic = EpisodicMemory(vault)
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
        found: list[_Unembedded] = []
        unreadable: list[UUID] = []
        episodes = [source_id for *_, source_id, _ in claim.rows if source_id is not None]
        async with scoped(self._vault.pool, user_id) as connection:
            before = await previous_turns(self._vault, connection, user_id, key, episodes)
        for claimed in claim.rows:
            try:
                found.append(self._read(key, claimed, before.get(claimed[4])))
            except Unreadable:
                unreadable.append(claimed[0])  # another attempt would fail too
        with self._queue.kept(claim, nursery):
            vectors = await self._associative.embed([one.document for one in found])
        if found and vectors is None:
            raise EmbeddingError("the embedding model failed", retryable=True)
        statements = self._vault.statements
        async with self._vault.writing(user_id) as (connection, current_key):
            if current_key.key != key.key:
                raise Unreadable("the user's key was replaced while its memories were embedded")
            values: dict[str, object] = {"user_id": user_id, "claim": claim.id}
            for id_ in unreadable:
                await connection.execute(statements["unembedded_done"], values | {"id": id_})
            embedded = []
            for one, vector in zip(found, vectors or (), strict=True):
                done = await connection.execute(statements["unembedded_done"], values | {"id": one.id})
                # Without the claim the text has changed since, and the worker that claims the new text embeds it.
                if await done.fetchone() is not None:
                    row = {"user_id": user_id, "id": one.id, "content_digest": one.document_key}
                    if one.roles is not None:
                        sealed = one.roles.sealed_in(key.cipher, one.document_key)
                        await connection.execute(statements["associative_roles"], row | {"content_encrypted": sealed})
                    embedded.append((one.id, one.document_key, vector))
            await self._associative.set_vectors_in(connection, key, embedded)

    def _read(self, key: UserKey, row: Sequence[Any], previous: str | None) -> _Unembedded:
        """A claimed row, decrypted. Raises `Unreadable`."""
        id_, _, document_key, token, source_id, exchange = row
        content, roles = self._associative.read(key.cipher, document_key, token), None
        if content.said is None and exchange is not None:
            with suppress(Unreadable):
                content = roles = with_roles(content, self._episodic.read_exchange(key.cipher, source_id, exchange))
        document = Document(content.text, previous=useful_previous_turn(content.text, previous), said=content.said)
        return _Unembedded(id_, bytes(document_key), document, roles)

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
