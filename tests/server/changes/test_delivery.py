"""Numbered changes reach each device once and in order, whatever happens to their announcements."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from memory.delivery import LoggedChange
from memory.delivery.changes import Change, ChangeLog, MissedChanges
from memory.delivery.devices import ClientRecord, DeviceRecord, DeviceRecords
from server.changes.delivery import ChangeDelivery, Missed
from server.changes.record import record_change
from server.devices.registry import DeviceLink, DeviceRegistry
from server.memory_service.answer_memory import MemoryService
from server.memory_service.entity_changes import ChangeSource
from server.sessions.memory_frames import change_entity
from server.telemetry.metrics import Metrics
from sql.pool import Pool
from streaming.wire import (
    CloseCode,
    ServerFrame,
    WsClientMutation,
    WsError,
    WsMutationAck,
    WsMutationRecord,
    WsServerMutation,
)
from tests.memory.memories import Memories

CLIENT = ClientRecord("t", "1", "terminal")


class Link:
    """A connected device: records what it is sent."""

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        self.device_id = uuid4()
        self.frames: list[ServerFrame] = []
        self.closed: int | None = None
        self.arrived = trio.Event()

    def send_control(self, frame: ServerFrame) -> None:
        self.frames.append(frame)
        self.arrived.set()
        self.arrived = trio.Event()

    def close(self, code: CloseCode, reason: str) -> None:
        del reason
        self.closed = code
        self.arrived.set()

    @property
    def numbers(self) -> list[int | None]:
        return [frame.change for frame in self.frames if isinstance(frame, WsServerMutation)]

    async def has(self, *numbers: int) -> None:
        while len(self.frames) < len(numbers):
            await self.arrived.wait()
        await wait_all_tasks_blocked()
        assert self.numbers == list(numbers)


class World:
    """One person with a log, and the delivery of one server."""

    def __init__(self, memories: Memories, user_id: UUID) -> None:
        self.memories, self.user_id, self.metrics = memories, user_id, Metrics()
        self.log = ChangeLog(memories.vault)
        self.registry = DeviceRegistry()
        self.delivery = self.registry.changes = ChangeDelivery(self.log, self.metrics)
        self.devices = DeviceRecords(memories.vault)

    async def device(self) -> Link:
        link = Link(self.user_id)
        await self.record(link)
        return link

    async def record(self, link: Link) -> DeviceRecord:
        return await self.devices.connect(self.user_id, link.device_id, CLIENT)

    async def connect(
        self, link: Link, after: int | None = None, *, during: int = 0, record: DeviceRecord | None = None
    ) -> Missed:
        """Connect; `during` changes are written and announced after the log was read."""
        with self.delivery.joining(self.user_id, link.device_id) as joining:
            missed = await self.delivery.read(joining, record or await self.record(link), after)
            for _ in range(during):
                self.announce(await self.write())
            for frame in missed.frames:
                link.send_control(frame)
            self.registry.add(as_link(link))
            self.delivery.joined(joining, as_link(link))
        return missed

    def disconnect(self, link: Link) -> None:
        self.delivery.parted(as_link(link))

    async def write(self, device_id: UUID | None = None) -> WsServerMutation:
        """Write a change; returns the frame that announces it."""
        body = {"op": "update", "entity": "task", "id": "t1", "data": {"title": "Pay the rent"}}
        (place,) = await self.log.append(self.user_id, [Change(uuid4(), device_id, body)])
        return WsServerMutation(**body, origin_device_id=device_id, change=place.number)

    def announce(self, *frames: WsServerMutation) -> None:
        for frame in frames:
            self.registry.deliver(self.user_id, frame)


def as_link(link: Link) -> DeviceLink:
    return link  # type: ignore[return-value]


@pytest.fixture
async def world(pool: Pool, nursery: trio.Nursery) -> World:
    memories = Memories(pool)
    world = World(memories, await memories.person())
    await nursery.start(world.delivery.run)
    return world


async def test_a_device_that_was_away_gets_exactly_what_it_missed_once(world: World) -> None:
    phone, laptop = await world.device(), await world.device()
    assert (await world.connect(phone)).state.model_dump() == {"last": 0, "missed": "none"}  # type: ignore[union-attr]
    world.announce(await world.write())
    await phone.has(1)
    world.disconnect(phone)
    world.announce(await world.write(), await world.write(phone.device_id), await world.write(laptop.device_id))
    await phone.has(1)
    missed = await world.connect(phone, after=1)
    assert missed.state is not None
    assert (missed.state.last, missed.state.missed) == (4, "sent")
    await phone.has(1, 2, 4)  # it made the third one itself
    again = await world.connect(phone, after=4)
    assert again.state is not None
    assert again.state.missed == "none"
    world.announce(await world.write())
    await phone.has(1, 2, 4, 5)


async def test_announcements_that_are_late_double_or_lost_change_nothing(world: World) -> None:
    phone = await world.device()
    await world.connect(phone)
    frames = [await world.write() for _ in range(4)]
    world.announce(frames[0], frames[0], frames[3])  # the second and the third are late
    await phone.has(1, 2, 3, 4)
    world.announce(frames[1], frames[2], frames[3])
    await phone.has(1, 2, 3, 4)
    await world.write()  # its announcement is lost
    world.announce(await world.write())
    await phone.has(1, 2, 3, 4, 5, 6)


async def test_a_change_that_nobody_announced_is_found_when_its_server_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, away, second = await world.device(), await world.device(), await world.device()
    for link in (phone, away, second):
        await world.connect(link)
    world.disconnect(away)
    await world.write(second.device_id)  # then its server is killed
    await wait_all_tasks_blocked()
    assert phone.numbers == []
    missed = world.log.missed
    failures: list[int] = []

    async def fail_once(user_id: UUID, after: int) -> MissedChanges:
        if not failures:
            failures.append(after)
            raise psycopg.OperationalError("connection lost")
        return await missed(user_id, after)

    monkeypatch.setattr(world.log, "missed", fail_once)
    monkeypatch.setattr("server.changes.delivery._AGAIN_S", 0)
    world.delivery.look_again()
    await phone.has(1)
    assert failures == [0]
    assert (away.numbers, second.numbers, phone.closed) == ([], [], None)
    world.delivery.look_again()
    world.announce(await world.write())
    await phone.has(1, 2)
    await second.has(2)


async def test_a_change_between_the_reading_and_the_joining_is_not_missed(world: World) -> None:
    phone = await world.device()
    world.announce(await world.write())
    await world.connect(phone, after=0, during=2)
    await phone.has(1, 2, 3)


async def test_a_device_without_storage_uses_the_cursor_of_the_server(world: World) -> None:
    phone = await world.device()
    await world.write()
    first = await world.connect(phone)
    assert first.state is not None
    assert (first.state.last, first.state.missed) == (1, "none"), "a new device reads everything itself"
    world.disconnect(phone)
    await world.write()
    second = await world.connect(phone)
    assert [frame.change for frame in second.frames] == [2]
    assert [frame.change for frame in (await world.connect(phone)).frames] == [2], "it has not said that it has it"
    await world.delivery.seen(world.user_id, phone.device_id, 2)
    assert not (await world.connect(phone)).frames


async def test_changes_that_are_gone_are_lost_and_said_to_be(world: World) -> None:
    phone, other = await world.device(), await world.device()
    await world.connect(other)
    await world.write()
    await world.memories.middleware.erase(world.user_id)
    missed = await world.connect(phone, after=0)
    assert missed.state is not None
    assert (missed.state.missed, missed.state.last, missed.frames) == ("lost", 1, [])
    # A connected device that misses a change for good must connect again, to be told.
    world.announce(await world.write())
    while other.closed is None:
        await other.arrived.wait()
    assert other.numbers == []
    await phone.has(2)


async def test_without_the_database_a_device_connects_and_gets_what_comes(pool: Pool, nursery: trio.Nursery) -> None:
    world = World(Memories(pool), uuid4())  # a user without a key: every reading fails after the device's record
    await nursery.start(world.delivery.run)
    phone = Link(world.user_id)
    missed = await world.connect(phone, after=3, record=DeviceRecord(is_new=False, last_change=5))
    assert missed.state is None
    world.announce(WsServerMutation(op="delete", entity="task", id="t1", change=7))
    await phone.has(7)


async def test_devices_without_the_feature_get_each_announcement(world: World) -> None:
    phone = await world.device()
    world.registry.add(as_link(phone))
    frames = [await world.write(), await world.write(phone.device_id), await world.write()]
    world.announce(frames[2], *frames)
    await phone.has(3, 1, 3)


async def test_a_change_is_settled_after_its_commit_and_applied_once(world: World, nursery: trio.Nursery) -> None:
    service = MemoryService(world.memories.middleware, world.metrics, recall_s=5, store_s=5, conversation_tokens=1000)
    phone, laptop = await world.device(), await world.device()
    for link in (phone, laptop):
        await world.connect(link)
    record = WsMutationRecord(op="create", entity="task", id="t1", data={"title": "Pay the rent"})
    source = ChangeSource(phone.device_id, None, uuid4())
    places: list[LoggedChange | None] = []
    for _ in range(2):
        assert record_change(service, world.registry, world.user_id, record, source, places.append)
    await wait_all_tasks_blocked()
    assert phone.frames == laptop.frames == []
    assert not places
    nursery.start_soon(service.run)
    await laptop.has(1)
    await service.drain(5)
    assert [place and place.number for place in places] == [1, 1]
    assert phone.frames == []
    assert len(laptop.frames) == 1
    assert (await world.record(phone)).last_change == 1


async def test_a_reused_mutation_id_is_refused_and_changes_nothing(world: World, nursery: trio.Nursery) -> None:
    service = MemoryService(world.memories.middleware, world.metrics, recall_s=5, store_s=5, conversation_tokens=1000)
    phone, laptop = await world.device(), await world.device()
    for link in (phone, laptop):
        await world.connect(link)
    nursery.start_soon(service.run)
    mutation = uuid4()
    rent, gas = (
        WsClientMutation(op="create", entity="task", id=name, data={"title": f"Pay the {name}"}, mutation_id=mutation)
        for name in ("rent", "gas")
    )
    for device, frame in ((phone, rent), (phone, gas), (laptop, rent)):
        assert change_entity(service, world.registry, world.user_id, device.device_id, frame) is None
    while len(phone.frames) < 2 or len(laptop.frames) < 2:
        with trio.fail_after(10):
            await (phone if len(phone.frames) < 2 else laptop).arrived.wait()
    assert phone.frames[0] == WsMutationAck(mutation_id=mutation, change=1)
    for error in (phone.frames[1], laptop.frames[1]):
        assert isinstance(error, WsError)
        assert (error.code, error.mutation_id, error.retryable) == ("invalid_frame", mutation, False)
    await laptop.has(1)
    assert (await world.record(phone)).last_change == 1


async def test_a_device_whose_record_may_have_been_removed_reads_everything_again(world: World) -> None:
    phone = Link(world.user_id)
    await world.write()
    record = DeviceRecord(is_new=True, last_change=1, may_have_expired=True)
    missed = await world.connect(phone, record=record)
    assert missed.state is not None
    assert (missed.state.missed, missed.state.last, missed.frames) == ("lost", 1, ())
    world.announce(await world.write())
    await phone.has(2)
    # With its own number it gets what it missed; and nothing is lost if nothing was ever written.
    told = await world.connect(Link(world.user_id), after=1, record=replace(record, last_change=2))
    assert told.state is not None
    assert told.state.missed == "sent"
    empty = await world.connect(Link(world.user_id), record=DeviceRecord(is_new=True, may_have_expired=True))
    assert empty.state is not None
    assert empty.state.missed == "none"
