"""Messages arrive also when their notifications do not; and no heartbeat looks for messages without a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
import trio
from cryptography.fernet import Fernet
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from server.devices import DeviceRegistry
from server.presence import HEARTBEAT_S, Beat
from server.relay.messages import DeviceGoneMessage
from server.relay.relay import Relay
from server.relay.store import _SLICES, MAX_WAITING, Taken
from streaming.wire import WsServerMutation
from tests.server.relay.test_abandoned_calls import open_store, user
from tests.server.tessera import open_tessera


class Store:
    """The table of messages of one server, in memory. `heard`: its own notifications arrive."""

    server_id = uuid4()

    def __init__(self) -> None:
        self.relay = Relay(self, DeviceRegistry(), "", call_s=30)  # type: ignore[arg-type]
        self.heard = True
        self.fails = False
        self.left: set[UUID] = set()
        self.swept: list[float] = []
        self.others: set[UUID] = set()

    async def heartbeat(self) -> Beat:
        if self.heard:
            self.relay._missed.heard()
        return Beat(False, datetime.now(UTC))

    async def live(self) -> set[UUID]:
        return {self.server_id} | self.others

    async def expire(self) -> None: ...

    async def waiting(self) -> list[UUID]:
        self.swept.append(trio.current_time())
        return sorted(self.left)[:MAX_WAITING]

    async def take(self, user_id: UUID) -> tuple[list[Taken], bool]:
        if self.fails:
            raise psycopg.OperationalError("connection lost")
        self.left.remove(user_id)
        return [Taken(DeviceGoneMessage(id=uuid4()), 1.0)], False

    async def run(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self.relay._arrivals.run)
        nursery.start_soon(self.relay._keep_in_touch)
        await wait_all_tasks_blocked()


async def test_a_server_that_hears_itself_sweeps_twice_a_minute(autojump_clock: MockClock) -> None:
    store = Store()
    async with trio.open_nursery() as nursery:
        await store.run(nursery)
        await trio.sleep(121)
        nursery.cancel_scope.cancel()
    gaps = [later - earlier for earlier, later in zip(store.swept, store.swept[1:], strict=False)]
    assert len(store.swept) == 4
    assert min(gaps) >= 30


async def test_the_end_of_another_server_is_reported_once(autojump_clock: MockClock) -> None:
    store, reported = Store(), []
    store.relay.on_server_gone = lambda: reported.append(trio.current_time())
    store.others = {uuid4(), uuid4()}
    async with trio.open_nursery() as nursery:
        await store.run(nursery)
        await trio.sleep(10 * HEARTBEAT_S)
        assert not reported
        store.others.pop()
        await trio.sleep(10 * HEARTBEAT_S)
        assert len(reported) == 1
        store.others.add(uuid4())
        await trio.sleep(10 * HEARTBEAT_S)
        nursery.cancel_scope.cancel()
    assert len(reported) == 1


async def test_without_notifications_every_heartbeat_sweeps_and_one_warning_says_so(autojump_clock: MockClock) -> None:
    store = Store()
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            await store.run(nursery)
            await trio.sleep(5)
            store.heard = False
            store.left = {uuid4() for _ in range(3)}
            await trio.sleep(2 * HEARTBEAT_S + 0.1)
            assert store.left == set()
            before = len(store.swept)
            await trio.sleep(10 * HEARTBEAT_S)
            assert len(store.swept) == before + 10
            store.heard = True
            await trio.sleep(2 * HEARTBEAT_S)
            before = len(store.swept)
            await trio.sleep(5 * HEARTBEAT_S)
            assert len(store.swept) == before
            nursery.cancel_scope.cancel()
    assert [log["event"] for log in logs] == ["relay_notifications_missing"]


async def test_messages_that_could_not_be_read_are_read_at_the_next_heartbeat(autojump_clock: MockClock) -> None:
    store = Store()
    async with trio.open_nursery() as nursery:
        await store.run(nursery)
        await trio.sleep(3)
        store.fails, user_id = True, uuid4()
        store.left = {user_id}
        swept = len(store.swept)
        store.relay._arrivals.note(user_id)
        await wait_all_tasks_blocked()
        assert store.left == {user_id}
        store.fails = False
        await trio.sleep(HEARTBEAT_S)
        assert store.left == set()
        assert len(store.swept) == swept
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("lost", ["overflow", "listening"])
async def test_lost_notes_and_a_new_listening_connection_cause_a_sweep(autojump_clock: MockClock, lost: str) -> None:
    store = Store()
    async with trio.open_nursery() as nursery:
        await store.run(nursery)
        await trio.sleep(3)
        store.left = {uuid4() for _ in range(MAX_WAITING + 10)}
        if lost == "overflow":
            store.relay._arrivals.overflowed = True
        else:
            store.relay._missed.listening()
        await trio.sleep(2 * HEARTBEAT_S)
        assert store.left == set()
        nursery.cancel_scope.cancel()


async def test_nothing_is_lost_when_no_notification_arrives(database: str, empty_database: str) -> None:
    """Both servers listen at another database, where nobody notifies them."""
    seen: list[WsServerMutation] = []
    settings = {"relay": "true", "master_keys": Fernet.generate_key().decode(), "database_listen_url": empty_database}
    async with open_tessera(database, **settings) as one, open_tessera(database, **settings) as other:
        account = await one.account()
        arrived = trio.Event()

        async def note(mutation: WsServerMutation) -> None:
            seen.append(mutation)
            if len(seen) == 3:
                arrived.set()

        async with one.device(account) as editor, other.device(account, on_mutation=note):
            for number in range(3):
                await editor.mutate("update", "task", f"t{number}", {"title": "New"})
            with trio.fail_after(60):
                await arrived.wait()
    assert [mutation.id for mutation in seen] == ["t0", "t1", "t2"]


async def test_devices_of_servers_that_are_gone_are_removed(database: str) -> None:
    key = Fernet.generate_key().decode()
    async with (
        open_tessera(database, master_keys=key) as one,
        open_store(database, key) as left,
        open_store(database, key) as gone,
        open_store(database, key) as forgotten,
        open_store(database, key) as other,
    ):
        await one.account()
        user_id = user(database)
        for store in (left, gone, forgotten, other):
            await store.join(user_id, uuid4(), uuid4())
        with psycopg.connect(database, autocommit=True) as owner:

            def servers() -> set[UUID]:
                return {row[0] for row in owner.execute("SELECT worker_id FROM relay_devices").fetchall()}

            await left.leave()
            assert servers() == {gone.server_id, forgotten.server_id, other.server_id}
            owner.execute(
                "UPDATE relay_workers SET seen_at = now() - interval '2 minutes' WHERE worker_id = %s", [gone.server_id]
            )
            await other.expire()
            # A server that was removed before it wrote a device: a sweep of the user's slice finds it.
            owner.execute("DELETE FROM relay_workers WHERE worker_id = %s", [forgotten.server_id])
            assert gone.server_id not in servers()
            with trio.fail_after(60):
                for _ in range(20 * _SLICES):
                    await other.expire()
                    if servers() == {other.server_id}:
                        break
            assert servers() == {other.server_id}
