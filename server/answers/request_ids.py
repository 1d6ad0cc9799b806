"""Request ids that are in use or were lately: the same id again within ten minutes runs nothing."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final
from uuid import UUID

REMEMBERED_S: Final = 600.0
_MAX_REMEMBERED: Final = 200_000


class RequestIds:
    """The ids accepted lately, per user. Bounded: past `limit` finished ids the oldest is forgotten early."""

    def __init__(self, limit: int = _MAX_REMEMBERED) -> None:
        self._limit = limit
        self._running: set[tuple[UUID, UUID]] = set()
        self._finished: OrderedDict[tuple[UUID, UUID], float] = OrderedDict()

    def known(self, user_id: UUID, request_id: UUID, now: float) -> bool:
        """Whether the id is in use, or was within `REMEMBERED_S`."""
        self._forget(now)
        key = (user_id, request_id)
        return key in self._running or key in self._finished

    def accept(self, user_id: UUID, request_id: UUID, now: float) -> bool:
        """Take an id into use; False when it is a duplicate. `now` is a monotonic time in seconds."""
        if self.known(user_id, request_id, now):
            return False
        self._running.add((user_id, request_id))
        return True

    def finish(self, user_id: UUID, request_id: UUID, now: float) -> None:
        """The request has ended; its id stays taken for `REMEMBERED_S`."""
        key = (user_id, request_id)
        self._running.discard(key)
        self._finished[key] = now + REMEMBERED_S
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._finished:
            key, until = next(iter(self._finished.items()))
            if until > now and len(self._finished) <= self._limit:
                return
            del self._finished[key]
