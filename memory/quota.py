"""The quota of one user: stored memories, and bytes.

A user's rows are counted at most once in a while, because counting reads all of them. Between two counts, what was
stored since is added. So the quota may be exceeded by what several servers store in that time. Something that was
accepted is stored also if the quota is reached meanwhile.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import trio

from memory.vault import Vault
from sql.tenant import scoped

logger = logging.getLogger(__name__)

_COUNTED_S: Final = 60.0
"""Seconds for which a count holds."""
_FULL_COUNTED_S: Final = 1.0
"""Seconds for which a count holds if the quota is reached. The person may have forgotten something since."""
_COUNTING_SHARE: Final = 20
"""The next count waits this many times as long as the last one took."""
_MAX_USERS: Final = 10_000
_COUNT_WITHIN_S: Final = 10.0


class QuotaReached(Exception):
    """Nothing was stored, because the user's quota is reached. The text says which limit and what to do."""


@dataclass(slots=True)
class _Use:
    memories: int
    bytes: int
    at: float
    """When it was counted, on trio's clock."""
    took_s: float


class StorageQuota:
    """At most `memories` exchanges and items, and `max_bytes` of encrypted contents and vectors, of each user.

    Start `run` in the server's nursery: it counts for `refusal`, which does not wait.
    """

    def __init__(
        self,
        vault: Vault,
        memories: int,
        max_bytes: int,
        on_counted: Callable[[UUID, int], None] | None = None,
    ) -> None:
        """`on_counted` is called with the number of memories of a user that was counted."""
        self._on_counted = on_counted
        self._vault = vault
        self._memories = memories
        self._max_bytes = max_bytes
        self._uses: OrderedDict[UUID, _Use] = OrderedDict()
        self._due: OrderedDict[UUID, None] = OrderedDict()
        self._wakes = trio.Event()

    def __repr__(self) -> str:
        return f"<StorageQuota: {len(self._uses)} users counted, {len(self._due)} to count>"

    def check_counted(self, user_id: UUID) -> bool:
        """Raise `QuotaReached` if the user may store nothing more by a recent count. False: there is none."""
        if self._is_due(user_id):
            return False
        if reason := self._reason(user_id):
            raise QuotaReached(reason)
        return True

    async def check(self, user_id: UUID) -> None:
        """Raise `QuotaReached` if the user may store nothing more. Also raises the database's errors."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._is_due(user_id):
            await self._count(user_id)
        if reason := self._reason(user_id):
            raise QuotaReached(reason)

    def refusal(self, user_id: UUID) -> QuotaReached | None:
        """Why the user may store nothing more, by the last count. `run` then counts, if the last count is old."""
        if self._is_due(user_id):
            self._due[user_id] = None
            self._wakes.set()
        reason = self._reason(user_id)
        return None if reason is None else QuotaReached(reason)

    def added(self, user_id: UUID, memories: int, size: int) -> None:
        """The user has stored this since the last count. `size` is in bytes, at most what it takes."""
        use = self._uses.get(user_id)
        if use is not None:
            use.memories += memories
            use.bytes += size

    def removed(self, user_id: UUID) -> None:
        """Something of the user was removed: it is counted again when that matters."""
        self._uses.pop(user_id, None)

    async def run(self) -> None:
        """Count for `refusal`, until cancelled."""
        while True:
            await self._wakes.wait()
            self._wakes = trio.Event()
            while self._due:
                user_id, _ = self._due.popitem(last=False)
                try:
                    with trio.fail_after(_COUNT_WITHIN_S):
                        await self._count(user_id)
                # A boundary: without a count, nothing is refused. The next change tries again.
                except Exception as error:  # noqa: BLE001
                    logger.warning("what a user stores was not counted: %s", type(error).__name__)

    def _is_due(self, user_id: UUID) -> bool:
        use = self._uses.get(user_id)
        if use is None:
            return True
        holds_s = _COUNTED_S if self._reason(user_id) is None else _FULL_COUNTED_S
        return trio.current_time() - use.at >= max(holds_s, _COUNTING_SHARE * use.took_s)

    def _reason(self, user_id: UUID) -> str | None:
        use = self._uses.get(user_id)
        if use is None:
            return None
        advice = "Forget memories or delete items to store new ones."
        if use.memories >= self._memories:
            return f"This account stores {use.memories} memories; the limit is {self._memories}. {advice}"
        if use.bytes >= self._max_bytes:
            return f"This account stores {use.bytes} bytes; the limit is {self._max_bytes}. {advice}"
        return None

    async def _count(self, user_id: UUID) -> None:
        began = trio.current_time()
        async with scoped(self._vault.pool, user_id) as connection:
            cursor = await connection.execute(self._vault.statements["storage_used"], {"user_id": user_id})
            row = await cursor.fetchone()
        memories, size = (0, 0) if row is None else (int(row[0]), int(row[1]))
        now = trio.current_time()
        self._uses[user_id] = _Use(memories, size, now, now - began)
        self._uses.move_to_end(user_id)
        while len(self._uses) > _MAX_USERS:
            self._uses.popitem(last=False)
        if self._on_counted is not None:
            self._on_counted(user_id, memories)
