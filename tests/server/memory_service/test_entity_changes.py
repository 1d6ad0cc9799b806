"""Changes of entities between device and memory: in order, retried, bounded, drained at a stop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import psycopg
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from memory.delivery.changes import LoggedChange
from memory.tiers.entities import EntityChange, InvalidEntity
from server.memory_service.entity_changes import ChangeLimits, ChangeSource, EntityChanges
from server.telemetry.metrics import Metrics
from sql.pool import PoolTimeout
from streaming.wire import WsMutationRecord

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANN, BEN = UUID(int=1), UUID(int=2)


class Table:
    """Receives written changes; raises `failures` first, one per call for Ann."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.bad: set[str] = set()
        self.gate = trio.Event()
        self.gate.set()
        self.written: dict[UUID, list[EntityChange]] = {}

    async def write(self, user_id: UUID, changes: Sequence[EntityChange]) -> list[LoggedChange]:
        await self.gate.wait()
        if self.failures and user_id == ANN:
            raise self.failures.pop(0)
        if self.bad & {change.id for change in changes}:
            raise InvalidEntity("no")
        written = self.written.setdefault(user_id, [])
        written.extend(changes)
        return [LoggedChange(len(written) - len(changes) + 1 + place, is_new=True) for place in range(len(changes))]

    def ids(self, user_id: UUID) -> list[str]:
        return [change.id for change in self.written.get(user_id, [])]


def task(name: str) -> WsMutationRecord:
    return WsMutationRecord(op="update", entity="task", id=name, data={"title": name})


def outcomes(metrics: Metrics) -> dict[str, float]:
    prefix = 'tessera_memory_mutations_total{outcome="'
    lines = [line for line in metrics.render().decode().splitlines() if line.startswith(prefix)]
    return {line[len(prefix) :].split('"')[0]: float(line.split()[-1]) for line in lines}


async def test_changes_are_written_in_order_each_later_than_the_one_before(nursery: trio.Nursery) -> None:
    table, metrics = Table(), Metrics()
    changes = EntityChanges(table.write, metrics, clock=lambda: NOON)
    assert changes.take(ANN, task("before it runs"))
    nursery.start_soon(changes.run)
    for number in range(120):
        assert changes.take(ANN, task(str(number)))
    await changes.written(ANN)
    assert table.ids(ANN) == ["before it runs", *map(str, range(120))]
    times = [change.at for change in table.written[ANN]]
    assert times == sorted(set(times))
    assert outcomes(metrics) == {"ok": 121}
    assert len(changes) == 0


@pytest.mark.parametrize(
    "failure", [psycopg.OperationalError("connection lost"), psycopg.errors.DeadlockDetected(), PoolTimeout("none")]
)
async def test_transient_errors_are_retried(
    autojump_clock: MockClock, nursery: trio.Nursery, failure: Exception
) -> None:
    del autojump_clock
    table, metrics = Table(), Metrics()
    table.failures = [failure] * 8
    changes = EntityChanges(table.write, metrics)
    nursery.start_soon(changes.run)
    changes.take(ANN, task("first"))
    changes.take(ANN, task("second"))
    started = trio.current_time()
    await changes.written(ANN)
    assert table.ids(ANN) == ["first", "second"]
    assert 10 < trio.current_time() - started < 60
    assert outcomes(metrics)["ok"] == 2


async def test_a_change_that_cannot_be_stored_is_skipped_and_delays_nothing(nursery: trio.Nursery) -> None:
    table, metrics = Table(), Metrics()
    table.bad = {"bad"}
    changes = EntityChanges(table.write, metrics)
    nursery.start_soon(changes.run)
    for name in ("one", "bad", "two"):
        changes.take(ANN, task(name))
    await changes.written(ANN)
    assert table.ids(ANN) == ["one", "two"]
    assert outcomes(metrics) == {"ok": 2, "failed": 1}


async def test_a_failing_user_delays_no_other_user(nursery: trio.Nursery) -> None:
    table = Table()
    changes = EntityChanges(table.write, Metrics(), ChangeLimits(changes=10, changes_per_user=3, bytes_per_user=600))
    table.failures = [psycopg.errors.ProgramLimitExceeded()]
    nursery.start_soon(changes.run)
    assert [changes.take(ANN, task(str(number))) for number in range(4)] == [True, True, True, False]
    assert not changes.take(BEN, task("large"), ChangeSource(size=601))
    assert changes.take(BEN, task("mine"))
    await changes.written(ANN)
    await changes.written(BEN)
    assert table.ids(BEN) + table.ids(ANN) == ["mine", "0", "1", "2"]
    assert changes.take(ANN, task("again"))


async def test_a_full_queue_refuses_changes() -> None:
    metrics = Metrics()
    changes = EntityChanges(Table().write, metrics, ChangeLimits(changes=2))
    assert [changes.take(uuid4(), task("t")) for _ in range(3)] == [True, True, False]
    assert outcomes(metrics) == {"refused": 1}


async def test_a_stop_writes_queued_changes_with_short_delays(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    del autojump_clock
    table, metrics = Table(), Metrics()
    table.failures = [psycopg.OperationalError("away")] * 12
    changes = EntityChanges(table.write, metrics)
    nursery.start_soon(changes.run)
    for number in range(500):
        changes.take(ANN, task(str(number)))
    await trio.sleep(20)  # by now the retry delay is ten seconds
    assert await changes.drain(5) == 0
    assert len(table.ids(ANN)) == 500


async def test_changes_lost_at_a_stop_are_counted(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    del autojump_clock
    table, metrics = Table(), Metrics()
    table.gate = trio.Event()
    changes = EntityChanges(table.write, metrics)
    nursery.start_soon(changes.run)
    changes.take(ANN, task("t"))
    assert await changes.drain(5) == 1
    assert outcomes(metrics) == {"lost": 1}


async def test_waiting_covers_the_changes_queued_before(nursery: trio.Nursery) -> None:
    table = Table()
    changes = EntityChanges(table.write, Metrics(), clock=lambda: NOON + timedelta(hours=1))
    await changes.written(ANN)  # nothing is queued: returns immediately
    table.gate = trio.Event()
    nursery.start_soon(changes.run)
    changes.take(ANN, task("t"))
    done = trio.Event()

    async def wait() -> None:
        await changes.written(ANN)
        done.set()

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    assert not done.is_set()
    table.gate.set()
    await done.wait()
    assert table.ids(ANN) == ["t"]


async def test_each_change_is_reported_with_its_number_once_it_is_written(nursery: trio.Nursery) -> None:
    table = Table()
    table.bad = {"bad"}
    changes = EntityChanges(table.write, Metrics())
    reported: list[tuple[str, int | None]] = []
    table.gate = trio.Event()
    nursery.start_soon(changes.run)
    device, request, mutation = uuid4(), uuid4(), uuid4()

    def report(name: str, place: LoggedChange | None) -> None:
        reported.append((name, None if place is None else place.number))

    for name in ("one", "bad", "two"):
        source = ChangeSource(device, request, mutation if name == "two" else None)
        assert changes.take(ANN, task(name), source, partial(report, name))
    await wait_all_tasks_blocked()
    assert reported == []
    table.gate.set()
    await changes.written(ANN)
    assert reported == [("one", 1), ("bad", None), ("two", 2)]
    one, two = table.written[ANN]
    assert (two.mutation_id, two.device_id, two.request_id) == (mutation, device, request)
    assert one.mutation_id != mutation
