"""Queues changes of entities and stores them in memory and in the log of changes soon, in order, with retries.

The queue is in the server's RAM and bounded: changes over its limits are refused, and the sender is told. Each user has
their own queue, so a change that can't be stored delays no other user's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Literal
from uuid import UUID, uuid4

import structlog
import trio

from memory import EntityChange, NoSuchUser
from memory.delivery import LoggedChange
from server.telemetry import LogRate, Metrics
from sql.transient import is_transient
from streaming.wire import WsMutationRecord

log = structlog.get_logger(__name__)

_BATCH: Final = 50
_WRITERS: Final = 3
_FIRST_DELAY_S: Final = 0.1
_LAST_DELAY_S: Final = 10.0
_HURRIED_DELAY_S: Final = 0.2
_LEAST_BYTES: Final = 200
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ChangeLimits:
    """Limits of the queued changes, in total and per user. Bytes are the approximate size of the data."""

    changes: int = 20_000
    total_bytes: int = 64 << 20
    changes_per_user: int = 5_000
    bytes_per_user: int = 16 << 20


@dataclass(frozen=True, slots=True)
class ChangeSource:
    """Where a change comes from: the device that has it already, the request that made it, and its idempotency key.

    `time_zone` is the person's, an IANA name: the days of the item's instants are those of this zone. `size`: bytes of
    the frame that brought it.
    """

    device_id: UUID | None = None
    request_id: UUID | None = None
    mutation_id: UUID | None = None
    time_zone: str = "UTC"
    size: int = 0


Logged = Callable[[LoggedChange | None], None]
"""Called when a change is committed, with its place in the log; with None if it can't be stored."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    change: EntityChange
    size: int
    logged: Logged | None


@dataclass(slots=True)
class _UserQueue:
    """One user's queued changes, oldest first. `done` of `taken` changes are stored or abandoned."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    size: int = 0
    taken: int = 0
    done: int = 0
    progress: trio.Event = field(default_factory=trio.Event)


def _now() -> datetime:
    return datetime.now(UTC)


class EntityChanges:
    """The queue of entity changes. Start `run` in the server's nursery."""

    def __init__(
        self,
        write: Callable[[UUID, Sequence[EntityChange]], Awaitable[Sequence[LoggedChange]]],
        metrics: Metrics,
        limits: ChangeLimits | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """`write` commits changes in order, all or none. It must be idempotent, because changes are retried."""
        self._write = write
        self._metrics = metrics
        self._limits = limits or ChangeLimits()
        self._clock = clock
        self._logged = LogRate()
        self._queues: dict[UUID, _UserQueue] = {}
        self._waiting = 0
        self._bytes = 0
        self._last = datetime.min.replace(tzinfo=UTC)
        self._writers = trio.CapacityLimiter(_WRITERS)
        self._nursery: trio.Nursery | None = None
        self._hurry = trio.Event()
        self._settled = trio.Event()

    def __len__(self) -> int:
        return self._waiting

    def take(
        self,
        user_id: UUID,
        record: WsMutationRecord,
        source: ChangeSource = ChangeSource(),
        logged: Logged | None = None,
    ) -> bool:
        """Queue a change with the present time. Returns False, logs and counts it if a limit is reached.

        `logged` is called in the order of the changes. It must not raise.
        """
        limits, size = self._limits, max(source.size, _LEAST_BYTES)
        queue = self._queues.get(user_id)
        mine, mine_bytes = (len(queue.waiting), queue.size) if queue is not None else (0, 0)
        if (
            self._waiting >= limits.changes
            or self._bytes + size > limits.total_bytes
            or mine >= limits.changes_per_user
            or mine_bytes + size > limits.bytes_per_user
        ):
            fields = {"entity": record.entity, "waiting": self._waiting, "of_this_user": mine}
            self._logged.log(log.warning, "memory_change_refused", str(user_id), **fields)
            self._metrics.entity_remembered("refused")
            return False
        if queue is None:
            queue = self._queues[user_id] = _UserQueue()
            if self._nursery is not None:
                self._nursery.start_soon(self._serve, user_id, queue)
        # Each change gets a later time than the one before, even if the clock steps back: the later change wins.
        self._last = max(self._clock(), self._last + _TICK)
        change = EntityChange(
            record.op,
            record.entity,
            record.id,
            record.data,
            self._last,
            source.mutation_id or uuid4(),
            source.device_id,
            source.request_id,
            source.time_zone,
        )
        queue.waiting.append(_Waiting(change, size, logged))
        queue.size += size
        queue.taken += 1
        self._waiting += 1
        self._bytes += size
        return True

    async def run(self) -> None:
        """Store queued changes until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for user_id, queue in self._queues.items():
                nursery.start_soon(self._serve, user_id, queue)
            await trio.sleep_forever()

    def any_waits(self, user_id: UUID) -> bool:
        """Whether a change of this user is queued or being stored."""
        return user_id in self._queues

    async def written(self, user_id: UUID) -> None:
        """Wait until all changes of this user that are queued now are stored or abandoned."""
        queue = self._queues.get(user_id)
        if queue is not None:
            target = queue.taken
            while queue.done < target:
                await queue.progress.wait()

    async def drain(self, within_s: float) -> int:
        """Store the queued changes with short retry delays, for at most `within_s` seconds.

        Returns how many changes are lost if the server ends now.
        """
        self._hurry.set()
        with trio.move_on_after(within_s):
            while self._queues:
                await self._settled.wait()
        if self._waiting:
            log.error("memory_changes_lost", count=self._waiting)
            self._metrics.entity_remembered("lost", self._waiting)
        return self._waiting

    async def _serve(self, user_id: UUID, queue: _UserQueue) -> None:
        delay_s, batch_size = _FIRST_DELAY_S, _BATCH
        while queue.waiting:
            batch = [waiting.change for waiting in islice(queue.waiting, batch_size)]
            try:
                async with self._writers:
                    places = await self._write(user_id, batch)
            # The boundary of one user's changes: transient errors are retried; other failed changes are skipped.
            except Exception as error:  # noqa: BLE001
                if is_transient(error):
                    log.warning("memory_changes_retried", count=len(queue.waiting), reason=type(error).__name__)
                    self._metrics.entity_remembered("retried", len(batch))
                    await self._pause(delay_s)
                    delay_s = min(2 * delay_s, _LAST_DELAY_S)
                elif isinstance(error, NoSuchUser) or len(batch) == 1:
                    log.warning("memory_change_failed", count=len(batch), reason=type(error).__name__)
                    self._settle(queue, "failed", [None] * len(batch))
                    batch_size = _BATCH
                else:
                    batch_size = 1
            else:
                self._settle(queue, "ok", places)
                delay_s = _FIRST_DELAY_S
        del self._queues[user_id]
        self._settled.set()
        self._settled = trio.Event()

    async def _pause(self, delay_s: float) -> None:
        if self._hurry.is_set():
            await trio.sleep(min(delay_s, _HURRIED_DELAY_S))
            return
        with trio.move_on_after(delay_s):
            await self._hurry.wait()

    def _settle(
        self, queue: _UserQueue, outcome: Literal["ok", "failed"], places: Sequence[LoggedChange | None]
    ) -> None:
        count = len(places)
        for place in places:
            done = queue.waiting.popleft()
            queue.size -= done.size
            self._bytes -= done.size
            if done.logged is not None:
                done.logged(place)
        queue.done += count
        self._waiting -= count
        self._metrics.entity_remembered(outcome, count)
        queue.progress.set()
        queue.progress = trio.Event()
