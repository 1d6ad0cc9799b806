"""The quotas of stored memories, bytes and devices: counted in the database, with the rows that were stored since."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from memory.delivery import ClientRecord, DeviceRecords, TooManyDevices
from memory.quota import QuotaReached, StorageQuota
from sql.pool import Pool
from sql.tenant import scoped
from tests.memory.memories import Memories

CLIENT = ClientRecord("terminal", "1.0", "linux")


async def test_memories_are_exchanges_and_items(pool: Pool) -> None:
    memories = Memories(pool)
    ann, ben = await memories.person(), await memories.person()
    quota = StorageQuota(memories.vault, 3, 1 << 30)
    await quota.check(ann)
    await memories.tell(ann, "I like tea.", "Noted.")
    await memories.change(ann, "create", "task", "t1", {"title": "Buy tea"})
    await memories.tell(ann, "I like milk too.", "Noted.")
    quota = StorageQuota(memories.vault, 3, 1 << 30)
    with pytest.raises(QuotaReached, match="stores 3 memories; the limit is 3"):
        await quota.check(ann)
    await quota.check(ben)


async def test_bytes_are_those_of_contents_and_vectors(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await StorageQuota(memories.vault, 100, 1000).check(ann)
    await memories.tell(ann, "x" * 2000, "y" * 2000)
    with pytest.raises(QuotaReached, match=r"stores \d+ bytes; the limit is 1000"):
        await StorageQuota(memories.vault, 100, 1000).check(ann)


async def test_what_was_stored_since_the_count_counts(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    quota = StorageQuota(memories.vault, 2, 1 << 30)
    assert not quota.check_counted(ann), "it is not counted"
    await quota.check(ann)
    assert quota.check_counted(ann)
    quota.added(ann, 2, 0)
    with pytest.raises(QuotaReached):
        quota.check_counted(ann)
    with pytest.raises(QuotaReached):
        await quota.check(ann)
    assert isinstance(quota.refusal(ann), QuotaReached)
    quota.removed(ann)
    await quota.check(ann)


async def test_a_full_quota_is_counted_again_after_a_second(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "I like tea.", "Noted.")
    quota = StorageQuota(memories.vault, 1, 1 << 30)
    with pytest.raises(QuotaReached):
        await quota.check(ann)
    await memories.middleware.erase(ann)  # at another server: this quota is not told
    with pytest.raises(QuotaReached):
        await quota.check(ann)
    later = trio.current_time() + 100
    monkeypatch.setattr("memory.quota.trio.current_time", lambda: later)
    await quota.check(ann)


async def test_the_background_counts_for_changes_that_do_not_wait(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.change(ann, "create", "task", "t1", {"title": "Buy tea"})
    quota = StorageQuota(memories.vault, 1, 1 << 30)
    counted, count = trio.Event(), quota._count

    async def count_and_tell(user_id: UUID) -> None:
        await count(user_id)
        counted.set()

    monkeypatch.setattr(quota, "_count", count_and_tell)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(quota.run)
        assert quota.refusal(ann) is None  # not counted yet: nothing is refused
        await counted.wait()
        assert isinstance(quota.refusal(ann), QuotaReached)
        nursery.cancel_scope.cancel()


async def test_a_failed_count_refuses_nothing_and_ends_nothing(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    quota = StorageQuota(Memories(pool).vault, 1, 1)

    async def broken(*args: object) -> None:
        raise OSError

    monkeypatch.setattr(quota, "_count", broken)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(quota.run)
        for _ in range(2):
            assert quota.refusal(uuid4()) is None
            await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_the_middleware_counts_what_it_stores_and_forgets(pool: Pool) -> None:
    memories = Memories(pool)
    ann, middleware = await memories.person(), memories.middleware
    middleware.quota = StorageQuota(memories.vault, 2, 1 << 30)
    await middleware.quota.check(ann)
    await middleware.store_episode(ann, "c1", "I like tea.", "Noted.")
    await memories.change(ann, "create", "task", "t1", {"title": "Buy tea"})
    with pytest.raises(QuotaReached):
        await middleware.quota.check(ann)
    assert await middleware.forget_conversation(ann, "c1")
    await middleware.quota.check(ann)
    await middleware.store_episode(ann, "c1", "I like milk.", "Noted.")
    with pytest.raises(QuotaReached):
        await middleware.quota.check(ann)
    await memories.change(ann, "delete", "task", "t1", None)
    await middleware.quota.check(ann)


async def test_a_user_has_a_limit_of_devices_and_a_revoked_one_makes_room(pool: Pool) -> None:
    memories = Memories(pool)
    ann, ben = await memories.person(), await memories.person()
    devices = DeviceRecords(memories.vault, most=2)
    first, second = uuid4(), uuid4()
    for device_id in (first, second, first):
        await devices.connect(ann, device_id, CLIENT)
    with pytest.raises(TooManyDevices, match="has 2 devices, which is the limit: revoke one first"):
        await devices.connect(ann, uuid4(), CLIENT)
    await devices.connect(ben, uuid4(), CLIENT)
    async with scoped(pool, ann) as connection:
        await connection.execute("UPDATE devices SET revoked_at = now() WHERE device_id = %s", [first])
    await devices.connect(ann, uuid4(), CLIENT)


async def test_revoked_devices_do_not_pile_up(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    devices = DeviceRecords(memories.vault, most=1)
    for _ in range(10):
        await devices.connect(ann, uuid4(), CLIENT)
        async with scoped(pool, ann) as connection:
            await connection.execute("UPDATE devices SET revoked_at = now()")
    with pytest.raises(TooManyDevices):
        await devices.connect(ann, uuid4(), CLIENT)
