"""Frozen objects: full collections skip them, and garbage among them is found in the end."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from server.workers.garbage import FrozenObjects


class Node:
    """An object that refers to itself, so that only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def frozen(clock: Clock) -> Iterator[FrozenObjects]:
    # Automatic collections would come between the steps of a test.
    gc.disable()
    objects = FrozenObjects(clock, margin=0)
    objects.start()
    yield objects
    objects.stop()
    # As before the test: later collections skip what the run has imported.
    gc.freeze()
    gc.enable()


def test_what_survives_a_full_collection_is_frozen(frozen: FrozenObjects) -> None:
    before = gc.get_freeze_count()
    nodes = [Node() for _ in range(1000)]
    gc.collect(1)
    assert gc.get_freeze_count() <= before
    gc.collect()
    assert gc.get_freeze_count() >= before + len(nodes)


def test_garbage_that_was_never_frozen_is_freed(frozen: FrozenObjects) -> None:
    dead = weakref.ref(Node())
    gc.collect()
    assert dead() is None


def test_frozen_garbage_is_freed_when_the_frozen_objects_have_doubled(frozen: FrozenObjects, clock: Clock) -> None:
    node = Node()
    dead = weakref.ref(node)
    gc.collect()
    del node
    gc.collect()
    assert dead() is not None
    grown = [Node() for _ in range(gc.get_freeze_count() + 1000)]
    gc.collect()
    assert dead() is not None  # it is counted once a minute
    clock.now += 61
    gc.collect()
    assert dead() is not None  # this collection found that they doubled
    gc.collect()
    assert dead() is None
    # From now on it is compared with the larger number.
    clock.now += 61
    del grown[:]
    before = gc.get_freeze_count()
    gc.collect()
    assert gc.get_freeze_count() > before / 2  # after a decision to look at all objects, none is frozen


def test_after_the_stop_every_object_is_looked_at(clock: Clock) -> None:
    objects = FrozenObjects(clock)
    objects.start()
    node = Node()
    dead = weakref.ref(node)
    gc.collect()
    objects.stop()
    del node
    gc.collect()
    assert dead() is None
    assert gc.get_freeze_count() == 0


def test_a_full_collection_comes_early_enough_to_be_short() -> None:
    usual = gc.get_threshold()
    objects, pauses = FrozenObjects(), []

    def count(phase: str, info: dict[str, Any]) -> None:
        if phase == "start" and info["generation"] == 2:
            pauses.append(sum(map(len, map(gc.get_objects, range(3)))))

    before = [Node() for _ in range(700_000)]  # as in a large process
    objects.start()
    gc.callbacks.append(count)
    kept = []
    try:
        # Objects that survive, as those of running requests do.
        kept = [Node() for _ in range(150_000)]
    finally:
        gc.callbacks.remove(count)
        objects.stop()
    assert len(kept) == 150_000
    assert len(before) == 700_000
    assert len(pauses) >= 5
    assert max(pauses[1:]) < 40_000
    assert gc.get_threshold() == usual
