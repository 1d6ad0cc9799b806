"""Changes of entities on their way into memory: taken at once, committed promptly, in order, again when that fails.

Between the two they are in the server's memory, which is bounded; what does not fit is refused, and who sent it is
told. Each user has a lane of their own: a change that can't be stored holds up nobody else's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Literal
from uuid import UUID

import structlog
import trio

from memory import EntityChange, NoSuchUser
from server.telemetry import Metrics
from sql.transient import is_transient
from streaming.wire import WsMutationRecord

log = structlog.get_logger(__name__)

_BATCH: Final = 50
_WRITERS: Final = 3
_FIRST_DELAY_S: Final = 0.1
_LAST_DELAY_S: Final = 10.0
_HURRIED_DELAY_S: Final = 0.2
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ChangeLimits:
    """Of what waits to be written: in all, and of one user. Bytes are those of the data, about."""

    changes: int = 20_000
    total_bytes: int = 64 << 20
    changes_per_user: int = 5_000
    bytes_per_user: int = 16 << 20


@dataclass(slots=True)
class _Lane:
    """One user's waiting changes, oldest first, with the size of each; `done` of all that were `taken` are settled."""

    waiting: deque[tuple[EntityChange, int]] = field(default_factory=deque)
    size: int = 0
    taken: int = 0
    done: int = 0
    progress: trio.Event = field(default_factory=trio.Event)


def _now() -> datetime:
    return datetime.now(UTC)


class EntityChanges:
    """`run` it in the server's nursery."""

    def __init__(
        self,
        write: Callable[[UUID, Sequence[EntityChange]], Awaitable[None]],
        metrics: Metrics,
        limits: ChangeLimits | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """`write` commits changes in their order, all or none, and may be given the same ones again."""
        self._write = write
        self._metrics = metrics
        self._limits = limits or ChangeLimits()
        self._clock = clock
        self._lanes: dict[UUID, _Lane] = {}
        self._waiting = 0
        self._bytes = 0
        self._last = datetime.min.replace(tzinfo=UTC)
        self._writers = trio.CapacityLimiter(_WRITERS)
        self._nursery: trio.Nursery | None = None
        self._hurry = trio.Event()
        self._settled = trio.Event()

    def __len__(self) -> int:
        return self._waiting

    def take(self, user_id: UUID, record: WsMutationRecord) -> bool:
        """Accept a change, as of now; False when too much is waiting: it is logged, counted and not kept."""
        limits, size = self._limits, len(repr(record.data))
        lane = self._lanes.get(user_id)
        mine, mine_bytes = (len(lane.waiting), lane.size) if lane is not None else (0, 0)
        if (
            self._waiting >= limits.changes
            or self._bytes + size > limits.total_bytes
            or mine >= limits.changes_per_user
            or mine_bytes + size > limits.bytes_per_user
        ):
            log.warning("memory_change_refused", entity=record.entity, waiting=self._waiting, of_this_user=mine)
            self._metrics.entity_remembered("refused")
            return False
        if lane is None:
            lane = self._lanes[user_id] = _Lane()
            if self._nursery is not None:
                self._nursery.start_soon(self._serve, user_id, lane)
        # No two at the same time, whatever the clock does: the later one wins.
        self._last = max(self._clock(), self._last + _TICK)
        change = EntityChange(record.op, record.entity, record.id, record.data, self._last)
        lane.waiting.append((change, size))
        lane.size += size
        lane.taken += 1
        self._waiting += 1
        self._bytes += size
        return True

    async def run(self) -> None:
        """Write what is taken, for ever."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for user_id, lane in self._lanes.items():
                nursery.start_soon(self._serve, user_id, lane)
            await trio.sleep_forever()

    async def written(self, user_id: UUID) -> None:
        """Wait until what was taken of this user until now is committed, or given up."""
        lane = self._lanes.get(user_id)
        if lane is not None:
            target = lane.taken
            while lane.done < target:
                await lane.progress.wait()

    async def drain(self, within_s: float) -> int:
        """Write what is waiting, in haste, for at most so long; how many changes are lost when the server now ends."""
        self._hurry.set()
        with trio.move_on_after(within_s):
            while self._lanes:
                await self._settled.wait()
        if self._waiting:
            log.error("memory_changes_lost", count=self._waiting)
            self._metrics.entity_remembered("lost", self._waiting)
        return self._waiting

    async def _serve(self, user_id: UUID, lane: _Lane) -> None:
        delay_s, batch_size = _FIRST_DELAY_S, _BATCH
        while lane.waiting:
            batch = [change for change, _ in islice(lane.waiting, batch_size)]
            try:
                async with self._writers:
                    await self._write(user_id, batch)
            # The border of one user's changes: what passes is waited for, the rest is found out and left out.
            except Exception as error:  # noqa: BLE001
                if is_transient(error):
                    log.warning("memory_changes_wait", count=len(lane.waiting), reason=type(error).__name__)
                    self._metrics.entity_remembered("retried", len(batch))
                    await self._pause(delay_s)
                    delay_s = min(2 * delay_s, _LAST_DELAY_S)
                elif isinstance(error, NoSuchUser) or len(batch) == 1:
                    log.warning("memory_change_failed", count=len(batch), reason=type(error).__name__)
                    self._settle(lane, len(batch), "failed")
                    batch_size = _BATCH
                else:
                    batch_size = 1
            else:
                self._settle(lane, len(batch), "ok")
                delay_s = _FIRST_DELAY_S
        del self._lanes[user_id]
        self._settled.set()
        self._settled = trio.Event()

    async def _pause(self, delay_s: float) -> None:
        if self._hurry.is_set():
            await trio.sleep(min(delay_s, _HURRIED_DELAY_S))
            return
        with trio.move_on_after(delay_s):
            await self._hurry.wait()

    def _settle(self, lane: _Lane, count: int, outcome: Literal["ok", "failed"]) -> None:
        for _ in range(count):
            _, size = lane.waiting.popleft()
            lane.size -= size
            self._bytes -= size
        lane.done += count
        self._waiting -= count
        self._metrics.entity_remembered(outcome, count)
        lane.progress.set()
        lane.progress = trio.Event()
