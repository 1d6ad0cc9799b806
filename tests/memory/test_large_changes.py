"""Large changes of entities: other tasks run between the parts of the work, and only the beginning is searched."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import trio

from memory.text import entity_text
from memory.tiers import EntityChange
from sql.pool import Pool
from tests.memory.memories import Memories

CHANGES = 20


class Steps(trio.abc.Instrument):
    """Counts the steps of each task."""

    def __init__(self) -> None:
        self.taken: Counter[trio.lowlevel.Task] = Counter()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.taken[task] += 1


async def test_other_tasks_run_between_two_large_changes(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    data = {"title": "Rent", "text": "x" * 100_000}
    changes = [EntityChange("create", "task", f"t{n}", data, datetime.now(UTC)) for n in range(CHANGES)]
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    logged = await memories.middleware.changed(ann, changes)
    trio.lowlevel.remove_instrument(steps)
    assert len(logged) == CHANGES
    # A step for each change that is repaired, logged, and stored.
    assert steps.taken[trio.lowlevel.current_task()] >= 3 * CHANGES


class Counted(list[str]):
    """A list that counts the items that are read from it."""

    read = 0

    def __iter__(self):  # type: ignore[no-untyped-def]
        for item in super().__iter__():
            self.read += 1
            yield item


def test_only_the_beginning_of_a_large_item_is_read() -> None:
    items = Counted(["a word"] * 100_000)
    text = entity_text("task", {"title": "Rent", "tags": items})
    assert text.startswith("task\ntitle: Rent\ntags: a word, a word")
    assert items.read <= 2000
    lists = [Counted(["word"] * 5000) for _ in range(100)]
    text = entity_text("task", {f"list{number:03}": one for number, one in enumerate(lists)})
    assert len(text) == 12_000
    assert sum(one.read > 0 for one in lists) <= 4
