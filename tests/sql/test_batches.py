"""Batches: items that come while a batch runs are the next batch, and nobody waits for a slow one for long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sql.batches import Batches
from sql.driver import DatabaseUnavailable


class Work:
    """Records the batches. Each takes `seconds`, then raises `error`, if there is one."""

    def __init__(self, seconds: float = 0.001) -> None:
        self.seconds = seconds
        self.batches: list[list[int]] = []
        self.error: Exception | None = None

    async def __call__(self, items: Sequence[int]) -> None:
        self.batches.append(list(items))
        await trio.sleep(self.seconds)
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def running(work: Work, within_s: float = 6.0) -> AsyncIterator[tuple[Batches[int], trio.Nursery]]:
    batches = Batches(work, "do this", within_s=within_s, most=4)
    async with trio.open_nursery() as server:
        server.start_soon(batches.run)
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            yield batches, nursery
        server.cancel_scope.cancel()


async def test_items_that_come_meanwhile_are_the_next_batch(autojump_clock: MockClock) -> None:
    work = Work()
    async with running(work) as (batches, nursery):
        for item in range(2):
            nursery.start_soon(batches.add, item)
        await wait_all_tasks_blocked()
        for item in range(2, 5):
            nursery.start_soon(batches.add, item)
    assert [sorted(batch) for batch in work.batches] == [[0, 1], [2, 3, 4]]


async def test_a_full_batch_and_items_behind_a_slow_one_do_not_wait(autojump_clock: MockClock) -> None:
    work = Work(seconds=5.0)
    began = trio.current_time()
    async with running(work) as (batches, nursery):
        nursery.start_soon(batches.add, 0)
        await wait_all_tasks_blocked()
        nursery.start_soon(batches.add, 1)
        await trio.sleep(0.015)
        assert work.batches == [[0]]
        await trio.sleep(0.01)
        assert work.batches == [[0], [1]]
        for item in range(2, 8):
            nursery.start_soon(batches.add, item)
        await wait_all_tasks_blocked()
        assert work.batches == [[0], [1]]  # no third one at the same time
        assert repr(batches) == "<Batches: 6 waiting to do this>"
    assert sorted(map(len, work.batches)) == [1, 1, 2, 4]
    assert trio.current_time() - began < 10.1
    work = Work(seconds=5.0)
    async with running(work) as (batches, nursery):
        nursery.start_soon(batches.add, 0)
        await wait_all_tasks_blocked()
        at = trio.current_time()
        for item in range(1, 5):
            nursery.start_soon(batches.add, item)
        await wait_all_tasks_blocked()
        assert trio.current_time() == at
        assert len(work.batches) == 2


async def test_the_error_of_a_batch_reaches_its_items_and_no_other(autojump_clock: MockClock) -> None:
    work, failed = Work(), []

    async def add(batches: Batches[int], item: int) -> None:
        try:
            await batches.add(item)
        except ValueError:
            failed.append(item)

    async with running(work) as (batches, nursery):
        work.error = ValueError("a fault")
        for item in range(3):
            nursery.start_soon(add, batches, item)
        await trio.sleep(1)
        work.error = None
        await batches.add(3)
    assert sorted(failed) == [0, 1, 2]


@pytest.mark.parametrize("alone", [False, True])
async def test_work_that_takes_too_long_is_a_database_that_is_away(alone: bool, autojump_clock: MockClock) -> None:
    work = Work(seconds=7.0)
    if alone:
        with pytest.raises(DatabaseUnavailable, match="the database did not do this within 6 s"):
            await Batches(work, "do this", within_s=6.0).add(1)
        return
    async with running(work) as (batches, _):
        with pytest.raises(DatabaseUnavailable, match="the database did not do this within 6 s"):
            await batches.add(1)
        work.seconds = 0.0
        await batches.add(2)


async def test_a_cancelled_item_leaves_and_the_end_reaches_those_that_wait(autojump_clock: MockClock) -> None:
    work, stopped = Work(seconds=1e9), []
    batches = Batches(work, "do this", within_s=1e12, most=1)

    async def add(item: int) -> None:
        with pytest.raises(trio.BrokenResourceError, match="the server stops"):
            await batches.add(item)
        stopped.append(item)

    async with trio.open_nursery() as nursery, trio.open_nursery() as server:
        server.start_soon(batches.run)
        await wait_all_tasks_blocked()
        for item in range(4):
            nursery.start_soon(add, item)
        await wait_all_tasks_blocked()
        assert len(batches) == 2
        with trio.move_on_after(1):
            await batches.add(4)
        assert len(batches) == 2
        server.cancel_scope.cancel()
    assert sorted(stopped) == [0, 1, 2, 3]
    assert len(work.batches) == 2
