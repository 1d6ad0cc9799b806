"""The accesses that ended lately. A socket that was being opened meanwhile had passed its check before."""

from __future__ import annotations

from collections import deque
from typing import Final

import trio

from server.accounts import AuthenticatedUser, EndedAccess

_KEPT_S: Final = 60.0
"""Longer than a handshake takes."""


class EndedAccesses:
    """What ended in the last minute, by the order in which this process learned of it."""

    def __init__(self) -> None:
        self._ended: deque[tuple[float, EndedAccess]] = deque()

    def __len__(self) -> int:
        return len(self._ended)

    def add(self, ended: EndedAccess) -> None:
        """Remember it for a minute."""
        now = trio.current_time()
        while self._ended and self._ended[0][0] < now - _KEPT_S:
            self._ended.popleft()
        self._ended.append((now, ended))

    def since(self, begun_at: float, user: AuthenticatedUser) -> list[EndedAccess]:
        """What ended for this user since `begun_at`, on trio's clock."""
        return [ended for at, ended in self._ended if at >= begun_at and ended.user_id == user.user_id]
