"""Device records: one statement for a handshake. New devices are written immediately, known ones in the background."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from memory.delivery.answers import KeptAnswers
from memory.delivery.changes import Change, ChangeLog
from memory.delivery.devices import ClientRecord, DeviceRecords
from memory.vault import NoSuchUser
from sql.pool import Pool
from tests.memory.memories import Memories

PHONE = UUID(int=2)
CLIENT = ClientRecord("terminal", "1.0", "linux")


def recorded(database: str) -> list[tuple[UUID, str, datetime]]:
    """Every device, its client's version, and when it was seen."""
    with psycopg.connect(database, autocommit=True) as owner:
        return owner.execute("SELECT device_id, client_version, last_seen_at FROM devices ORDER BY 1, 2").fetchall()


def seen_ago(database: str, age: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("UPDATE devices SET last_seen_at = now() - %s::interval", [age])


async def test_a_new_device_is_recorded_when_connect_returns(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann, ben = await memories.person(), await memories.person()
    devices = DeviceRecords(memories.vault)
    record = await devices.connect(ann, PHONE, CLIENT)
    assert (record.is_new, record.last_change, record.change_cursor, record.requests) == (True, 0, None, [])
    assert [row[:2] for row in recorded(database)] == [(PHONE, "1.0")]
    assert not (await devices.connect(ann, PHONE, CLIENT)).is_new
    # The same installation with another account is another device.
    assert (await devices.connect(ben, PHONE, CLIENT)).is_new
    assert len(recorded(database)) == 2
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("DELETE FROM users WHERE user_id = %s", [ann])
    assert len(recorded(database)) == 1


async def test_a_device_of_an_account_that_is_gone_is_refused(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    devices = DeviceRecords(memories.vault)
    with pytest.raises(NoSuchUser):
        await devices.connect(uuid4(), PHONE, CLIENT)
    ann = await memories.person()
    await devices.connect(ann, PHONE, CLIENT)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("DELETE FROM users WHERE user_id = %s", [ann])
    with pytest.raises(NoSuchUser):
        await devices.connect(ann, PHONE, CLIENT)


async def test_a_device_is_told_of_its_own_requests_and_of_the_changes(pool: Pool) -> None:
    memories = Memories(pool)
    ann, ben = await memories.person(), await memories.person()
    devices, answers, log = DeviceRecords(memories.vault), KeptAnswers(memories.vault), ChangeLog(memories.vault)
    server, requests = uuid4(), [uuid4(), uuid4(), uuid4()]
    for request_id in requests:
        assert await answers.claim(ann, request_id, uuid4(), server, PHONE, "asked", 60.0) == {}
    for user_id, device_id, ttl_s in ((ann, uuid4(), 60.0), (ben, PHONE, 60.0), (ann, PHONE, -1.0)):
        assert await answers.claim(user_id, uuid4(), uuid4(), server, device_id, "asked", ttl_s) == {}
    await log.append(ann, [Change(uuid4(), None, {"title": title}) for title in ("one", "two")])
    await devices.connect(ann, PHONE, CLIENT)
    await log.seen(ann, PHONE, 1)
    record = await devices.connect(ann, PHONE, CLIENT)
    assert [kept.request_id for kept in record.requests] == requests
    assert {(kept.state, kept.server_id, kept.device_id, kept.changed) for kept in record.requests} == {
        ("running", server, PHONE, False)
    }
    assert (record.last_change, record.change_cursor) == (2, 1)


@pytest.mark.parametrize(
    ("age", "version", "is_written"),
    [("23 hours", "1.0", False), ("25 hours", "1.0", True), ("1 hour", "2.0\x00", True)],
)
async def test_a_known_device_is_written_when_it_has_changed_or_was_away_for_a_day(
    pool: Pool, database: str, age: str, version: str, is_written: bool
) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    devices = DeviceRecords(memories.vault)
    await devices.connect(ann, PHONE, CLIENT)
    seen_ago(database, age)
    before = recorded(database)
    for _ in range(2):  # it is written once
        await devices.connect(ann, PHONE, ClientRecord("terminal", version, "linux"))
    assert recorded(database) == before
    assert repr(devices) == f"<DeviceRecords, 0 not read, {int(is_written)} not written>"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(devices.run)
        while recorded(database) == before and is_written:
            await trio.lowlevel.checkpoint()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    ((_, stored, seen_at),) = recorded(database)
    assert stored == version.removesuffix("\x00")
    assert (datetime.now(UTC) - seen_at < timedelta(minutes=10)) is is_written


async def test_what_is_not_written_is_written_at_the_stop(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    devices = DeviceRecords(memories.vault)
    phones = [uuid4() for _ in range(5)]
    for phone in phones:
        await devices.connect(ann, phone, CLIENT)
        await devices.connect(ann, phone, ClientRecord("terminal", "2.0", "linux"))
    await devices.drain(60.0)
    assert [version for _, version, _ in recorded(database)] == ["2.0"] * 5
    assert repr(devices) == "<DeviceRecords, 0 not read, 0 not written>"


async def test_a_failed_update_is_made_at_the_next_connect(
    pool: Pool, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    devices = DeviceRecords(memories.vault)
    await devices.connect(ann, PHONE, CLIENT)
    newer = ClientRecord("terminal", "2.0", "linux")
    await devices.connect(ann, PHONE, newer)
    with monkeypatch.context() as broken:
        broken.setattr("memory.delivery.devices._WRITE_S", 0)
        await devices.drain(60.0)
    assert [version for _, version, _ in recorded(database)] == ["1.0"]
    await devices.connect(ann, PHONE, newer)
    await devices.drain(60.0)
    assert [version for _, version, _ in recorded(database)] == ["2.0"]


async def test_devices_that_connect_together_each_get_their_own(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    devices, log = DeviceRecords(memories.vault), ChangeLog(memories.vault)
    people = [await memories.person() for _ in range(6)]
    for number, user_id in enumerate(people):
        await devices.connect(user_id, PHONE, CLIENT)
        await log.append(user_id, [Change(uuid4(), None, {}) for _ in range(number)])
    found: dict[int, object] = {}

    async def connect(number: int, user_id: UUID) -> None:
        try:
            found[number] = (await devices.connect(user_id, PHONE, CLIENT)).last_change
        except NoSuchUser:
            found[number] = "no such user"

    async with trio.open_nursery() as server:
        server.start_soon(devices.run)
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            for number, user_id in enumerate([*people, uuid4()] * 5):
                nursery.start_soon(connect, number, user_id)
        server.cancel_scope.cancel()
    assert found == {number: [0, 1, 2, 3, 4, 5, "no such user"][number % 7] for number in range(35)}


async def test_a_device_that_gives_up_does_not_hold_up_the_others(pool: Pool) -> None:
    memories = Memories(pool)
    devices, ann = DeviceRecords(memories.vault), await memories.person()
    async with trio.open_nursery() as server:
        server.start_soon(devices.run)
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(devices.connect, ann, PHONE, CLIENT)
            with trio.move_on_after(0):
                await devices.connect(ann, uuid4(), CLIENT)
        assert not (await devices.connect(ann, PHONE, CLIENT)).is_new
        server.cancel_scope.cancel()


async def test_without_the_database_each_device_gets_the_error(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    memories = Memories(pool)
    devices, ann = DeviceRecords(memories.vault), await memories.person()
    failed = 0

    async def connect() -> None:
        nonlocal failed
        with pytest.raises(psycopg.OperationalError):
            await devices.connect(ann, PHONE, CLIENT)
        failed += 1

    def away(*_: object, **__: object) -> object:
        raise psycopg.OperationalError("connection lost")

    async with trio.open_nursery() as server:
        server.start_soon(devices.run)
        await wait_all_tasks_blocked()
        with monkeypatch.context() as broken:
            broken.setattr(pool, "connection", away)
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(connect)
        assert failed == 5
        assert (await devices.connect(ann, PHONE, CLIENT)).is_new
        server.cancel_scope.cancel()


async def test_a_database_that_hangs_fails_the_handshake_in_time(
    pool: Pool, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    memories = Memories(pool)
    devices, ann = DeviceRecords(memories.vault), await memories.person()
    monkeypatch.setattr(devices._readings, "_within_s", 0.3)
    with psycopg.connect(database) as owner:
        owner.execute("LOCK TABLE devices")
        with pytest.raises(psycopg.OperationalError, match=r"did not read the device within 0\.3 s"):
            await devices.connect(ann, PHONE, CLIENT)
    monkeypatch.setattr(devices._readings, "_within_s", 60)
    assert (await devices.connect(ann, PHONE, CLIENT)).is_new
