"""No owner takes the whole pool, and urgent work finds a connection while others wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sql.owners import Owners, urgent
from sql.pool import Pool, PoolTimeout, open_pool
from tests.sql.checkpoints import cancelled_at_each_checkpoint

ANN, BOB, CAT = uuid4(), uuid4(), uuid4()


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Four connections: two per owner, one reserved."""
    async with open_pool(database, max_size=4, per_owner=2, reserved=1) as pool:
        yield pool


async def hold(pool: Pool, owner: UUID | None, until: trio.Event, got: list[UUID | None]) -> None:
    async with pool.connection(owner=owner):
        got.append(owner)
        await until.wait()


async def test_one_owner_leaves_connections_to_others(pool: Pool) -> None:
    until = trio.Event()
    got: list[UUID | None] = []
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(hold, pool, ANN, until, got)
        while len(got) < 2:  # noqa: ASYNC110 - a connection opens  # noqa: ASYNC110 - a connection opens
            await trio.sleep(0.01)
        await wait_all_tasks_blocked()
        assert got == [ANN, ANN]
        with trio.fail_after(5):
            async with pool.connection(owner=BOB) as connection:
                await connection.execute("SELECT 1")
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")
        until.set()
    assert len(got) == 50
    assert pool.stats().waiting == 0


async def test_many_owners_leave_the_reserved_connections_to_urgent_work(pool: Pool) -> None:
    until = trio.Event()
    got: list[UUID | None] = []
    async with trio.open_nursery() as nursery:
        for owner in (ANN, ANN, BOB, BOB, CAT):
            nursery.start_soon(hold, pool, owner, until, got)
        while len(got) < 3:  # noqa: ASYNC110 - a connection opens  # noqa: ASYNC110 - a connection opens
            await trio.sleep(0.01)
        with pytest.raises(PoolTimeout, match="no turn within"):
            async with pool.connection(owner=CAT, timeout_s=0.01):
                pass
        with urgent():
            async with pool.connection(owner=CAT) as connection:
                await connection.execute("SELECT 1")
        until.set()


async def test_the_owner_with_the_fewest_turns_is_next(autojump_clock: MockClock) -> None:
    owners = Owners(per_owner=3, ordinary=3)
    turns = [await owners.take(ANN, 1) for _ in range(3)]
    served: list[UUID] = []

    async def wait(owner: UUID) -> None:
        assert await owners.take(owner, 10) is not None
        served.append(owner)

    async with trio.open_nursery() as nursery:
        for owner in (ANN, ANN, BOB, CAT):
            nursery.start_soon(wait, owner)
            await wait_all_tasks_blocked()
        for turn in turns:
            assert turn is not None
            owners.give_back(turn)
            await wait_all_tasks_blocked()
        assert served == [BOB, CAT, ANN]
        nursery.cancel_scope.cancel()
    assert owners.waiting == 0


async def test_a_cancelled_or_late_task_holds_no_turn(autojump_clock: MockClock) -> None:
    owners = Owners(per_owner=1, ordinary=1)
    turn = await owners.take(ANN, 1)
    assert turn is not None
    assert await owners.take(ANN, 1) is None
    with trio.move_on_after(1):
        await owners.take(ANN, 10)
    assert owners.waiting == 0
    owners.give_back(turn)
    assert repr(owners) == "<Owners: 0 turns of 0 owners, 0 waiting>"


async def test_a_turn_given_in_the_moment_of_a_cancellation_goes_to_the_next_task(autojump_clock: MockClock) -> None:
    owners = Owners(per_owner=1, ordinary=1)
    turn = await owners.take(ANN, 1)
    assert turn is not None
    served: list[bool] = []

    async def wait(scope: trio.CancelScope) -> None:
        with scope:
            served.append(await owners.take(ANN, 10) is not None)

    scopes = [trio.CancelScope(), trio.CancelScope()]
    async with trio.open_nursery() as nursery:
        for scope in scopes:
            nursery.start_soon(wait, scope)
            await wait_all_tasks_blocked()
        scopes[0].cancel()
        owners.give_back(turn)
    assert served == [True]
    assert [scope.cancelled_caught for scope in scopes] == [True, False]


async def test_each_wait_ends_at_its_own_deadline(autojump_clock: MockClock) -> None:
    owners = Owners(per_owner=1, ordinary=1)
    turn = await owners.take(ANN, 1)
    assert turn is not None
    ended: list[tuple[float, bool]] = []

    async def wait(timeout_s: float) -> None:
        nonlocal turn
        served = await owners.take(ANN, timeout_s)
        ended.append((trio.current_time() - began, served is not None))
        turn = served or turn

    began = trio.current_time()
    for _ in range(2):  # the watch of deadlines ends when no task waits, and begins again
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for timeout_s in (5, 2, 8, 20):
                nursery.start_soon(wait, timeout_s)
                await wait_all_tasks_blocked()
            await trio.sleep(9)
            owners.give_back(turn)
    assert ended == [(2, False), (5, False), (8, False), (9, True)] * 2


async def test_a_cancellation_at_any_checkpoint_returns_the_connection(pool: Pool) -> None:
    async def use() -> None:
        async with pool.connection(owner=ANN) as connection:
            await connection.execute("SELECT 1")

    async def check(_: bool) -> None:
        assert pool.stats().waiting == 0
        assert repr(pool._owners).startswith("<Owners: 0 turns")

    assert await cancelled_at_each_checkpoint(use, check) > 1


async def test_a_pool_that_closes_wakes_the_owners(database: str) -> None:
    owners = Owners(per_owner=1, ordinary=1)
    assert await owners.take(ANN, 1) is not None
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            assert await owners.take(ANN, 60) is None

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        owners.close()
