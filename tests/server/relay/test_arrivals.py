"""Which users are taken when: a backlog drains, and one user is never taken twice at the same time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID, uuid4

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from server.devices import DeviceRegistry
from server.presence import Beat
from server.relay.arrivals import Arrivals
from server.relay.messages import DeviceGoneMessage
from server.relay.relay import Relay
from server.relay.store import Taken


class SlowStore:
    """A take costs 5 ms and gives at most 50 messages; a listing has at most 500 users, as in SQL."""

    server_id = uuid4()

    def __init__(self) -> None:
        self.left: Counter[UUID] = Counter()
        self.takes = 0
        self.in_vain = 0

    async def heartbeat(self) -> Beat:
        return Beat(False, datetime.now(UTC))

    async def live(self) -> set[UUID]:
        return set()

    async def expire(self) -> None: ...

    async def waiting(self) -> list[UUID]:
        return list(self.left)[:500]

    async def take(self, user_id: UUID) -> tuple[list[Taken], bool]:
        await trio.sleep(0.005)
        self.takes += 1
        count = min(self.left[user_id], 50)
        self.in_vain += count == 0
        self.left[user_id] -= count
        if self.left[user_id] == 0:
            del self.left[user_id]
        return [Taken(DeviceGoneMessage(id=uuid4()), 1.0) for _ in range(count)], count == 50


async def test_a_backlog_drains_while_messages_arrive(autojump_clock: MockClock) -> None:
    store = SlowStore()
    relay = Relay(store, DeviceRegistry(), "", call_s=30)  # type: ignore[arg-type]

    def arrive(count: int) -> None:
        for _ in range(count):
            user_id = uuid4()
            store.left[user_id] += 1
            relay._arrivals.note(user_id)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay._arrivals.run)
        nursery.start_soon(relay._keep_in_touch)
        arrive(600)
        for _ in range(600):  # a minute with 180 messages a second
            arrive(18)
            await trio.sleep(0.1)
        nursery.cancel_scope.cancel()
    assert store.left.total() < 20
    assert store.in_vain < store.takes / 100


async def test_the_messages_of_one_user_are_taken_together(autojump_clock: MockClock) -> None:
    store, user_id = SlowStore(), uuid4()
    relay = Relay(store, DeviceRegistry(), "", call_s=30)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        for _ in range(600):
            store.left[user_id] += 1
            relay._arrivals.note(user_id)
        nursery.start_soon(relay._arrivals.run)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert store.left.total() == 0
    assert store.takes <= 14


async def test_a_user_noted_during_a_take_is_taken_once_more() -> None:
    users = [uuid4(), uuid4()]
    gates = {user_id: trio.Semaphore(0) for user_id in users}
    began: list[UUID] = []
    running: Counter[UUID] = Counter()

    async def take(user_id: UUID) -> bool:
        began.append(user_id)
        running[user_id] += 1
        assert running[user_id] == 1
        await gates[user_id].acquire()
        running[user_id] -= 1
        return False

    arrivals = Arrivals(take)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(arrivals.run)
        for _ in range(3):
            arrivals.note(users[0])
        arrivals.note(users[1])
        await wait_all_tasks_blocked()
        assert Counter(began) == Counter(users)
        for _ in range(3):
            arrivals.note(users[0])
        await wait_all_tasks_blocked()
        assert Counter(began) == Counter(users)
        for _ in range(3):
            gates[users[0]].release()
        await wait_all_tasks_blocked()
        assert Counter(began) == Counter([*users, users[0]])
        nursery.cancel_scope.cancel()


async def test_a_full_queue_drops_a_note_that_a_later_note_repeats() -> None:
    async def take(user_id: UUID) -> bool:
        return False

    arrivals = Arrivals(take)
    users = [uuid4() for _ in range(10_001)]
    for user_id in users:
        arrivals.note(user_id)
    assert len(arrivals) == 10_000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(arrivals.run)
        await wait_all_tasks_blocked()
        assert len(arrivals) == 0
        arrivals.note(users[-1])
        assert len(arrivals) == 1
        nursery.cancel_scope.cancel()
