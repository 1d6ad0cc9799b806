"""This server's heartbeats, and its judgement which other servers are gone.

A server is gone only if it is proved: its process has ended (`server.presence.marks`), or this server has reached the
database without a gap for as long as the other one sent no heartbeat. After an interruption, of the database or of this
server, the others first get the time to be heard again. All times are the database's, so the servers' clocks may
differ. A frozen server counts as gone too. What others then record about its requests, it can't overwrite.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog
import trio

from server.presence.marks import ServerMarks
from server.presence.table import Beat
from sql.driver import DatabaseUnavailable
from sql.pool import PoolTimeout

log = structlog.get_logger(__name__)

HEARTBEAT_S: Final = 2.0
STALE_S: Final = 8.0
"""Seconds without a heartbeat after which a server and its devices are treated as gone."""

# Between two heartbeats of a server that reaches the database. Others may be one heartbeat behind this server before an
# interruption, and one after it: together with it, that must be less than `STALE_S`.
_GAP_S: Final = 2 * HEARTBEAT_S
_GAP: Final = timedelta(seconds=_GAP_S)
_STALE: Final = timedelta(seconds=STALE_S)
_EXPIRE_S: Final = 30.0
_LEAVE_S: Final = 1.0
_EXPECTED: Final = (DatabaseUnavailable, PoolTimeout, trio.TooSlowError)
"""Failures while the database is away or slow: it may work again at the next heartbeat."""


class Table(Protocol):
    """The table of running servers; `server.presence.table.ServerTable` is one."""

    server_id: UUID

    async def heartbeat(self) -> Beat: ...

    async def live(self) -> set[UUID]: ...

    async def ages(self, server_ids: Collection[UUID]) -> Mapping[UUID, float]: ...

    async def leave(self) -> None: ...

    async def expire(self) -> None: ...


class Presence:
    """One server. Needs `run`, or calls of `beat` and `others` every `HEARTBEAT_S` seconds."""

    def __init__(self, table: Table, marks: ServerMarks | None = None) -> None:
        self._table = table
        self._marks = marks
        self._others: set[UUID] = set()
        # The last heartbeat, and the first one since which the database was reached without a gap.
        self._last: datetime | None = None
        self._since: datetime | None = None

    def __repr__(self) -> str:
        return f"<Presence of {self.server_id}, with {len(self._others)} others>"

    @property
    def server_id(self) -> UUID:
        return self._table.server_id

    @property
    def alone(self) -> bool:
        """Whether no other server ran when this one last looked."""
        return not self._others

    async def is_lost(self, server_id: UUID) -> bool:
        """Whether a server is gone. Returns False while that is not known. Raises what the database raises."""
        if self._marks is not None and await trio.to_thread.run_sync(self._marks.is_dead, server_id):
            return True
        if self._last is None or self._since is None or self._last - self._since < _STALE:
            await trio.lowlevel.checkpoint()
            return False
        ages = await self._table.ages([self.server_id, server_id])
        own, other = ages.get(self.server_id), ages.get(server_id)
        if own is None or not 0 <= own <= _GAP_S:
            return False  # an interruption that began after the last heartbeat, or the clock of the database was set
        return other is None or abs(other) > STALE_S

    async def beat(self) -> bool:
        """Record that this server runs. Returns True if the database had no row of it. Raises the database's errors."""
        beat = await self._table.heartbeat()
        if beat.is_new or self._last is None or not timedelta() <= beat.at - self._last <= _GAP:
            self._since = beat.at
        self._last = beat.at
        return beat.is_new

    async def others(self) -> set[UUID]:
        """The other servers that run. Raises what the database raises."""
        self._others = await self._table.live() - {self.server_id}
        return self._others

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Send heartbeats until cancelled, for a server without a relay. Reports after the first one.

        Raises nothing but `Cancelled`.
        """
        expire_at = trio.current_time() + _EXPIRE_S
        while True:
            began = trio.current_time()
            try:
                with trio.fail_after(STALE_S):
                    await self.beat()
                    await self.others()
                    if began >= expire_at:
                        expire_at = began + _EXPIRE_S
                        await self._table.expire()
            except _EXPECTED as error:
                log.warning("server_heartbeat_failed", reason=type(error).__name__, detail=str(error))
            # Error boundary: without heartbeats, the other servers would take this one for gone.
            except Exception:
                log.exception("server_heartbeat_failed")
            task_status.started()
            task_status = trio.TASK_STATUS_IGNORED
            await trio.sleep_until(max(began + HEARTBEAT_S, trio.current_time()))

    async def leave(self) -> None:
        """Tell the other servers that this one ends, if that takes at most a second."""
        with trio.move_on_after(_LEAVE_S):
            try:
                await self._table.leave()
            # This server ends in any case. The others notice its missing heartbeats.
            except _EXPECTED as error:
                log.warning("server_leave_failed", reason=type(error).__name__, detail=str(error))
            except Exception:
                log.exception("server_leave_failed")
