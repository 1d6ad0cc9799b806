"""The log of changes: numbers without gaps, each change once, and a device gets exactly what it missed or `lost`."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import trio

from memory.delivery.changes import Change, ChangeLog
from memory.delivery.devices import ClientRecord, DeviceRecords
from memory.maintenance.expiry import Expiry
from memory.tiers.entities import EntityChange
from sql.pool import Pool, open_pool
from sql.tenant import configure_server
from tests.memory.memories import STATEMENTS, Memories
from tests.memory.tiers.test_entities import NOON

PHONE = UUID(int=2)


def change(title: str, mutation_id: UUID | None = None) -> Change:
    return Change(mutation_id or uuid4(), PHONE, {"op": "create", "title": title})


async def titles(log: ChangeLog, user_id: UUID, after: int) -> list[tuple[int, str]]:
    missed = await log.missed(user_id, after)
    assert missed.missed in {"none", "sent"}
    return [(found.number, found.body["title"]) for found in missed.changes]


async def position(memories: Memories, user_id: UUID) -> tuple[int, int | None]:
    """The numbers of the last change, and of the last one that the device has applied."""
    record = await DeviceRecords(memories.vault).connect(user_id, PHONE, ClientRecord("t", "1", "terminal"))
    return record.last_change, record.change_cursor


async def test_a_device_reads_what_it_missed(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    log, ann, ben = ChangeLog(memories.vault), await memories.person(), await memories.person()
    assert (await log.missed(ann, 0)).missed == "none"
    logged = await log.append(ann, [change("one"), change("two")])
    assert [(place.number, place.is_new) for place in logged] == [(1, True), (2, True)]
    await log.append(ben, [change("of somebody else")])
    await log.append(ann, [change("three")])
    assert await titles(log, ann, 0) == [(1, "one"), (2, "two"), (3, "three")]
    assert await titles(log, ann, 2) == [(3, "three")]
    assert await titles(log, ann, 3) == []
    assert await position(memories, ann) == (3, None)
    assert (await log.missed(ann, 4)).missed == "lost"
    assert {found.device_id for found in (await log.missed(ann, 0)).changes} == {PHONE}
    with psycopg.connect(database) as connection:
        assert "two" not in str(connection.execute("SELECT changes::text, body_encrypted FROM changes").fetchall())


async def test_a_change_that_is_sent_twice_is_logged_and_applied_once(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    first = EntityChange("create", "task", "t1", {"title": "Pay the rent"}, NOON)
    assert [place.number for place in await memories.middleware.changed(ann, [first])] == [1]
    second = EntityChange("update", "task", "t1", {"title": "Pay the rent today"}, NOON)
    again = await memories.middleware.changed(ann, [first, second, second])
    assert [(place.number, place.is_new) for place in again] == [(1, False), (2, True), (2, False)]
    assert (await position(memories, ann))[0] == 2


async def test_a_mutation_id_belongs_to_one_change_of_one_device(pool: Pool) -> None:
    memories = Memories(pool)
    log, ann, shared = ChangeLog(memories.vault), await memories.person(), uuid4()
    first = change("one", shared)
    elsewhere = Change(shared, UUID(int=3), first.body)
    places = await log.append(ann, [first, first, change("two", shared), elsewhere])
    assert [(place.number, place.is_new, place.id_reused) for place in places] == [
        (1, True, False),
        (1, False, False),
        (1, False, True),
        (1, False, True),
    ]
    assert await titles(log, ann, 0) == [(1, "one")]


async def test_numbers_have_no_gaps_when_servers_write_at_once(database: str) -> None:
    async with open_pool(database, max_size=6, configure=configure_server) as wide:
        memories = Memories(wide)
        log, ann = ChangeLog(memories.vault), await memories.person()
        shared = uuid4()

        async def write(number: int) -> None:
            await log.append(ann, [change(f"{number}"), change("shared", shared)])

        async with trio.open_nursery() as nursery:
            for number in range(12):
                nursery.start_soon(write, number)
        found = await titles(log, ann, 0)
    assert [number for number, _ in found] == list(range(1, 14))
    assert sorted(title for _, title in found) == sorted([*map(str, range(12)), "shared"])


async def test_a_transaction_that_fails_uses_no_number(pool: Pool) -> None:
    memories = Memories(pool)
    log, ann = ChangeLog(memories.vault), await memories.person()
    with trio.CancelScope() as scope:
        async with memories.vault.adding(ann) as (connection, key):
            await log.append_in(connection, ann, key, [change("undone")])
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    await log.append(ann, [change("done")])
    assert await titles(log, ann, 0) == [(1, "done")]


async def test_the_log_is_bounded_in_number_and_age(pool: Pool) -> None:
    memories = Memories(pool)
    ann, ben = await memories.person(), await memories.person()
    short = ChangeLog(memories.vault, keep=3)
    for number in range(5):
        await short.append(ann, [change(str(number))])
    assert (await short.missed(ann, 1)).missed == "lost"
    assert (await short.missed(ann, 0)).missed == "lost"
    assert await titles(short, ann, 2) == [(3, "2"), (4, "3"), (5, "4")]
    old = ChangeLog(memories.vault, keep_s=-1.0)
    await old.append(ben, [change("old")])
    await short.append(ben, [change("new")])
    await Expiry(pool, STATEMENTS, device_keep_s=400 * 86_400).remove()
    assert (await short.missed(ben, 0)).missed == "lost"
    assert await titles(short, ben, 1) == [(2, "new")]
    many = ChangeLog(memories.vault)
    await many.append(ben, [change(str(number)) for number in range(1001)])
    assert (await many.missed(ben, 2)).missed == "lost"
    assert len((await many.missed(ben, 3)).changes) == 1000


async def test_erasing_empties_the_log_and_says_so(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.change(ann, "create", "task", "t1", {"title": "Call Clara"})
    assert (await memories.middleware.erase(ann)).removed["changes"] == 1
    log = memories.middleware.change_log
    missed = await log.missed(ann, 0)
    assert (missed.missed, missed.last) == ("lost", 1)
    assert (await log.missed(ann, 1)).missed == "none"
    await log.append(ann, [change("new")])
    assert await titles(log, ann, 1) == [(2, "new")]


async def test_rotating_the_key_re_encrypts_the_log(pool: Pool) -> None:
    memories = Memories(pool)
    log, ann = ChangeLog(memories.vault), await memories.person()
    await log.append(ann, [change(str(number)) for number in range(250)])
    elsewhere = Memories(pool, master_keys=memories.master_keys)
    assert len(await titles(ChangeLog(elsewhere.vault), ann, 0)) == 250
    done = await memories.user_key_rotation.rotate(ann)
    assert (done.rows, done.unreadable) == (250, 0)
    assert len(await titles(ChangeLog(elsewhere.vault), ann, 0)) == 250


async def test_a_device_cursor_only_moves_forward(pool: Pool) -> None:
    memories = Memories(pool)
    log, ann = ChangeLog(memories.vault), await memories.person()
    await log.seen(ann, PHONE, 3)  # no such device yet
    assert await position(memories, ann) == (0, None)
    assert await position(memories, ann) == (0, None)
    for number, expected in ((4, 4), (2, 4), (7, 7)):
        await log.seen(ann, PHONE, number)
        assert await position(memories, ann) == (0, expected)
