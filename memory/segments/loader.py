"""Loads the indexes of users with both indexes, in the background: until then PostgreSQL answers their questions."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from uuid import UUID

import trio

from memory.keys import MissingKeyShare, UserKey, WrongMasterKey
from memory.segments.loaded import LoadedIndex
from memory.segments.store import SegmentStore
from memory.vault import NoSuchUser, Vault
from sql.driver import Connection, DatabaseUnavailable
from sql.pool import PoolTimeout

logger = logging.getLogger(__name__)

_MAX_ASKED: Final = 10_000
_EXPECTED: Final = (DatabaseUnavailable, PoolTimeout, NoSuchUser, WrongMasterKey, MissingKeyShare)


class IndexLoader:
    """Start `run` in the server's nursery. Without it, PostgreSQL answers all questions of these users."""

    def __init__(self, vault: Vault, segments: SegmentStore) -> None:
        self._vault = vault
        self._segments = segments
        self._asked: OrderedDict[UUID, None] = OrderedDict()
        self._wakes = trio.Event()
        self.on_loaded: Callable[[UUID, int], None] | None = None
        """Is called with the number of memories of each user whose index was loaded."""

    def __repr__(self) -> str:
        return f"<IndexLoader: {len(self._asked)} users are waiting>"

    def ask(self, user_id: UUID) -> None:
        """Have the user's index loaded. Does not wait. Further users are ignored while 10,000 are waiting."""
        if len(self._asked) < _MAX_ASKED:
            self._asked[user_id] = None
            self._wakes.set()

    async def run(self) -> None:
        """Load one index after the other, until cancelled."""
        while True:
            await self._wakes.wait()
            self._wakes = trio.Event()
            await self.run_once()

    async def run_once(self) -> None:
        """Load the indexes that were asked for. A failure is logged: the next question asks again."""
        while self._asked:
            user_id, _ = self._asked.popitem(last=False)
            try:
                await self.load(user_id)
            except _EXPECTED as error:
                logger.warning("a memory index is not loaded, so PostgreSQL searches: %s", type(error).__name__)
            # Error boundary of one user: the indexes of others are loaded.
            except Exception:
                logger.exception("loading a memory index failed, so PostgreSQL searches")

    async def load(self, user_id: UUID) -> bool:
        """Load the user's index, if it has room; returns whether it was loaded.

        An index that lacks a memory, or has a segment that can't be decrypted, is not kept. Its segments are made
        again in the background. Raises like `Vault.key`, and the database's errors.
        """
        segments = self._segments

        async def read(connection: Connection, key: UserKey) -> tuple[LoadedIndex, bool] | None:
            state = await segments.state_in(connection, user_id)
            sizes = await segments.sizes_in(connection, user_id)
            if state.kind != "both" or not segments.loaded.has_room(sum(part.loaded_bytes for part in sizes), user_id):
                return None
            complete = not await segments.missing_in(connection, user_id, 1)
            return await segments.load_in(connection, key, state.segments), complete

        key, found = await self._vault.consistent(user_id, read)
        if found is None:
            return False
        index, complete = found
        if complete and not index.unreadable:
            if self.on_loaded is not None:
                self.on_loaded(user_id, len(index))
            return True
        segments.loaded.drop(user_id)
        segments.report(index, in_rows=True)
        async with self._vault.writing(user_id) as (connection, current):
            state = await segments.state_in(connection, user_id)
            if current.key == key.key and state.kind == "both":
                await segments.discard_in(connection, user_id, index.unreadable)
        return False
