"""The queue for password hashing: turns between sources, bounds, and cancelled waits."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from server.accounts.hash_slots import HashingBusy, HashSlots, HashSource
from server.shared_limits import OwnPlaces


async def test_a_quiet_source_waits_for_one_turn_and_not_for_sixty_logins() -> None:
    slots, order, go = HashSlots(OwnPlaces(1)), list[str](), trio.Event()

    async def hash_one(source: str) -> None:
        async with slots.slot(HashSource(source)):
            await go.wait()
            order.append(source)

    async with trio.open_nursery() as nursery:
        for _ in range(60):
            nursery.start_soon(hash_one, "busy")
        await wait_all_tasks_blocked()
        nursery.start_soon(hash_one, "quiet")
        await wait_all_tasks_blocked()
        assert slots.waiting == 60
        go.set()
    assert order.index("quiet") <= 2
    assert len(order) == 61
    assert repr(slots) == "<HashSlots, 0 held, 0 waiting>"


@pytest.mark.parametrize("known", [False, True])
async def test_sixty_sources_of_one_kind_do_not_delay_a_source_of_the_other(known: bool) -> None:
    slots, order, go = HashSlots(OwnPlaces(2)), list[str](), trio.Event()

    async def hash_one(source: HashSource) -> None:
        async with slots.slot(source):
            await go.wait()
            order.append(source.name)

    async with trio.open_nursery() as nursery:
        for number in range(60):
            nursery.start_soon(hash_one, HashSource(str(number), known))
        await wait_all_tasks_blocked()
        nursery.start_soon(hash_one, HashSource("quiet", not known))
        await wait_all_tasks_blocked()
        go.set()
    assert order.index("quiet") <= 1  # it did not wait
    assert len(order) == 61


async def test_too_many_of_one_source_are_refused_and_others_are_not() -> None:
    slots = HashSlots(OwnPlaces(1), max_waiting=4, max_waiting_of_one=2)

    async def hold(source: str) -> None:
        async with slots.slot(HashSource(source)):
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        for source in ("busy", "busy", "busy", "quiet"):
            nursery.start_soon(hold, source)
            await wait_all_tasks_blocked()
        with pytest.raises(HashingBusy):
            await hold("busy")
        nursery.start_soon(hold, "third")
        await wait_all_tasks_blocked()
        with pytest.raises(HashingBusy):
            await hold("fourth")
        nursery.cancel_scope.cancel()
    assert repr(slots) == "<HashSlots, 0 held, 0 waiting>"


async def test_a_cancelled_wait_leaves_its_place_to_the_next() -> None:
    slots, done, first = HashSlots(OwnPlaces(1)), list[str](), trio.Event()

    async def hash_one(source: str, scope: trio.CancelScope) -> None:
        with scope:
            async with slots.slot(HashSource(source)):
                await first.wait()
                done.append(source)

    scopes = [trio.CancelScope() for _ in range(3)]
    async with trio.open_nursery() as nursery:
        for number, scope in enumerate(scopes):
            nursery.start_soon(hash_one, str(number), scope)
            await wait_all_tasks_blocked()
        scopes[1].cancel()
        await wait_all_tasks_blocked()
        first.set()
    assert done == ["0", "2"]
    assert repr(slots) == "<HashSlots, 0 held, 0 waiting>"
