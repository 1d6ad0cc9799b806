"""The segments of a user as rows of the database.

A change adds a small segment, and merging makes larger ones of several small ones. Removing a memory replaces every
segment that contains it, in the same transaction, so that no segment contains it afterwards. Rows are never changed:
a segment that takes the place of others has a new id. So the ids say whether a loaded index is up to date.

A user has segments instead of the rows that PostgreSQL searches (`sealed`), or in addition to them (`both`, and
`building` while entries are added).
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar
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
_BESIDE: Final[Mapping[IndexKind, str]] = {"both": "complete", "building": "building"}
"""The values of `users.memory_index_beside`."""

logger = logging.getLogger(__name__)

NO_ID: Final = UUID(int=0)
MAX_ENTRIES: Final = 4096
"""Entries of one segment, at most. Forgetting one memory encrypts this number of entries again."""
_GROWTH: Final = 8
"""Segments of about the same size are merged when there are this many."""
_PLANNED_FOR_USER: Final = (
    b"SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true)"
)
"""For the rest of the transaction. A generic plan, or compiling, takes a second for 100,000 memories, not 20 ms."""
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

    @property
    def in_rows(self) -> bool:
        """Whether rows that PostgreSQL searches have the memories."""
        return in_rows(self.kind)

    @property
    def searched_in_segments(self) -> bool:
        """Whether segments have all memories."""
        return self.kind in ("sealed", "both")


def in_rows(kind: IndexKind) -> bool:
    """Whether rows that PostgreSQL searches have the memories of a user with this index."""
    return kind != "sealed"


def in_segments(kind: IndexKind) -> bool:
    """Whether every change of the memories of a user with this index is written to segments."""
    return kind != "pgvector"


class SegmentSize(NamedTuple):
    """A segment's id, its number of entries, and its encrypted bytes."""

    id: UUID
    entries: int
    bytes: int

    @property
    def loaded_bytes(self) -> int:
        """About the bytes that it takes in a loaded index."""
        return self.bytes + 50 * self.entries


