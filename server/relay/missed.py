"""Finds messages for this server whose notification did not arrive.

A notification names the user of a message, so that usually only the messages of this user are read. The server looks
for the users of all of its messages (a sweep, see `sql.sweeps`) if notifications may have been lost, and twice a
minute.
"""

from __future__ import annotations

import math
from typing import Final
from uuid import UUID

import structlog
import trio

from server.relay.arrivals import Arrivals
from server.relay.store import MAX_WAITING, RelayStore

log = structlog.get_logger(__name__)

_SWEEP_S: Final = 30.0
_UNHEARD: Final = 3


class MissedMessages:
    """Notes the users of missed messages in `arrivals`. At each heartbeat, the server notifies itself too."""

    def __init__(self, store: RelayStore, arrivals: Arrivals) -> None:
        self._store = store
        self._arrivals = arrivals
        self._failed: set[UUID] = set()
        self._sweep_at = -math.inf
        self._heard = self._was_heard = True
        self._unheard = 0
        """Heartbeats in succession whose notification did not arrive before the next heartbeat."""

    def __repr__(self) -> str:
        return f"<MissedMessages, {len(self._failed)} users to try again, {self._unheard} heartbeats not heard>"

    def listening(self) -> None:
        """Listening has begun: notifications from before are lost."""
        self._sweep_at = -math.inf

    def heard(self) -> None:
        """The notification of a heartbeat has arrived."""
        self._heard = True

    def failed(self, user_id: UUID) -> None:
        """The messages of this user could not be read."""
        self._failed.add(user_id)

    def begin_heartbeat(self) -> None:
        """Call it before each heartbeat, and `find` after it."""
        self._was_heard, self._heard = self._heard, False

    async def find(self) -> None:
        """Note the users with messages that were missed. Raises what the store raises."""
        failed, self._failed = self._failed, set()
        for user_id in failed:
            self._arrivals.note(user_id)
        self._unheard = 0 if self._was_heard else self._unheard + 1
        if self._unheard == _UNHEARD:
            log.warning("relay_notifications_missing", heartbeats=_UNHEARD)
        if self._was_heard and not self._arrivals.overflowed and trio.current_time() < self._sweep_at:
            return
        self._arrivals.overflowed = False
        waiting = await self._store.waiting()
        for user_id in waiting:
            self._arrivals.note(user_id)
        # Further users may have messages: look again at the next heartbeat.
        self._sweep_at = -math.inf if len(waiting) >= MAX_WAITING else trio.current_time() + _SWEEP_S
