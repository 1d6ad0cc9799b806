"""Rows that nothing needs any more are removed; rows that are needed for good stay."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest

from memory.delivery import Change, ChangeLog
from memory.delivery.devices import ClientRecord, DeviceRecords
from memory.maintenance import Expiry
from sql.pool import Pool
from sql.tenant import listing, without_user
from tests.memory.memories import STATEMENTS, Memories

PHONE, LAPTOP = UUID(int=1), UUID(int=2)
CLIENT = ClientRecord("terminal", "1.0", "linux")


def age(database: str, update: str, *values: object) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(update.encode(), values)


def found(database: str, query: str) -> list[object]:
    with psycopg.connect(database, autocommit=True) as owner:
        return [row[0] for row in owner.execute(query.encode()).fetchall()]


@pytest.mark.parametrize(
    ("seen_days", "revoked_days", "stays"),
    [(99, None, True), (101, None, False), (101, 99, True), (500, 101, False)],
)
async def test_devices_are_removed_that_were_not_seen(
    pool: Pool, database: str, seen_days: int, revoked_days: int | None, stays: bool
) -> None:
    memories = Memories(pool)
    ann, devices = await memories.person(), DeviceRecords(memories.vault)
    await devices.connect(ann, PHONE, CLIENT)
    await devices.connect(ann, LAPTOP, CLIENT)
    age(
        database,
        "UPDATE devices SET last_seen_at = now() - make_interval(days => %s),"
        " revoked_at = now() - make_interval(days => %s) WHERE device_id = %s",
        *(seen_days, revoked_days, PHONE),
    )
    await Expiry(pool, STATEMENTS, device_keep_s=100 * 86_400).remove()
    assert set(found(database, "SELECT device_id FROM devices")) == {LAPTOP} | ({PHONE} if stays else set())


async def test_a_removed_device_that_returns_may_have_expired_and_a_new_users_device_not(
    pool: Pool, database: str
) -> None:
    memories = Memories(pool)
    ann, ben, devices = await memories.person(), await memories.person(), DeviceRecords(memories.vault)
    await ChangeLog(memories.vault).append(ann, [Change(uuid4(), None, {})])
    await devices.connect(ann, PHONE, CLIENT)
    age(database, "UPDATE users SET created_at = now() - interval '500 days' WHERE user_id = %s", ann)
    age(database, "UPDATE devices SET last_seen_at = now() - interval '450 days'")
    await Expiry(pool, STATEMENTS, device_keep_s=400 * 86_400).remove()
    returned = await devices.connect(ann, PHONE, CLIENT)
    assert (returned.is_new, returned.may_have_expired, returned.last_change) == (True, True, 1)
    assert not (await devices.connect(ann, PHONE, CLIENT)).may_have_expired
    assert not (await devices.connect(ben, PHONE, CLIENT)).may_have_expired


async def test_expired_invites_are_removed_and_the_worker_role_can_remove_no_others(pool: Pool, database: str) -> None:
    async with without_user(pool) as connection:
        for ttl_s in (-1, 60):
            values = {"new_invite_digest": b"%d" % ttl_s, "email": None, "ttl_s": ttl_s}
            await connection.execute(STATEMENTS["invite_insert"], values)
    await Expiry(pool, STATEMENTS, device_keep_s=400 * 86_400).remove()
    assert found(database, "SELECT digest FROM invites") == [b"60"]
    async with listing(pool) as connection:
        await connection.execute(STATEMENTS["invites_expire"], {"now": "2999-01-01"})
    assert found(database, "SELECT digest FROM invites") == [b"60"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with listing(pool) as connection:
            await connection.execute("SELECT digest FROM invites")


async def test_tombstones_expire_that_only_stop_work_in_progress(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    expiry = Expiry(pool, STATEMENTS, device_keep_s=400 * 86_400)
    ann = await memories.person()
    await memories.tell(ann, "Clara moved to Lisbon.", "Noted.")
    await memories.tell(ann, "Ben likes chess.", "Noted.")
    (gone,) = [
        UUID(str(record["id"]))
        for record in await memories.records(ann)
        if record["tier"] == "episodic" and "Clara" in str(record["message"])
    ]
    await memories.middleware.forget(ann, gone)
    assert found(database, "SELECT expires FROM memory_forgotten") == [True]
    # While an episode waits for enrichment, and for 30 days, they stay.
    await expiry.remove()
    assert len(found(database, "SELECT digest FROM memory_forgotten")) == 1
    age(database, "UPDATE memory_forgotten SET until = now() - interval '31 days'")
    await memories.middleware.store_episode(ann, None, "Dora sings.", "ok")
    await expiry.remove()
    assert len(found(database, "SELECT digest FROM memory_forgotten")) == 1
    await memories.middleware.enrichment.run_once()
    await expiry.remove()
    assert found(database, "SELECT digest FROM memory_forgotten") == []


async def test_tombstones_stay_for_good_that_old_episodes_need(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    # This episode mentions the forgotten item, and is kept.
    await memories.tell(ann, "Clara moved to Lisbon. Ben likes chess.", "Noted.")
    await memories.tell(ann, "Clara moved to Lisbon.", "Noted.")
    await memories.change(ann, "create", "task", "t1", {"title": "Call Clara"})
    await memories.change(ann, "delete", "task", "t1", None)
    await memories.middleware.update_core(ann, "tea", "green")
    forgotten = [
        UUID(str(record["id"]))
        for record in await memories.records(ann)
        if record["tier"] == "core" or record.get("message") == "Clara moved to Lisbon."
    ]
    assert len(forgotten) == 2
    results = [await memories.middleware.forget(ann, item) for item in forgotten]
    assert any(result.mentioned for result in results)
    before = found(database, "SELECT digest FROM memory_forgotten ORDER BY 1")
    assert len(before) >= 3
    age(database, "UPDATE memory_forgotten SET until = now() - interval '10 years'")
    await Expiry(pool, STATEMENTS, device_keep_s=400 * 86_400).remove()
    assert found(database, "SELECT digest FROM memory_forgotten ORDER BY 1") == before


async def test_a_tombstone_that_is_needed_for_good_stays_so(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for expires in (False, True, False):
        values = {"user_id": ann, "digests": [b"x"], "until": "2020-01-01", "expires": expires}
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute(STATEMENTS["forgotten_add"], values)
        assert found(database, "SELECT expires FROM memory_forgotten") == [False]