class SegmentStore:
    """Reads and writes the segments of every user."""

    def __init__(self, vault: Vault, loaded: LoadedIndexes | None = None) -> None:
        self._vault = vault
        self._statements = vault.statements
        self.loaded = LoadedIndexes() if loaded is None else loaded
        self._written: set[UUID] = set()
        """Users whose segments may have to be merged, because this server has added one."""

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
        if state.in_rows == in_rows(self._vault.index) or used != (False,):
            return state.kind
        await self.set_kind_in(connection, user_id, self._vault.index)
        return self._vault.index

    async def set_kind_in(self, connection: Connection, user_id: UUID, kind: IndexKind) -> None:
        """Record that the index `kind` has the user's memories."""
        values = {"user_id": user_id, "kind": "pgvector" if in_rows(kind) else kind, "beside": _BESIDE.get(kind)}
        await connection.execute(self._statements["index_set"], values)

    async def sizes_in(self, connection: Connection, user_id: UUID) -> list[SegmentSize]:
        """The segments of a user, with their sizes. Reads no contents."""
        cursor = await connection.execute(self._statements["segment_sizes"], {"user_id": user_id})
        return [SegmentSize(*row) for row in await cursor.fetchall()]

    async def missing_in(self, connection: Connection, user_id: UUID, limit: int, after: UUID = NO_ID) -> list[UUID]:
        """The first memories after the id `after` that rows have and no segment has, in the order of their ids."""
        values = {"user_id": user_id, "after": after, "limit": limit}
        await connection.execute(_PLANNED_FOR_USER)
        cursor = await connection.execute(self._statements["segments_missing"], values)
        return [id_ for (id_,) in await cursor.fetchall()]

    async def missing_of_in(self, connection: Connection, user_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
        """Those of these memories that rows have and no segment has."""
        await connection.execute(_PLANNED_FOR_USER)
        cursor = await connection.execute(
            self._statements["segments_missing_of"], {"user_id": user_id, "ids": list(ids)}
        )
        return {id_ for (id_,) in await cursor.fetchall()}

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

    def report(self, index: LoadedIndex, *, in_rows: bool = False) -> None:
        """Log and count the segments that can't be decrypted with the user's present key.

        `in_rows`: see `IndexState`.
        """
        meaning = "its memories are not found until `python -m server reembed` is run"
        if in_rows:
            meaning = "PostgreSQL searches until it is made again"
        for id_ in index.unreadable:
            logger.warning("segment %s of a memory index can't be decrypted, so %s", id_, meaning)
            self._vault.reported("associative")

    async def add_in(self, connection: Connection, user_key: UserKey, entries: Collection[Entry]) -> None:
        """Add entries, which replace older ones of the same memories. In a transaction of `Vault.writing`."""
        if not entries:
            return
        # Only entries of the same memories are compared by their stamps, so the other segments need not be read.
        ids = [entry.id for entry in entries]
        stamp = await self._last_stamp(connection, user_key, ids) + 1
        await self.write_in(connection, user_key, [replace(entry, stamp=stamp) for entry in entries])
        self._written.add(user_key.user_id)

    async def _last_stamp(self, connection: Connection, user_key: UserKey, ids: Sequence[UUID]) -> int:
        """The highest stamp in the segments that have an entry of these memories; 0 if none has."""
        parts = await self._parts_in(connection, user_key, await self._having(connection, user_key, ids))
        return max((int(part.stamps.max(initial=0)) for part in parts.values()), default=0)

    async def _having(self, connection: Connection, user_key: UserKey, ids: Collection[UUID]) -> list[UUID]:
        """The ids of the segments that have an entry of these memories."""
        values = {"user_id": user_key.user_id, "ids": list(ids)}
        cursor = await connection.execute(self._statements["segments_of_memories"], values)
        return [id_ for (id_,) in await cursor.fetchall()]

    async def _parts_in(self, connection: Connection, user_key: UserKey, ids: Collection[UUID]) -> dict[UUID, Segment]:
        """Those of these segments that can be decrypted. Reads the ones that are not loaded."""
        known = self.loaded.get(user_key)
        have = {} if known is None else {id_: known.segments[id_] for id_ in ids if id_ in known.segments}
        missing = [id_ for id_ in ids if id_ not in have]
        if not missing:
            return have
        values = {"user_id": user_key.user_id, "ids": missing}
        cursor = await connection.execute(self._statements["segments_read"], values, binary=True)
        rows = await cursor.fetchall()
        return have | await _worked(lambda: _opened(user_key.cipher, rows), sum(len(row[1]) for row in rows))

    async def remove_in(self, connection: Connection, user_key: UserKey, ids: Collection[UUID]) -> None:
        """Replace every segment with an entry of these memories by one without. In a transaction of `Vault.writing`.

        A segment that can't be decrypted is removed.
        """
        if not ids:
            return
        having, gone = await self._having(connection, user_key, ids), set(ids)
        parts = await self._parts_in(connection, user_key, having)

        def left() -> list[SealedSegment]:
            kept = [[entry for entry in part.entries() if entry.id not in gone] for part in parts.values()]
            return [one for entries in kept for one in sealed_segments(user_key.cipher, entries)]

        made = await _worked(left, sum(part.size for part in parts.values()))
        await self._remove(connection, user_key, having)
        await self.insert_in(connection, user_key.user_id, made)

    async def without_vectors_in(self, connection: Connection, user_key: UserKey, ids: Collection[UUID]) -> None:
        """Remove the vectors of these memories from every segment; they stay findable by words."""
        if not ids:
            return
        parts = await self._parts_in(connection, user_key, await self._having(connection, user_key, ids))
        newest = await _worked(lambda: LoadedIndex(parts).entries(ids), sum(part.size for part in parts.values()))
        entries = [entry.without_vectors() for entry in newest.values()]
        await self.remove_in(connection, user_key, ids)
        await self.write_in(connection, user_key, entries)

    async def merge(self, user_id: UUID) -> bool:
        """Merge segments of about the same size, if there are many; returns whether there may be more to merge.

        The new segments are made without a lock. Segments are never changed, so it is enough that the old ones still
        exist when the new ones take their place. Raises like `Vault.key`, and the database's errors.
        """
        if self._vault.index == "pgvector" and user_id not in self._written:
            return False

        async def read(
            connection: Connection, key: UserKey
        ) -> tuple[list[UUID], dict[UUID, Segment], LoadedIndex | None]:
            state, index = await self.state_in(connection, user_id), self.loaded.get(key)
            if index is not None and state.searched_in_segments and index.state != state.segments:
                # The next search finds the present index loaded.
                index = await self.load_in(connection, key, state.segments)
            if index is not None and index.state != state.segments:
                index = None
            # Segments of a user who is about to be moved to the rows of PostgreSQL are removed soon.
            if len(state.segments) < _GROWTH or state.in_rows != in_rows(self._vault.index):
                return [], {}, None
            chosen = _of_one_size(await self.sizes_in(connection, user_id)) or ([] if index is None else _stale(index))
            return chosen, await self._parts_in(connection, key, chosen), index

        key, (chosen, parts, index) = await self._vault.consistent(user_id, read)
        if not chosen or parts.keys() != set(chosen):
            self._written.discard(user_id)
            return False
        made = await _worked(lambda: _merged(key.cipher, parts, index), sum(part.size for part in parts.values()))
        async with self._vault.writing(user_id) as (connection, current):
            state = await self.state_in(connection, user_id)
            if current.key == key.key and state.segments >= set(chosen):
                await self._remove(connection, current, chosen)
                await self.insert_in(connection, user_id, made)
        return True

    async def erase_in(self, connection: Connection, user_id: UUID) -> None:
        """Remove all segments."""
        await connection.execute(self._statements["segments_erase"], {"user_id": user_id})

    async def discard_in(self, connection: Connection, user_id: UUID, segments: Collection[UUID]) -> None:
        """Remove these segments, which can't be used, and have their entries made again from the user's rows.

        In a transaction of `Vault.writing`, for a user with both indexes.
        """
        await connection.execute(self._statements["segments_remove"], {"user_id": user_id, "ids": list(segments)})
        await self.set_kind_in(connection, user_id, "building")

    async def write_in(self, connection: Connection, user_key: UserKey, entries: Sequence[Entry]) -> None:
        """Store entries of memories that have none, or none with a higher stamp."""
        for start in range(0, len(entries), MAX_ENTRIES):
            few = entries[start : start + MAX_ENTRIES]
            made = await _worked(partial(sealed_segments, user_key.cipher, few), len(few) * 10_000)
            await self.insert_in(connection, user_key.user_id, made)

    async def insert_in(self, connection: Connection, user_id: UUID, segments: Iterable[SealedSegment]) -> None:
        """Store segments of `sealed_segments`, in a transaction of `Vault.writing` with the key that encrypts them."""
        for id_, memory_ids, encrypted in segments:
            values = {"user_id": user_id, "id": id_, "memory_ids": memory_ids, "segment_encrypted": encrypted}
            await connection.execute(self._statements["segment_add"], values)

    async def _remove(self, connection: Connection, user_key: UserKey, ids: Sequence[UUID]) -> None:
        if ids:
            values = {"user_id": user_key.user_id, "ids": list(ids)}
            await connection.execute(self._statements["segments_remove"], values)


class SealedSegment(NamedTuple):
    """A segment as a row: its id, the memories with an entry, and the encrypted entries."""

    id: UUID
    memory_ids: list[UUID]
    encrypted: bytes


def sealed_segments(cipher: Cipher, entries: Sequence[Entry]) -> list[SealedSegment]:
    """The encrypted segments of these entries, of at most `MAX_ENTRIES` each."""
    made = []
    for start in range(0, len(entries), MAX_ENTRIES):
        few, id_ = entries[start : start + MAX_ENTRIES], uuid4()
        encrypted = cipher.seal_bytes(_purpose(id_), Segment.of(few).to_bytes())
        made.append(SealedSegment(id_, [entry.id for entry in few], encrypted))
    return made


def _opened(cipher: Cipher, rows: Iterable[tuple[Any, ...]]) -> dict[UUID, Segment]:
    """The segments that can be decrypted, by id."""
    opened = {}
    for id_, token in rows:
        with suppress(Unreadable, ValueError, KeyError, TypeError):
            opened[id_] = Segment.from_bytes(cipher.unseal_bytes(_purpose(id_), bytes(token)))
    return opened


def _of_one_size(sizes: Sequence[SegmentSize]) -> list[UUID]:
    """The ids of segments of about the same size to merge, if there are enough of one size."""
    by_size: defaultdict[int, list[UUID]] = defaultdict(list)
    for part in sizes:
        if 0 < part.entries <= MAX_ENTRIES // 2:
            by_size[int(math.log(part.entries, _GROWTH))].append(part.id)
    return next((ids for ids in by_size.values() if len(ids) >= _GROWTH), [])


def _stale(index: LoadedIndex) -> list[UUID]:
    """The ids of segments of which more than half is out of date."""
    return [id_ for id_, part in index.segments.items() if 2 * len(index.ids_in(id_)) < len(part)]


def _merged(cipher: Cipher, parts: Mapping[UUID, Segment], index: LoadedIndex | None) -> list[SealedSegment]:
    """Segments with the newest entry of each memory in `parts`, without those that are not the newest of `index`."""
    newest = None if index is None else {memory for id_ in parts for memory in index.ids_in(id_)}
    return sealed_segments(cipher, list(LoadedIndex(parts).entries(newest).values()))


def _purpose(id_: UUID) -> Purpose:
    return Purpose("memory_segments", "segment_encrypted", str(id_), "")


async def _worked(work: Callable[[], T], size: int) -> T:
    """The result of `work`, which takes about a millisecond per 200,000 bytes: in a thread if that is long."""
    return work() if size < _SMALL_BYTES else await trio.to_thread.run_sync(work)
