"""The loaded indexes of a server: bounded in bytes, and kept no longer than the keys that decrypt them."""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from uuid import UUID

from memory.keys import UserKey
from memory.segments.loaded import LoadedIndex

DEFAULT_MAX_BYTES: Final = 256 * 1024 * 1024
_IN_USE_S: Final = 60.0
"""Seconds since its last search for which an index is not evicted for one that PostgreSQL can search too."""


class LoadedIndexes:
    """Evicts the index that was used longest ago when all together have more than `max_bytes`.

    An index is evicted too when the cached key of its user is (`memory.keys.UserKeys`). An index that is larger than
    `max_bytes` is used for its search, and not kept.
    """

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_bytes = max_bytes
        self._clock = clock
        self._used_at: dict[UUID, float] = {}
        self._loaded: OrderedDict[UUID, tuple[weakref.ref[UserKey], LoadedIndex]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._loaded)

    @property
    def size(self) -> int:
        """Bytes of all loaded indexes."""
        return self._size

    def get(self, user_key: UserKey) -> LoadedIndex | None:
        """The index that was loaded with this key. It may be older than the database."""
        found = self._loaded.get(user_key.user_id)
        if found is None:
            return None
        key = found[0]()
        if key is None or key.key != user_key.key:
            self.drop(user_key.user_id)
            return None
        self._loaded.move_to_end(user_key.user_id)
        self._used_at[user_key.user_id] = self._clock()
        return found[1]

    def has(self, user_id: UUID) -> bool:
        """Whether an index of the user is loaded. It does not count as a use."""
        return user_id in self._loaded

    def has_room(self, size: int, user_id: UUID) -> bool:
        """Whether an index of `size` bytes of this user can be kept without evicting one that is in use."""
        since = self._clock() - _IN_USE_S
        in_use = sum(
            index.size
            for other, (_, index) in self._loaded.items()
            if other != user_id and self._used_at[other] > since
        )
        return in_use + size <= self.max_bytes

    def put(self, user_key: UserKey, index: LoadedIndex) -> None:
        """Keep `index`, in the place of the user's earlier one."""
        user_id = user_key.user_id
        self.drop(user_id)
        if index.size > self.max_bytes:
            return

        def evicted(reference: weakref.ref[UserKey]) -> None:
            found = self._loaded.get(user_id)
            if found is not None and found[0] is reference:
                self.drop(user_id)

        self._loaded[user_id] = (weakref.ref(user_key, evicted), index)
        self._used_at[user_id] = self._clock()
        self._size += index.size
        while self._size > self.max_bytes:
            self.drop(next(iter(self._loaded)))

    def drop(self, user_id: UUID) -> None:
        """Evict the user's index."""
        found = self._loaded.pop(user_id, None)
        if found is not None:
            del self._used_at[user_id]
            self._size -= found[1].size
