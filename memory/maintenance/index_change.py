"""Moves users' memories to the index of the setting TESSERA_MEMORY_INDEX, one user at a time, in the background.

One transaction builds the new index of a user and empties the old one. Until it is committed, the old one is searched
and written, so every answer uses a complete index.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import numpy as np
import trio

from memory.crypto import Unreadable, Vectors
from memory.keys import MissingKeyShare, UserKey, WrongMasterKey
from memory.segments import MAX_ENTRIES, Entry, StoredVector
from memory.tiers import AssociativeMemory
from memory.vault import IndexKind, NoSuchUser, Vault
from sql.driver import Connection, DatabaseUnavailable
from sql.pool import PoolTimeout
from sql.statements import StatementName
from sql.tenant import listing

logger = logging.getLogger(__name__)

_INTERVAL_S: Final = 60.0
_USERS: Final = 50
_PAGE: Final = 200
_NO_ID: Final = UUID(int=0)
_EMPTIED: Final[tuple[StatementName, ...]] = ("terms_erase", "messages_erase", "signatures_erase", "embeddings_erase")
"""Statements that empty the index that PostgreSQL searches."""


class IndexChange:
    """Start `run` in the server's nursery. Any number of servers with the same setting share the work."""

    def __init__(
        self, vault: Vault, associative: AssociativeMemory, on_changed: Callable[[int], None] | None = None
    ) -> None:
        """`on_changed` counts the users that were moved."""
        self._vault = vault
        self._associative = associative
        self._segments = associative.segments
        self._on_changed = on_changed or _ignore

    async def run(self) -> None:
        """Until cancelled: move the users that are in the other index, immediately and then every minute."""
        while True:
            # Error boundary: a failed round ends neither the next ones nor the server.
            try:
                await self.everybody()
            except (DatabaseUnavailable, PoolTimeout) as error:
                logger.warning("moving memories to another index failed and is tried again in a minute: %s", error)
            except Exception:
                logger.exception("moving memories to another index failed")
            await trio.sleep(_INTERVAL_S)

    async def everybody(self) -> int:
        """Move the memories of all users that are in the other index; returns the number of users.

        Raises the database's errors if they can't be listed.
        """
        other: IndexKind = "pgvector" if self._vault.index == "sealed" else "sealed"
        after, count = _NO_ID, 0
        while True:
            values = {"kind": other, "after": after, "limit": _USERS}
            async with listing(self._vault.pool) as connection:
                cursor = await connection.execute(self._vault.statements["index_users"], values)
            users = [user_id for (user_id,) in await cursor.fetchall()]
            for user_id in users:
                count += await self._moved(user_id)
            if len(users) < _USERS:
                return count
            after = users[-1]

    async def _moved(self, user_id: UUID) -> bool:
        try:
            moved = await self.user(user_id)
        except NoSuchUser:
            return False
        # Error boundary of one user: the memories of others are moved. This user keeps the index they have.
        except (PoolTimeout, WrongMasterKey, MissingKeyShare) as error:
            logger.warning("the memories of user %s are not moved to another index yet: %s", user_id, error)
            return False
        self._on_changed(moved)
        return moved

    async def user(self, user_id: UUID) -> bool:
        """Move one user's memories to the wanted index; returns whether they were in the other one.

        Their new memories wait meanwhile: about a millisecond per memory. Memories that can't be decrypted are in no
        index afterwards. Raises like `Vault.key`.
        """
        async with self._vault.writing(user_id) as (connection, shared):
            # Blind terms are made in a thread below, and must not be shared with searches of the same key.
            key = replace(shared)
            state = await self._segments.state_in(connection, user_id)
            if state.kind == self._vault.index:
                return False
            if self._vault.index == "sealed":
                await self._seal(connection, key)
            else:
                await self._unseal(connection, key, state.segments)
            await self._segments.set_kind_in(connection, user_id, self._vault.index)
        return True

    async def _seal(self, connection: Connection, key: UserKey) -> None:
        await self._segments.erase_in(connection, key.user_id)
        entries: list[Entry] = []
        async with aclosing(self._pages(connection, key.user_id)) as pages:
            async for page in pages:
                entries += await self._entries(connection, key, page)
                if len(entries) >= MAX_ENTRIES:
                    await self._segments.write_in(connection, key, entries[:MAX_ENTRIES])
                    del entries[:MAX_ENTRIES]
        await self._segments.write_in(connection, key, entries)
        for statement in _EMPTIED:
            await connection.execute(self._vault.statements[statement], {"user_id": key.user_id})

    async def _entries(self, connection: Connection, key: UserKey, page: Sequence[tuple[Any, ...]]) -> list[Entry]:
        values = {"user_id": key.user_id, "content_digests": [row[4] for row in page]}
        cursor = await connection.execute(self._vault.statements["segment_facts"], values)
        facts = {row[0]: row for row in await cursor.fetchall()}

        def made() -> list[Entry]:
            entries = []
            for row in page:
                with suppress(Unreadable):
                    entry = self._associative.entry(key, facts[row[0]], None)
                    vector, message = _plain(key, row[2]), _plain(key, row[-2] if row[-1] == row[3] else None)
                    if vector is not None:
                        entry = replace(entry, model=row[3], vector=StoredVector.of(vector, key.rotation))
                    if vector is not None and message is not None:
                        entry = replace(entry, message=StoredVector.of(message, key.rotation))
                    entries.append(entry)
            return entries

        return await trio.to_thread.run_sync(made)

    async def _unseal(self, connection: Connection, key: UserKey, segments: frozenset[UUID]) -> None:
        index = await self._segments.load_in(connection, key, segments)
        known = await trio.to_thread.run_sync(index.entries)
        async with aclosing(self._pages(connection, key.user_id)) as pages:
            async for page in pages:
                for row in page:
                    with suppress(Unreadable):
                        await self._index(connection, key, row, known.get(row[0]))
                    await trio.lowlevel.checkpoint()
        await self._segments.erase_in(connection, key.user_id)

    async def _index(self, connection: Connection, key: UserKey, row: tuple[Any, ...], entry: Entry | None) -> None:
        """Store the columns that PostgreSQL compares, of one memory."""
        digest, statements = bytes(row[4]), self._vault.statements
        terms = key.terms.document(self._associative.read(key.cipher, digest, row[1]).text)
        vector = None if entry is None or entry.vector is None else key.rotation.apply(entry.vector.plain())
        message = None if entry is None or entry.message is None else key.rotation.apply(entry.message.plain())
        values = {
            "user_id": key.user_id,
            "id": row[0],
            "content_digest": digest,
            "embedding": vector,
            "message_embedding": message,
            "embedding_model": None if entry is None else entry.model,
            "terms": list(terms.counts),
            "tfs": list(terms.counts.values()),
        }
        await connection.execute(statements["associative_embed"], values)
        await connection.execute(statements["terms_insert"], values)
        await connection.execute(statements["message_unset" if message is None else "message_set"], values)
        await connection.execute(statements["signature_set"], values)
        if vector is None and self._associative.embedder is not None:
            await connection.execute(statements["unembedded_add"], values)

    async def _pages(self, connection: Connection, user_id: UUID) -> AsyncGenerator[list[tuple[Any, ...]], None]:
        after = _NO_ID
        while True:
            values = {"user_id": user_id, "after": after, "limit": _PAGE}
            cursor = await connection.execute(self._vault.statements["associative_page"], values, binary=True)
            rows = await cursor.fetchall()
            yield rows
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]


def _plain(key: UserKey, embedding: Any) -> Vectors | None:
    """A vector of the database, not rotated."""
    if embedding is None:
        return None
    return key.rotation.undo(np.asarray(embedding.to_numpy(), np.float32))


def _ignore(count: int) -> None:
    del count
