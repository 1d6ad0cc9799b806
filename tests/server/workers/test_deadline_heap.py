"""Trio's heap of deadlines is not rebuilt while thousands of devices connect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
import trio
import trio._core._run
import trio.lowlevel

from server.workers.deadline_heap import STALE_DEADLINES, allow_stale_deadlines

NAME: Final = "DEADLINE_HEAP_MIN_PRUNE_THRESHOLD"


@pytest.fixture
def usual() -> Iterator[int]:
    before: int = getattr(trio._core._run, NAME)
    yield before
    setattr(trio._core._run, NAME, before)


async def _pruned_after(count: int) -> bool:
    """Whether Trio has rebuilt its heap after `count` deadlines that were left before their time."""
    deadlines = trio._core._run.GLOBAL_RUN_CONTEXT.runner.deadlines
    heap = deadlines._heap
    for _ in range(count):
        with trio.move_on_after(3600):
            await trio.lowlevel.cancel_shielded_checkpoint()
    await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()
    return deadlines._heap is not heap


async def test_stale_deadlines_stay_until_there_are_many(usual: int) -> None:
    assert usual < 2_000
    assert await _pruned_after(usual + 500)
    allow_stale_deadlines()
    assert not await _pruned_after(5 * usual)


async def test_the_memory_of_stale_deadlines_is_bounded(usual: int) -> None:
    allow_stale_deadlines()
    assert await _pruned_after(STALE_DEADLINES + 500)
