"""When a server says that another one is gone: never of one that runs, and soon of one that ended."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import psycopg
import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from server.presence import HEARTBEAT_S, STALE_S, Beat, Presence, ServerTable
from sql.pool import Pool
from sql.statements import Statements

_BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Database:
    """The table of running servers, with its own clock. `down`: it can't be reached by anybody."""

    def __init__(self) -> None:
        self.rows: dict[UUID, float] = {}
        self.down = False
        self.jumped_s = 0.0
        """Seconds by which the clock of the database was set forward, or the machine slept."""

    def now(self) -> float:
        return trio.current_time() + self.jumped_s


class Table:
    """One server's view. `cut`: only this server can't reach the database."""

    def __init__(self, database: Database) -> None:
        self.server_id = uuid4()
        self.cut = False
        self._database = database

    async def _reach(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.cut or self._database.down:
            raise psycopg.OperationalError("connection lost")

    async def heartbeat(self) -> Beat:
        await self._reach()
        is_new = self.server_id not in self._database.rows
        self._database.rows[self.server_id] = now = self._database.now()
        return Beat(is_new, _BEGAN + timedelta(seconds=now))

    async def live(self) -> set[UUID]:
        await self._reach()
        now = self._database.now()
        return {server_id for server_id, seen in self._database.rows.items() if now - seen < STALE_S}

    async def ages(self, server_ids: Collection[UUID]) -> Mapping[UUID, float]:
        await self._reach()
        now, rows = self._database.now(), self._database.rows
        return {server_id: now - rows[server_id] for server_id in server_ids if server_id in rows}

    async def leave(self) -> None:
        await self._reach()
        self._database.rows.pop(self.server_id, None)

    async def expire(self) -> None:
        await self._reach()


class World:
    """A judge, and another server; each can be stopped."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.database = Database()
        self.tables = [Table(self.database), Table(self.database)]
        self.judge, self.other = map(Presence, self.tables)
        self._nursery = nursery
        self._running: dict[Presence, trio.CancelScope] = {}

    async def start(self, presence: Presence) -> None:
        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            with trio.CancelScope() as self._running[presence]:
                await presence.run(task_status=task_status)

        await self._nursery.start(run)

    def stop(self, presence: Presence) -> None:
        self._running.pop(presence).cancel()

    def end(self) -> None:
        for presence in list(self._running):
            self.stop(presence)

    async def said(self, seconds: float) -> float:
        """The seconds until the judge says that the other server is gone; infinity if it says nothing in that time."""
        began = trio.current_time()
        while trio.current_time() < began + seconds:
            try:
                if await self.judge.is_lost(self.other.server_id):
                    return trio.current_time() - began
            except psycopg.OperationalError:
                pass
            await trio.sleep(0.1)
        return math.inf


@pytest.fixture
async def world(nursery: trio.Nursery) -> World:
    return World(nursery)


async def test_a_server_that_runs_is_never_gone(world: World, autojump_clock: MockClock) -> None:
    for presence in (world.judge, world.other):
        await world.start(presence)
    assert await world.said(120) == math.inf
    assert not world.judge.alone
    world.end()


async def test_a_server_that_was_killed_is_gone_after_eight_seconds(world: World, autojump_clock: MockClock) -> None:
    for presence in (world.judge, world.other):
        await world.start(presence)
    await trio.sleep(100)
    world.stop(world.other)
    assert STALE_S - HEARTBEAT_S <= await world.said(60) <= STALE_S + 0.2
    await trio.sleep(2 * HEARTBEAT_S)
    assert world.judge.alone
    world.end()


@pytest.mark.parametrize("away_s", [1, 3600])
async def test_a_server_that_starts_learns_soon_that_its_predecessor_is_gone(
    world: World, autojump_clock: MockClock, away_s: float
) -> None:
    await world.start(world.other)
    world.stop(world.other)
    await trio.sleep(away_s)
    await world.start(world.judge)
    # It does not know how long the database was away before it started.
    assert STALE_S - 0.2 <= await world.said(60) <= STALE_S + 0.2
    world.end()


async def test_a_server_that_has_told_its_end_is_gone(world: World, autojump_clock: MockClock) -> None:
    for presence in (world.judge, world.other):
        await world.start(presence)
    await trio.sleep(30)
    world.stop(world.other)
    await world.other.leave()
    assert await world.said(60) == 0
    world.end()


@pytest.mark.parametrize("phase", [0.1, 1.0, 1.9])
@pytest.mark.parametrize("down_s", [3, 5, 7, 9, 60])
async def test_after_an_outage_of_the_database_nobody_is_gone(
    world: World, autojump_clock: MockClock, phase: float, down_s: float
) -> None:
    await world.start(world.judge)
    await trio.sleep(phase)
    await world.start(world.other)
    await trio.sleep(30)
    world.database.down = True
    assert await world.said(down_s) == math.inf
    world.database.down = False
    assert await world.said(60) == math.inf
    world.end()


@pytest.mark.parametrize("phase", [0.1, 1.9])
@pytest.mark.parametrize("jump_s", [-3600, -7, 5, 7, 9, 3600])
async def test_a_clock_that_is_set_and_a_machine_that_slept_end_nobody(
    world: World, autojump_clock: MockClock, phase: float, jump_s: float
) -> None:
    await world.start(world.judge)
    await trio.sleep(phase)
    await world.start(world.other)
    await trio.sleep(30.5)
    world.database.jumped_s = jump_s
    assert await world.said(60) == math.inf
    world.stop(world.other)
    assert await world.said(60) <= 2 * STALE_S
    world.end()


async def test_a_clock_that_was_set_back_hides_no_dead_server(world: World, autojump_clock: MockClock) -> None:
    for presence in (world.judge, world.other):
        await world.start(presence)
    await trio.sleep(30)
    world.stop(world.other)
    world.database.jumped_s = -3600
    assert await world.said(60) <= STALE_S + 2 * HEARTBEAT_S
    world.end()


async def test_a_crash_of_the_database_that_empties_the_table_ends_nobody(
    world: World, autojump_clock: MockClock
) -> None:
    await world.start(world.judge)
    await trio.sleep(1)
    await world.start(world.other)
    await trio.sleep(30.5)
    world.database.rows.clear()
    assert await world.said(60) == math.inf
    world.end()


async def test_a_server_that_cannot_reach_the_database_is_gone_for_others_and_says_nothing(
    world: World, autojump_clock: MockClock
) -> None:
    for presence in (world.judge, world.other):
        await world.start(presence)
    await trio.sleep(30)
    world.tables[1].cut = True
    with capture_logs() as logs:
        assert await world.said(60) <= STALE_S + 0.2
    assert {log["event"] for log in logs} == {"server_heartbeat_failed"}
    # It must not take the judge for gone when it is back.
    world.tables[1].cut = False
    assert not await world.other.is_lost(world.judge.server_id)
    await trio.sleep(30)
    assert not await world.other.is_lost(world.judge.server_id)
    world.end()


async def test_the_table_says_who_runs(pool: Pool) -> None:
    statements = Statements.load()
    one, other = (ServerTable(pool, statements, stale_s=STALE_S) for _ in range(2))
    first = await one.heartbeat()
    second = await one.heartbeat()
    assert (first.is_new, second.is_new) == (True, False)
    assert first.at < second.at
    await other.heartbeat()
    assert await one.live() == {one.server_id, other.server_id}
    ages = await one.ages([one.server_id, other.server_id, uuid4()])
    assert set(ages) == {one.server_id, other.server_id}
    assert 0 <= ages[other.server_id] <= ages[one.server_id] < 60
    await other.leave()
    assert await one.live() == {one.server_id}
    await one.expire()
    assert set(await one.ages([one.server_id, other.server_id])) == {one.server_id}
