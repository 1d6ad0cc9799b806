"""The segments of a user as rows of the database.

A change adds a small segment, and merging makes larger ones of several small ones. Removing a memory replaces every
segment that contains it, in the same transaction, so that no segment contains it afterwards. Rows are never changed:
a segment that takes the place of others has a new id. So the ids say whether a loaded index is up to date.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import trio

from memory.crypto import Cipher, Purpose, Unreadable
from memory.keys import UserKey
from memory.segments.loaded import LoadedIndex
from memory.segments.loaded_indexes import LoadedIndexes
from memory.segments.segment import Entry, Segment
from memory.vault import IndexKind, Vault
from sql.driver import Connection, Cursor

T = TypeVar("T")

logger = logging.getLogger(__name__)

MAX_ENTRIES: Final = 4096
"""Entries of one segment, at most. Forgetting one memory encrypts this number of entries again."""
_GROWTH: Final = 8
"""Segments of about the same size are merged when there are this many."""
_SMALL_BYTES: Final = 200_000
"""Less than this is decrypted in the event loop, which takes under a millisecond."""


@dataclass(frozen=True, slots=True)
class IndexState:
    """Which index has a user's memories, and the ids of their segments."""

    kind: IndexKind
    segments: frozenset[UUID] = frozenset()

    @classmethod
    def of(cls, row: tuple[Any, ...] | None) -> IndexState:
        """From a row of the statement `index_state`."""
        return cls("pgvector") if row is None else cls(row[0], frozenset(row[1]))


