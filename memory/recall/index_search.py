"""Search in the index that has a user's memories: by PostgreSQL, or in the server's memory.

For a user with both indexes the server searches in its memory if the index is loaded. If it is not, PostgreSQL
searches, which is faster than loading it, and the index is loaded in the background.

A search in memory needs no extra round trip. The hits of the loaded index are read together with the ids of the
present segments. If these differ from the loaded ones, another server or a later change has written: then the search
is done again with the present segments.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

import trio

from memory.keys import UserKey
from memory.recall.sealed import Scored, sealed_search
from memory.recall.search import Hit, SearchQuery, read_hits, search
from memory.segments import IndexLoader, IndexState, LoadedIndex, SegmentStore
from memory.vault import IndexKind, Vault
from sql.driver import Connection, Cursor

T = TypeVar("T")

_LARGE: Final = 5000
"""Memories that are searched in a thread, because it takes over half a millisecond."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A queued search. `state` None: it is known that the searched index, of the kind `kind`, is the present one."""

    query: SearchQuery
    rows: Cursor
    state: Cursor | None
    kind: IndexKind = "pgvector"
    index: LoadedIndex | None = None
    """None: PostgreSQL searches."""
    scored: Sequence[Scored] = ()

    async def hits(self) -> tuple[list[Hit], IndexKind] | None:
        """The hits and the user's index, after the transaction. None: it is another index by now."""
        kind = self.kind
        if self.state is not None:
            state = IndexState.of(await self.state.fetchone())
            kind = state.kind
            if self.index is None and not state.in_rows:
                return None
            if self.index is not None and not (state.searched_in_segments and state.segments == self.index.state):
                return None
            if self.index is not None and self.index.unreadable and state.in_rows:
                return None
        rows = await self.rows.fetchall()
        if self.index is None:
            return read_hits(rows, self.query), kind
        by_id = {row[0]: row for row in rows}
        hits = read_hits(
            ((*by_id[one.id][:9], *one.columns, *by_id[one.id][9:]) for one in self.scored if one.id in by_id),
            self.query,
        )
        return hits, kind


class IndexSearch:
    """Searches the memories of every user."""

    def __init__(self, vault: Vault, segments: SegmentStore, loader: IndexLoader) -> None:
        self._vault = vault
        self._loader = loader
        self._segments = segments

    async def consistent(
        self, user_id: UUID, queue: Callable[[Connection, UserKey, bool], Awaitable[tuple[Pending, T]]]
    ) -> tuple[UserKey, list[Hit], T]:
        """Like `Vault.consistent`, for a `queue` that calls the method `queue`, and passes its last argument on."""
        fresh = False
        while True:

            async def read(connection: Connection, key: UserKey, fresh: bool = fresh) -> tuple[Pending, T]:
                return await queue(connection, key, fresh)

            key, (pending, found) = await self._vault.consistent(user_id, read)
            searched = await pending.hits()
            if searched is not None:
                hits, kind = searched
                if pending.index is not None:
                    self._segments.report(pending.index)
                elif kind == "both":
                    self._loader.ask(user_id)
                return key, hits, found
            fresh = True

    async def queue(
        self, connection: Connection, key: UserKey, query: SearchQuery, limit: int, *, fresh: bool = True
    ) -> Pending:
        """Queue a search for at most `limit` memories.

        `fresh`: look first which index the user has, and load it. Otherwise the loaded one is searched.
        """
        user_id = key.user_id
        loaded = None if fresh else self._segments.loaded.get(key)
        if not fresh and (loaded is not None or self._vault.index == "pgvector"):
            state = await self._segments.queue_state(connection, user_id)
            if loaded is None:
                rows = await search(connection, self._vault.statements, user_id, query, limit)
                return Pending(query, rows, state)
            return await self._queue_hits(connection, key, loaded, query, limit, state)
        present = await self._segments.state_in(connection, user_id)
        index = None
        if not present.searched_in_segments:
            self._segments.loaded.drop(user_id)
        if present.kind == "sealed" or (present.kind == "both" and self._segments.loaded.get(key) is not None):
            index = await self._segments.load_in(connection, key, present.segments)
            if index.unreadable and present.in_rows:
                self._segments.loaded.drop(user_id)
                index = None
        if index is None:
            rows = await search(connection, self._vault.statements, user_id, query, limit)
            return Pending(query, rows, None, present.kind)
        return await self._queue_hits(connection, key, index, query, limit, None)

    async def _queue_hits(
        self,
        connection: Connection,
        key: UserKey,
        index: LoadedIndex,
        query: SearchQuery,
        limit: int,
        state: Cursor | None,
    ) -> Pending:
        def ranked() -> list[Scored]:
            plain = None if query.vector is None else key.rotation.undo(query.vector)
            multilingual = None if query.multilingual is None else key.rotation.undo(query.multilingual.vector)
            return sealed_search(index, query, plain, limit, multilingual)

        scored = ranked() if len(index.present) < _LARGE else await trio.to_thread.run_sync(ranked)
        values = {"user_id": key.user_id, "ids": [one.id for one in scored]}
        rows = await connection.execute(self._vault.statements["memory_hits"], values)
        return Pending(query, rows, state, index=index, scored=scored)
