"""Adds encrypted segments in addition to the rows that PostgreSQL searches, for a user with many memories.

Entries are made from the rows without a lock, in snapshots. The user's key is locked only while one finished segment is
stored: there the memories that were forgotten, or got a newer entry, since the snapshot are left out. From the start
on (`building`), every change is written to the rows and to segments. When no memory lacks an entry, the segments are
complete (`both`). A build that was interrupted continues where it was, on any server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final
from uuid import UUID

import numpy as np
import trio

from memory.crypto import Unreadable, Vectors
from memory.keys import UserKey
from memory.segments import MAX_ENTRIES, SIGNATURE_BYTES, Entry, StoredVector, sealed_segments
from memory.tiers import AssociativeMemory
from memory.vault import Vault
from sql.driver import Connection

_PAGE: Final = 200
"""Memories of which entries are made in one step in a thread."""
_BYTES_WITHOUT_VECTORS: Final = 400
"""Bytes that the words and ids of a memory take in a loaded index, about."""
_NO_ID: Final = UUID(int=0)


class IndexBuild:
    """Builds the segments of one user at a time."""

    def __init__(self, vault: Vault, associative: AssociativeMemory) -> None:
        self._vault = vault
        self._associative = associative
        self._segments = associative.segments

    async def begin(self, user_id: UUID, minimum: int) -> bool:
        """Have changes written to segments too, if the user has at least `minimum` memories, in rows alone.

        Not if the loaded index would have more bytes than the server may use for all of them.

        Returns whether the user's segments are to be built now. Raises like `Vault.key`.
        """
        async with self._vault.writing(user_id) as (connection, _):
            state = await self._segments.state_in(connection, user_id)
            if state.kind != "pgvector":
                return state.kind == "building"
            memories, size = await self._count_in(connection, user_id)
            if memories < minimum or size > self._segments.loaded.max_bytes:
                return False
            await self._segments.erase_in(connection, user_id)
            await self._segments.set_kind_in(connection, user_id, "building")
        return True

    async def run(self, user_id: UUID) -> bool:
        """Build the segments of a user for whom `begin` returned true; returns whether they are complete.

        They are not if another server, or an erasure, ended the build. Raises like `Vault.key`.
        """
        after = _NO_ID
        while True:
            key, ids = await self._vault.consistent(user_id, partial(self._missing, user_id, after))
            if not ids:
                return await self._finish(user_id)
            entries = await self._entries(user_id, key, ids)
            if entries is not None and not await self._store(user_id, key, entries):
                return False
            # If the key was replaced meanwhile, all segments were removed.
            after = _NO_ID if entries is None else ids[-1]

    async def drop(self, user_id: UUID, below: int | None = None) -> bool:
        """Remove the segments in addition to the rows; with `below`, only if there are fewer memories than that.

        Returns whether they were removed. Raises like `Vault.key`.
        """
        async with self._vault.writing(user_id) as (connection, _):
            state = await self._segments.state_in(connection, user_id)
            if state.kind not in ("both", "building"):
                return False
            if below is not None and (await self._count_in(connection, user_id))[0] >= below:
                return False
            await self._segments.erase_in(connection, user_id)
            await self._segments.set_kind_in(connection, user_id, "pgvector")
        self._segments.loaded.drop(user_id)
        return True

    async def _count_in(self, connection: Connection, user_id: UUID) -> tuple[int, int]:
        """The number of the user's memories in rows, and about the bytes of a loaded index of them."""
        cursor = await connection.execute(self._vault.statements["memories_counted"], {"user_id": user_id})
        row = await cursor.fetchone()
        memories, vectors, messages = (0, 0, 0) if row is None else row
        embedder = self._associative.embedder
        vector_bytes = SIGNATURE_BYTES + (0 if embedder is None else 2 * embedder.dimensions)
        return memories, memories * _BYTES_WITHOUT_VECTORS + (vectors + messages) * vector_bytes

    async def _missing(self, user_id: UUID, after: UUID, connection: Connection, _: UserKey) -> list[UUID]:
        return await self._segments.missing_in(connection, user_id, MAX_ENTRIES, after)

    async def _entries(self, user_id: UUID, old: UserKey, ids: Sequence[UUID]) -> list[Entry] | None:
        """Entries of these memories; None if the user's key is not `old` any more."""
        # Blind terms are made in a thread, and must not be shared with searches of the same key.
        own, entries = replace(old), []
        for start in range(0, len(ids), _PAGE):
            values = {"user_id": user_id, "ids": list(ids[start : start + _PAGE])}

            async def read(
                connection: Connection, _: UserKey, values: dict[str, Any] = values
            ) -> list[tuple[Any, ...]]:
                cursor = await connection.execute(self._vault.statements["segment_rows"], values, binary=True)
                return await cursor.fetchall()

            key, rows = await self._vault.consistent(user_id, read)
            if key.key != old.key:
                return None

            def made(rows: Sequence[tuple[Any, ...]] = rows) -> list[Entry]:
                return self._made(own, rows)

            entries += await trio.to_thread.run_sync(made)
        return entries

    def _made(self, key: UserKey, rows: Sequence[tuple[Any, ...]]) -> list[Entry]:
        vectors = [row[6] for row in rows if row[6] is not None]
        messages = [row[8] for row in rows if row[8] is not None]
        plain, alone = iter(_stored(key, vectors)), iter(_stored(key, messages))
        entries = []
        for row in rows:
            vector = None if row[6] is None else next(plain)
            message = None if row[8] is None else next(alone)
            try:
                entry = self._associative.entry(key, row, None)
            except Unreadable:
                # Rows have such a memory too: it counts, and is never found.
                entry = Entry.of(row[0], {}, row[5], row[3], row[4])
            if vector is not None:
                same_model = row[9] == row[7]
                entry = replace(entry, model=row[7], vector=vector, message=message if same_model else None)
            entries.append(entry)
        return entries

    async def _store(self, user_id: UUID, old: UserKey, entries: Sequence[Entry]) -> bool:
        """Store the entries of memories that still exist and have no newer entry; returns whether to go on."""
        made = await trio.to_thread.run_sync(sealed_segments, old.cipher, entries)
        ids = [entry.id for entry in entries]
        async with self._vault.writing(user_id) as (connection, key):
            state = await self._segments.state_in(connection, user_id)
            if state.kind != "building":
                return False
            if key.key != old.key:
                return True
            wanted = await self._segments.missing_of_in(connection, user_id, ids)
            if len(wanted) < len(entries):
                left = [entry for entry in entries if entry.id in wanted]
                made = await trio.to_thread.run_sync(sealed_segments, key.cipher, left)
            await self._segments.insert_in(connection, user_id, made)
        return True

    async def _finish(self, user_id: UUID) -> bool:
        async with self._vault.writing(user_id) as (connection, _):
            state = await self._segments.state_in(connection, user_id)
            if state.kind != "building":
                return state.kind == "both"
            if await self._segments.missing_in(connection, user_id, 1):
                return False  # the next round of `IndexChange` continues
            await self._segments.set_kind_in(connection, user_id, "both")
        return True


def _stored(key: UserKey, embeddings: Sequence[Any]) -> list[StoredVector]:
    """The vectors of rows, as segments have them, with the signatures that the rows have."""
    if not embeddings:
        return []
    rotated: Vectors = np.stack([np.asarray(one.to_numpy(), np.float32) for one in embeddings])
    plain = key.rotation.undo(rotated)
    return [StoredVector.of_rotated(*both) for both in zip(rotated, plain, strict=True)]