class SegmentStore:
    """Reads and writes the segments of every user."""

    def __init__(self, vault: Vault, loaded: LoadedIndexes | None = None) -> None:
        self._vault = vault
        self._statements = vault.statements
        self.loaded = LoadedIndexes() if loaded is None else loaded

    async def queue_state(self, connection: Connection, user_id: UUID) -> Cursor:
        """Queue the statement `index_state`; `IndexState.of` reads its row."""
        return await connection.execute(self._statements["index_state"], {"user_id": user_id})

    async def state_in(self, connection: Connection, user_id: UUID) -> IndexState:
        """Which index has the user's memories, and its segments."""
        return IndexState.of(await (await self.queue_state(connection, user_id)).fetchone())

    async def queue_kind(self, connection: Connection, user_id: UUID) -> tuple[Cursor, Cursor]:
        """Queue the statements that `kind_of` reads, in a transaction that adds memories."""
        used = await connection.execute(self._statements["index_used"], {"user_id": user_id})
        return await self.queue_state(connection, user_id), used

    async def kind_of(self, connection: Connection, user_id: UUID, queued: tuple[Cursor, Cursor]) -> IndexKind:
        """The index to add memories to: that of the user, or the wanted one for a user without memories."""
        state, used = IndexState.of(await queued[0].fetchone()), await queued[1].fetchone()
        if state.kind == self._vault.index or used != (False,):
            return state.kind
        await self.set_kind_in(connection, user_id, self._vault.index)
        return self._vault.index

    async def set_kind_in(self, connection: Connection, user_id: UUID, kind: IndexKind) -> None:
        """Record that the index `kind` has the user's memories."""
        await connection.execute(self._statements["index_set"], {"user_id": user_id, "kind": kind})

    async def load_in(self, connection: Connection, user_key: UserKey, ids: Collection[UUID]) -> LoadedIndex:
        """The index with exactly these segments. Reads those that are not loaded.

        A segment that can't be decrypted is left out: see `LoadedIndex.unreadable`, and `report`.
        """
        known = self.loaded.get(user_key)
        if known is not None and known.state == set(ids):
            return known
        have = {} if known is None else {id_: part for id_, part in known.segments.items() if id_ in ids}
        missing = [id_ for id_ in ids if id_ not in have]
        rows: list[tuple[Any, ...]] = []
        if missing:
            values = {"user_id": user_key.user_id, "ids": missing}
            cursor = await connection.execute(self._statements["segments_read"], values, binary=True)
            rows = await cursor.fetchall()

        def load() -> LoadedIndex:
            opened = _opened(user_key.cipher, rows)
            return LoadedIndex(have | opened, {row[0] for row in rows} - opened.keys())

        index = await _worked(load, sum(len(row[1]) for row in rows) + (known.size if known is not None else 0))
        self.loaded.put(user_key, index)
        return index

    def report(self, index: LoadedIndex) -> None:
        """Log and count the segments that can't be decrypted with the user's present key."""
        for id_ in index.unreadable:
            logger.warning(
                "segment %s of a memory index can't be decrypted, so its memories are not found until"
                " `python -m server reembed` is run",
                id_,
            )
            self._vault.reported("associative")

    async def add_in(self, connection: Connection, user_key: UserKey, entries: Collection[Entry]) -> None:
        """Add entries, which replace older ones of the same memories. In a transaction of `Vault.writing`."""
        if not entries:
            return
        state = await self.state_in(connection, user_key.user_id)
        stamp = (await self.load_in(connection, user_key, state.segments)).last_stamp + 1
        await self._write(connection, user_key, [replace(entry, stamp=stamp) for entry in entries])

    async def remove_in(self, connection: Connection, user_key: UserKey, ids: Collection[UUID]) -> None:
        """Replace every segment with an entry of these memories by one without. In a transaction of `Vault.writing`.

        A segment that can't be decrypted is removed.
        """
        if not ids:
            return
        values = {"user_id": user_key.user_id, "ids": list(ids)}
        cursor = await connection.execute(self._statements["segments_of_memories"], values, binary=True)
        rows, gone = await cursor.fetchall(), set(ids)

        def left() -> list[list[Entry]]:
            parts = _opened(user_key.cipher, rows)
            return [[entry for entry in part.entries() if entry.id not in gone] for part in parts.values()]

        kept = await _worked(left, sum(len(row[1]) for row in rows))
        await self._remove(connection, user_key, [row[0] for row in rows])
        for entries in kept:
            await self._write(connection, user_key, entries)

    async def without_vectors_in(self, connection: Connection, user_key: UserKey, ids: Collection[UUID]) -> None:
        """Remove the vectors of these memories from every segment; they stay findable by words."""
        if not ids:
            return
        state = await self.state_in(connection, user_key.user_id)
        index = await self.load_in(connection, user_key, state.segments)
        entries = [entry.without_vectors() for entry in index.entries(ids).values()]
        await self.remove_in(connection, user_key, ids)
        await self._write(connection, user_key, entries)

    async def merge(self, user_id: UUID) -> bool:
        """Merge segments of about the same size, if there are many; returns whether there may be more to merge."""
        if self._vault.index == "pgvector":
            return False  # the segments of users who still have some are about to be removed
        async with self._vault.writing(user_id) as (connection, user_key):
            state = await self.state_in(connection, user_id)
            if len(state.segments) < _GROWTH:
                return False
            index = await self.load_in(connection, user_key, state.segments)
            chosen = _chosen(index)
            if not chosen:
                return False
            ids = {memory for id_ in chosen for memory in index.ids_in(id_)}
            found = await _worked(lambda: index.entries(ids), index.size)
            await self._remove(connection, user_key, chosen)
            await self._write(connection, user_key, list(found.values()))
        return True

    async def erase_in(self, connection: Connection, user_id: UUID) -> None:
        """Remove all segments."""
        await connection.execute(self._statements["segments_erase"], {"user_id": user_id})

    async def write_in(self, connection: Connection, user_key: UserKey, entries: Sequence[Entry]) -> None:
        """Store entries of memories that have none, or none with a higher stamp."""
        await self._write(connection, user_key, entries)

    async def _remove(self, connection: Connection, user_key: UserKey, ids: Sequence[UUID]) -> None:
        if ids:
            values = {"user_id": user_key.user_id, "ids": list(ids)}
            await connection.execute(self._statements["segments_remove"], values)

    async def _write(self, connection: Connection, user_key: UserKey, entries: Sequence[Entry]) -> None:
        for start in range(0, len(entries), MAX_ENTRIES):
            few, id_ = entries[start : start + MAX_ENTRIES], uuid4()

            def sealed(few: Sequence[Entry] = few, id_: UUID = id_) -> bytes:
                return user_key.cipher.seal_bytes(_purpose(id_), Segment.of(few).to_bytes())

            values = {
                "user_id": user_key.user_id,
                "id": id_,
                "memory_ids": [entry.id for entry in few],
                "segment_encrypted": await _worked(sealed, len(few) * 10_000),
            }
            await connection.execute(self._statements["segment_add"], values)


def _opened(cipher: Cipher, rows: Iterable[tuple[Any, ...]]) -> dict[UUID, Segment]:
    """The segments that can be decrypted, by id."""
    opened = {}
    for id_, token in rows:
        with suppress(Unreadable, ValueError, KeyError, TypeError):
            opened[id_] = Segment.from_bytes(cipher.unseal_bytes(_purpose(id_), bytes(token)))
    return opened


def _chosen(index: LoadedIndex) -> list[UUID]:
    """The ids of segments to merge: enough of one size, or those of which more than half is out of date."""
    by_size: defaultdict[int, list[UUID]] = defaultdict(list)
    stale = []
    for id_, part in index.segments.items():
        if 2 * len(index.ids_in(id_)) < len(part):
            stale.append(id_)
        if len(part) <= MAX_ENTRIES // 2:
            by_size[int(math.log(len(part), _GROWTH))].append(id_)
    full = next((ids for ids in by_size.values() if len(ids) >= _GROWTH), None)
    return stale if full is None else full


def _purpose(id_: UUID) -> Purpose:
    return Purpose("memory_segments", "segment_encrypted", str(id_), "")


async def _worked(work: Callable[[], T], size: int) -> T:
    """The result of `work`, which takes about a millisecond per 200,000 bytes: in a thread if that is long."""
    return work() if size < _SMALL_BYTES else await trio.to_thread.run_sync(work)
