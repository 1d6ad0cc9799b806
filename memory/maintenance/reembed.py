"""Re-embedding: moves stored memories to another embedding model, and adds vectors to memories without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from memory.crypto import Unreadable
from memory.embedding import Embedder
from memory.keys import UserKey
from memory.tiers import AssociativeMemory, Document, previous_turns, useful_previous_turn
from memory.vault import Vault
from sql.driver import Connection
from sql.tenant import listing

_USERS: Final = 200
_BATCH: Final = 50
_NO_ID: Final = UUID(int=0)


@dataclass(slots=True)
class Reembedded:
    """The numbers of memories that got a vector, and that could not be decrypted."""

    memories: int = 0
    unreadable: int = 0


class Reembedding:
    """Works in small transactions while servers run, so it can be stopped at any time and started again.

    Search compares vectors of one model only. Until a memory has a vector of the new model, it is found by its words.
    """

    def __init__(self, vault: Vault, embedder: Embedder) -> None:
        self._vault = vault
        self._embedder = embedder
        self._associative = AssociativeMemory(vault, embedder)

    async def everybody(self) -> Reembedded:
        """Re-embed the memories of all users. Raises like `user`."""
        done = Reembedded()
        after = _NO_ID
        while True:
            async with listing(self._vault.pool) as connection:
                cursor = await connection.execute(
                    self._vault.statements["user_ids_page"], {"after": after, "limit": _USERS}
                )
            users = [user_id for (user_id,) in await cursor.fetchall()]
            for user_id in users:
                await self.user(user_id, done)
            if len(users) < _USERS:
                return done
            after = users[-1]

    async def user(self, user_id: UUID, done: Reembedded | None = None) -> Reembedded:
        """Re-embed one user's memories, outside of transactions. Raises `EmbeddingError`, and like `Vault.key`."""
        done = done or Reembedded()
        after = _NO_ID
        while True:
            values = {"user_id": user_id, "after": after, "embedding_model": self._embedder.name, "limit": _BATCH}
            key, (rows, before, done_already) = await self._vault.consistent(
                user_id, partial(self._page, values, user_id)
            )
            texts: list[tuple[UUID, bytes, Document]] = []
            unreadable = 0
            for id_, token, document_key, source_id in rows:
                if id_ in done_already:
                    continue
                try:
                    content = self._associative.read(key.cipher, bytes(document_key), token)
                except Unreadable:
                    unreadable += 1
                else:
                    previous = useful_previous_turn(content.text, before.get(source_id))
                    document = Document(content.text, previous=previous, said=content.said)
                    texts.append((id_, bytes(document_key), document))
            if texts:
                count = await self._put(user_id, key.key, texts)
                if count is None:
                    continue  # the key and all rows were replaced since: read this page again
                done.memories += count
            done.unreadable += unreadable
            if len(rows) < _BATCH:
                return done
            after = rows[-1][0]

    async def _page(
        self, values: Mapping[str, object], user_id: UUID, connection: Connection, key: UserKey
    ) -> tuple[list[tuple[Any, ...]], Mapping[UUID, str], set[UUID]]:
        """Memories without a vector of the model, and the turns before the episodes they were learned from.

        The set has those memories that have a vector of the model in the sealed index.
        """
        cursor = await connection.execute(self._vault.statements["associative_other_model"], values)
        rows = await cursor.fetchall()
        episodes = [source_id for *_, source_id in rows if source_id is not None]
        before = await previous_turns(self._vault, connection, user_id, key, episodes)
        segments = self._associative.segments
        state = await segments.state_in(connection, user_id)
        if state.in_rows:
            return rows, before, set()
        index = await segments.load_in(connection, key, state.segments)
        return rows, before, index.present_ids(self._embedder.name)

    async def _put(self, user_id: UUID, old_key: bytes, texts: list[tuple[UUID, bytes, Document]]) -> int | None:
        """Returns how many memories got a vector; None if the user's key is not `old_key` any more."""
        vectors = await self._associative.embedded([document for *_, document in texts])
        async with self._vault.writing(user_id) as (connection, key):
            if key.key != old_key:
                return None
            memories = [(id_, key_, vector) for (id_, key_, _), vector in zip(texts, vectors, strict=True)]
            stored = await self._associative.set_vectors_in(connection, key, memories)
        return sum(cursor.rowcount for cursor in stored)
