"""Proactive memory on a real database."""

from __future__ import annotations

from datetime import UTC
from uuid import UUID

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
