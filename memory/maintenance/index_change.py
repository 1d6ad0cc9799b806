"""Moves users' memories to the index of the setting TESSERA_MEMORY_INDEX, one user at a time, in the background.

One transaction builds the new index of a user and empties the old one. Until it is committed, the old one is searched
and written, so every answer uses a complete index.

With the index `pgvector`, users with many memories get segments in addition to the rows
(`memory.maintenance.index_build`), and lose them when they have few.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import numpy as np
import trio

from memory.crypto import Unreadable, Vectors
from memory.keys import MissingKeyShare, UserKey, WrongMasterKey
from memory.maintenance.index_build import IndexBuild
from memory.segments import MAX_ENTRIES, Entry, IndexState, StoredVector
from memory.tiers import AssociativeMemory
from memory.vault import IndexKind, NoSuchUser, Vault
from sql.driver import Connection, DatabaseUnavailable
from sql.pool import PoolTimeout
from sql.statements import StatementName
from sql.tenant import listing, without_user

logger = logging.getLogger(__name__)

_INTERVAL_S: Final = 60.0
_USERS: Final = 50
_PAGE: Final = 200
_NO_ID: Final = UUID(int=0)
_MAX_GROWN: Final = 10_000
_KEPT_SHARE: Final = 0.75
"""Additional segments are removed when a user has fewer memories than this part of the number that adds them."""
_SEEN_S: Final = 60.0
"""Seconds since its last heartbeat for which a server counts as running."""
_EMPTIED: Final[tuple[StatementName, ...]] = ("terms_erase", "messages_erase", "signatures_erase", "embeddings_erase")
"""Statements that empty the index that PostgreSQL searches."""


class IndexChange:
    """Start `run` in the server's nursery. Any number of servers with the same setting share the work."""

    def __init__(
        self,
        vault: Vault,
        associative: AssociativeMemory,
        on_changed: Callable[[int], None] | None = None,
        *,
        segments_from: int = 0,
        on_built: Callable[[], None] | None = None,
    ) -> None:
        """`on_changed` counts the users that were moved, and `on_built` those who got additional segments.

        `segments_from`: a user with at least this number of memories gets additional segments; 0: no user does.
        """
        self._vault = vault
        self._build = IndexBuild(vault, associative)
        self._segments_from = segments_from
        self._on_built = on_built or _nothing
        self._grown: OrderedDict[UUID, None] = OrderedDict()
        self._shrunk: set[UUID] = set()
        self._woken = trio.Event()
        self._sizes_known = False
        self._associative = associative
        self._segments = associative.segments
        associative.index_loader.on_loaded = self._loaded
        self._on_changed = on_changed or _ignore

    async def run(self) -> None:
        """Until cancelled: move the users that are in the other index, immediately and then every minute.

        Users who have grown (see `counted`) are served immediately.
        """
        listed_at = -math.inf
        while True:
            self._woken = trio.Event()
            # Error boundary: a failed round ends neither the next ones nor the server.
            try:
                if trio.current_time() - listed_at >= _INTERVAL_S:
                    listed_at = trio.current_time()
                    await self.everybody()
                await self.grown()
            except (DatabaseUnavailable, PoolTimeout) as error:
                logger.warning("moving memories to another index failed and is tried again in a minute: %s", error)
            except Exception:
                logger.exception("moving memories to another index failed")
            with trio.move_on_at(listed_at + _INTERVAL_S):
                await self._woken.wait()

    def counted(self, user_id: UUID, memories: int) -> None:
        """The user has about this number of memories. If they are many, `run` builds additional segments."""
        if self._vault.index == "sealed" or not 0 < self._segments_from <= memories:
            return
        if len(self._grown) < _MAX_GROWN and not self._segments.loaded.has(user_id):
            self._grown[user_id] = None
            self._woken.set()

    def _loaded(self, user_id: UUID, memories: int) -> None:
        """A user with segments in addition to the rows has this number of memories."""
        if memories < self._kept_from:
            self._shrunk.add(user_id)
            self._woken.set()

    @property
    def _kept_from(self) -> int:
        return math.ceil(_KEPT_SHARE * self._segments_from)

    async def everybody(self) -> int:
        """Move the memories of all users that are in the other index; returns the number of users.

        With the index `pgvector`, also continue to build additional segments, and remove those of users with few
        memories. Raises the database's errors if users can't be listed.
        """
        other: IndexKind = "pgvector" if self._vault.index == "sealed" else "sealed"
        count = 0
        async with aclosing(self._listed("index_users", {"kind": other})) as users:
            async for user_id in users:
                count += await self._moved(user_id)
        if self._vault.index == "pgvector":
            await self._beside()
        return count

    async def grown(self) -> int:
        """Build additional segments for users who have grown; returns the number of users who have them now.

        Also removes those of users who have few memories by now. Raises the database's errors.
        """
        count = 0
        while self._shrunk:
            await self._attempt(self._shrunk.pop(), self._drop_few)
        while self._grown:
            user_id, _ = self._grown.popitem(last=False)
            if await self._all_write_segments():
                count += await self._attempt(user_id, self._build_for)
        return count

    async def _beside(self) -> None:
        """Continue what was begun for users with segments in addition to the rows.

        While a server of an earlier release runs, which writes the rows only, these users' segments are removed.
        """
        keeps = self._segments_from > 0 and await self._all_write_segments()
        if keeps:
            async with aclosing(self._listed("index_beside_users", {"beside": "building"})) as users:
                async for user_id in users:
                    await self._attempt(user_id, self._build_for)
            if self._sizes_known:
                return

        drop = self._drop_few if keeps else self._build.drop
        for beside in ("building", "complete"):
            async with aclosing(self._listed("index_beside_users", {"beside": beside})) as users:
                async for user_id in users:
                    await self._attempt(user_id, drop)
        # From then on, `IndexLoader` tells how many memories a user has.
        self._sizes_known = keeps

    async def _drop_few(self, user_id: UUID) -> bool:
        return await self._build.drop(user_id, self._kept_from)

    async def _all_write_segments(self) -> bool:
        async with without_user(self._vault.pool) as connection:
            cursor = await connection.execute(self._vault.statements["segments_known_by_all"], {"seen_s": _SEEN_S})
            return await cursor.fetchone() == (True,)

    async def _build_for(self, user_id: UUID) -> bool:
        """Build a user's additional segments; returns whether they are complete now, and were not before."""
        if not await self._build.begin(user_id, self._segments_from) or not await self._build.run(user_id):
            return False
        self._on_built()
        return True

    async def _listed(self, statement: StatementName, values: Mapping[str, object]) -> AsyncGenerator[UUID, None]:
        """The users that a statement lists, page by page."""
        after = _NO_ID
        while True:
            async with listing(self._vault.pool) as connection:
                cursor = await connection.execute(
                    self._vault.statements[statement], {**values, "after": after, "limit": _USERS}
                )
            users = [user_id for (user_id,) in await cursor.fetchall()]
            for user_id in users:
                yield user_id
            if len(users) < _USERS:
                return
            after = users[-1]

    async def _moved(self, user_id: UUID) -> bool:
        moved = await self._attempt(user_id, self.user)
        self._on_changed(moved)
        return moved

    async def _attempt(self, user_id: UUID, change: Callable[[UUID], Awaitable[bool]]) -> bool:
        """The result of `change`; False if it failed for this user."""
        try:
            return await change(user_id)
        except NoSuchUser:
            return False
        # Error boundary of one user: the memories of others are moved. This user keeps the index they have.
        except (PoolTimeout, WrongMasterKey, MissingKeyShare) as error:
            logger.warning("the memories of user %s are not moved to another index yet: %s", user_id, error)
            return False
        except DatabaseUnavailable:
            raise
        except Exception:
            logger.exception("the memories of user %s are not moved to another index yet", user_id)
            return False

    async def user(self, user_id: UUID) -> bool:
        """Move one user's memories to the wanted index; returns whether they were in the other one.

        Their new memories wait meanwhile: about a millisecond per memory. Memories that can't be decrypted are in no
        index afterwards. Raises like `Vault.key`.
        """
        async with self._vault.writing(user_id) as (connection, shared):
            # Blind terms are made in a thread below, and must not be shared with searches of the same key.
            key = replace(shared)
            state = await self._segments.state_in(connection, user_id)
            if state.in_rows == (self._vault.index == "pgvector"):
                return False
            if self._vault.index == "sealed":
                await self._seal(connection, key, state)
            else:
                await self._unseal(connection, key, state.segments)
            await self._segments.set_kind_in(connection, user_id, self._vault.index)
        if self._vault.index == "pgvector":
            self._segments.loaded.drop(user_id)
        return True

    async def _seal(self, connection: Connection, key: UserKey, state: IndexState) -> None:
        if not await self._is_sealed(connection, key, state):
            await self._fill(connection, key)
        for statement in _EMPTIED:
            await connection.execute(self._vault.statements[statement], {"user_id": key.user_id})

    async def _is_sealed(self, connection: Connection, key: UserKey, state: IndexState) -> bool:
        """Whether segments in addition to the rows have all memories."""
        if state.kind != "both" or await self._segments.missing_in(connection, key.user_id, 1):
            return False
        return not (await self._segments.load_in(connection, key, state.segments)).unreadable

    async def _fill(self, connection: Connection, key: UserKey) -> None:
        await self._segments.erase_in(connection, key.user_id)
        entries: list[Entry] = []
        async with aclosing(self._pages(connection, key.user_id)) as pages:
            async for page in pages:
                entries += await self._entries(connection, key, page)
                if len(entries) >= MAX_ENTRIES:
                    await self._segments.write_in(connection, key, entries[:MAX_ENTRIES])
                    del entries[:MAX_ENTRIES]
        await self._segments.write_in(connection, key, entries)

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


def _nothing() -> None:
    pass
