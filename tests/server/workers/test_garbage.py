"""Frozen objects: full collections skip them, and garbage among them is found in the end."""

from __future__ import annotations

import collections
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from server.workers.garbage import FrozenObjects


class Node:
    """An object that refers to itself, so that only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def frozen() -> Iterator[FrozenObjects]:
    # Automatic collections would come between the steps of a test.
    gc.disable()
    objects = FrozenObjects(margin=0)
    objects.start()
    yield objects
    objects.stop()
    # As before the test: later collections skip what the run has imported.
    gc.freeze()
    gc.enable()


def test_what_survives_a_collection_of_the_middle_generation_is_frozen(frozen: FrozenObjects) -> None:
    before = gc.get_freeze_count()
    nodes = [Node() for _ in range(1000)]
    gc.collect(0)
    assert gc.get_freeze_count() <= before
    gc.collect(1)
    assert gc.get_freeze_count() >= before + len(nodes)


def test_garbage_that_was_never_frozen_is_freed(frozen: FrozenObjects) -> None:
    dead = weakref.ref(Node())
    gc.collect()
    assert dead() is None


def frozen_garbage() -> weakref.ref[Node]:
    node = Node()
    dead = weakref.ref(node)
    gc.collect()
    del node
    gc.collect()
    assert dead() is not None
    return dead


def grow() -> list[list[object]]:
    """As many objects as are frozen already, which a full collection freezes too."""
    grown: list[list[object]] = [[] for _ in range(gc.get_freeze_count() + 1000)]
    gc.collect()
    return grown


def collect_often() -> None:
    """As while thousands of objects are made."""
    for _ in range(2):
        made = [Node() for _ in range(4_000)]
        gc.collect(1)
        assert made


async def test_frozen_garbage_is_freed_in_a_calm_second_after_the_frozen_objects_have_doubled(
    frozen: FrozenObjects, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    dead = frozen_garbage()
    nursery.start_soon(frozen.run)
    await trio.sleep(3)
    assert dead() is not None
    grown = grow()
    assert dead() is not None
    await trio.sleep(2.5)
    assert dead() is None
    # From now on they are compared with the larger number.
    dead = frozen_garbage()
    await trio.sleep(30)
    assert dead() is not None
    assert len(grown) > 1000


async def test_no_collection_of_all_objects_while_sessions_are_made_as_in_a_storm(
    frozen: FrozenObjects, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    dead = frozen_garbage()
    grown = grow()
    nursery.start_soon(frozen.run)
    for _ in range(30):
        await trio.sleep(0.5)
        collect_often()
        assert dead() is not None
    await trio.sleep(3.5)
    assert dead() is None
    assert grown


async def test_without_a_calm_second_all_objects_are_collected_after_ten_minutes(
    frozen: FrozenObjects, autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.workers.garbage._MAX_WAIT_S", 6.0)
    dead = frozen_garbage()
    grown = grow()
    nursery.start_soon(frozen.run)
    for _ in range(9):
        await trio.sleep(0.5)
        collect_often()
        assert dead() is not None
    for _ in range(8):
        await trio.sleep(0.5)
        collect_often()
    assert dead() is None
    assert grown


def test_objects_that_were_freed_meanwhile_do_not_count_as_growth(frozen: FrozenObjects) -> None:
    for _ in range(3):
        grow().clear()
    assert frozen._seem_doubled
    assert not frozen.doubled
    assert not frozen._seem_doubled


def test_frozen_objects_are_not_counted_again_until_many_more_are_frozen(
    frozen: FrozenObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    while not frozen._seem_doubled:
        grow().clear()
    first = frozen.doubled
    made = [Node() for _ in range(1000)]
    gc.collect(1)
    count = gc.get_freeze_count
    counted: list[int] = []

    def get_freeze_count() -> int:
        counted.append(1)
        return count()

    monkeypatch.setattr(gc, "get_freeze_count", get_freeze_count)
    before = frozen.doubled
    assert (first, before, counted) == (False, False, [])
    grown = [grow(), grow()]
    assert frozen.doubled
    assert made
    assert grown


def test_after_the_stop_every_object_is_looked_at() -> None:
    objects = FrozenObjects()
    objects.start()
    node = Node()
    dead = weakref.ref(node)
    gc.collect()
    objects.stop()
    del node
    gc.collect()
    assert dead() is None
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("again", [False, True])
def test_collections_come_early_enough_to_be_short(again: bool) -> None:
    usual = gc.get_threshold()
    objects, pauses = FrozenObjects(), []

    def count(phase: str, info: dict[str, Any]) -> None:
        if phase == "start" and info["generation"] >= 1:
            pauses.append(sum(map(len, map(gc.get_objects, range(3)))))

    before = [Node() for _ in range(400_000)]  # as in a large process
    objects.start()
    if again:  # as when they have doubled
        objects.collect_all()
    gc.callbacks.append(count)
    kept = []
    try:
        # Objects that survive, as those of running requests do.
        kept = [Node() for _ in range(150_000)]
    finally:
        gc.callbacks.remove(count)
        objects.stop()
    assert len(kept) == 150_000
    assert len(before) == 400_000
    assert len(pauses) >= 5
    assert max(pauses) < 6_000
    assert gc.get_threshold() == usual


async def test_objects_that_take_the_place_of_frozen_ones_are_collected_in_time(
    frozen: FrozenObjects, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    held = collections.deque[list[list[int]]]([[]] for _ in range(4_000))
    gc.collect()
    gc.enable()  # as in a server: but Python counts nothing new while an old object is freed for each new one
    nursery.start_soon(frozen.run)
    await trio.testing.wait_all_tasks_blocked()
    # Few of them are not worth a collection.
    replace_some(held, 500)
    await trio.sleep(0.6)
    assert 1_000 <= new_objects() < 2_000
    replace_some(held, 2_500)
    assert new_objects() >= 5_000
    await trio.sleep(0.6)
    assert new_objects() < 500
    # Others may come soon after many.
    for _ in range(3):
        replace_some(held, 2_500)
        await trio.sleep(0.11)
        assert new_objects() < 500


async def test_a_calm_server_is_not_woken_often_to_look_for_new_objects(
    frozen: FrozenObjects, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    wakes = 0

    class Wakes(trio.abc.Instrument):
        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            nonlocal wakes
            wakes += task.name.endswith("_collect_new")

    nursery.start_soon(frozen.run)
    await trio.testing.wait_all_tasks_blocked()
    trio.lowlevel.add_instrument(counting := Wakes())
    await trio.sleep(10)
    trio.lowlevel.remove_instrument(counting)
    assert 15 <= wakes <= 21


def replace_some(held: collections.deque[list[list[int]]], count: int) -> None:
    for _ in range(count):
        held.popleft()
        held.append([[]])


def new_objects() -> int:
    return sum(len(gc.get_objects(generation)) for generation in range(3))
