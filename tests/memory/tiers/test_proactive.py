"""Proactive memory on a real database."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import trio

from memory.tiers.proactive import ProactiveMemory
from sql.pool import Pool
from tests.memory.memories import Memories


class Steps(trio.abc.Instrument):
    """Counts the steps of one task: between two of them every other task may run."""

    def __init__(self, task: trio.lowlevel.Task) -> None:
        self._task = task
        self.count = 0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task is self._task


async def test_other_tasks_run_between_the_episodes_that_are_read(pool: Pool) -> None:
    memories, count = Memories(pool), 60
    person = await memories.person()
    for number in range(count):
        await memories.middleware.store_episode(person, None, f"Ask Anna about number {number}.", "ok")
    steps = Steps(trio.lowlevel.current_task())

    async def steps_of(user_id: UUID, episodes: int) -> int:
        before = steps.count
        facts = await ProactiveMemory(memories.vault).facts(user_id, episodes, UTC)
        assert [fact.names for fact in facts] == [frozenset({"Anna"})] * episodes
        return steps.count - before

    trio.lowlevel.add_instrument(steps)
    try:
        one = await steps_of(person, 1)
        assert await steps_of(person, count) - one >= count / 2
    finally:
        trio.lowlevel.remove_instrument(steps)


async def test_habits_are_of_the_time_where_the_person_said_it(pool: Pool) -> None:
    memories = Memories(pool)
    person = await memories.person()
    at = datetime(2026, 3, 10, 3, 30, tzinfo=UTC)
    for zone in ("America/New_York", "Pacific/Auckland", None):
        await memories.middleware.store_episode(person, None, "What is due?", "Nothing.", at=at, time_zone=zone)
    facts = await ProactiveMemory(memories.vault).facts(person, 10, ZoneInfo("Asia/Kathmandu"))
    assert sorted(fact.at.strftime("%A %H:%M") for fact in facts) == [
        "Monday 23:30",
        "Tuesday 09:15",  # not stored: the zone of the preferences
        "Tuesday 16:30",
    ]
