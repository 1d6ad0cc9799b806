"""Erasure: rows and terms are deleted, the key is destroyed, and an older physical copy cannot be decrypted."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import UUID

import numpy as np
import psycopg
import pytest
import trio
import trio.testing

from memory.crypto.cipher import Cipher, Unreadable
from memory.keys.master import KeyRing, WrongMasterKey, new_master_key
from memory.keys.shares import MissingKeyShare
from memory.keys.user_keys import UserKey, UserKeys, WrappedKey
from sql.embedded.postgres import EmbeddedPostgres
from sql.migrate import migrate
from sql.pool import Pool, open_pool
from sql.tenant import configure_server
from tests.database import temporary_directory
from tests.memory.memories import Memories, WordEmbedder
from tests.memory.plain import tokens


async def remembered(memories: Memories) -> UUID:
    user_id = await memories.person()
    await memories.middleware.update_core(user_id, "tea", "green")
    await memories.tell(user_id, "Clara moved to Lisbon.", "Noted.")
    await memories.middleware.store_episode(user_id, None, "Ben likes chess.", "ok")
    return user_id


async def test_a_receipt_says_what_is_gone(pool: Pool, tmp_path: Path) -> None:
    memories = Memories(pool, shares=tmp_path / "shares", embedder=WordEmbedder())
    ann, ben = await remembered(memories), await remembered(memories)
    before = await memories.vault.key(ann)
    bens = await memories.records(ben)
    receipt = await memories.middleware.erase(ann)
    assert receipt.removed == {
        "core": 1,
        "episodic": 2,
        "titles": 1,
        "associative": 2,
        "terms": 6,
        "proactive": 1,
        "answers": 0,
        "changes": 0,
    }
    assert receipt.key_before == before.fingerprint
    after = await memories.vault.key(ann)
    assert receipt.key_after == after.fingerprint != before.fingerprint
    assert before.key != after.key
    assert receipt.backups_unreadable
    assert before.key.decode() not in str(receipt)
    assert await memories.records(ann) == []
    assert await memories.records(ben) == bens
    assert len(list((tmp_path / "shares" / str(ann)).iterdir())) == 1
    # No episode of hers waits for enrichment, and memory still works.
    assert await memories.middleware.enrichment.run_once() == 1  # Ben's
    await memories.tell(ann, "Dora moved to Porto.")
    assert len((await memories.middleware.enrich_context(ann, "Dora")).associative) == 1


async def test_without_shares_a_receipt_does_not_promise_what_it_cannot(pool: Pool) -> None:
    memories = Memories(pool)
    assert not (await memories.middleware.erase(await memories.person())).backups_unreadable


async def test_a_receipt_promises_nothing_about_a_share_that_is_not_here(pool: Pool, tmp_path: Path) -> None:
    memories = Memories(pool, shares=tmp_path / "shares")
    ann, ben = await memories.person(), await memories.person()
    elsewhere = Memories(pool, shares=tmp_path / "another", master_keys=memories.master_keys)
    without = Memories(pool, master_keys=memories.master_keys)
    for server, person in ((elsewhere, ann), (without, ben)):
        receipt = await server.middleware.erase(person)
        assert (receipt.key_before, receipt.backups_unreadable) == (None, False)
        assert len(list((tmp_path / "shares" / str(person)).iterdir())) == 1
    # The key is new, and memory works.
    assert (await elsewhere.middleware.erase(ann)).backups_unreadable
    assert not (await without.middleware.erase(ben)).backups_unreadable


async def test_a_receipt_is_about_the_key_that_is_in_use(pool: Pool, tmp_path: Path) -> None:
    here = Memories(pool)
    ann = await remembered(here)
    await here.vault.key(ann)
    # Another server, which has key shares, replaces the key. This server still has the old key in its cache.
    there = Memories(pool, shares=tmp_path / "shares", master_keys=here.master_keys)
    done = await there.user_key_rotation.rotate(ann)
    receipt = await Memories(pool, shares=tmp_path / "shares", master_keys=here.master_keys).middleware.erase(ann)
    assert (receipt.key_before, receipt.backups_unreadable) == (done.key_after, True)
    last = await there.middleware.erase(ann)
    assert last.key_before == receipt.key_after


async def test_a_person_without_a_key_can_erase_and_has_one_again(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await remembered(memories)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE users SET encryption_key = NULL")
    receipt = await Memories(pool, master_keys=memories.master_keys).middleware.erase(ann)
    assert (receipt.key_before, receipt.removed["core"]) == (None, 1)
    await memories.tell(ann, "Dora moved to Porto.")
    assert len(await memories.records(ann)) == 3


async def test_a_key_that_no_longer_opens_does_not_keep_anybody_from_erasing(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await remembered(memories)
    others = Memories(pool)
    receipt = await others.middleware.erase(ann)
    assert receipt.key_before is None
    assert receipt.removed["core"] == 1
    await others.tell(ann, "Clara moved to Lisbon.")
    assert len(await others.records(ann)) == 3


async def test_another_server_that_still_has_the_old_key_writes_under_the_new_one(pool: Pool, tmp_path: Path) -> None:
    here = Memories(pool, shares=tmp_path / "shares")
    there = Memories(pool, shares=tmp_path / "shares", master_keys=here.master_keys)
    ann = await remembered(here)
    await there.vault.key(ann)
    await here.middleware.erase(ann)
    await there.tell(ann, "Dora moved to Porto.")
    assert len((await there.middleware.enrich_context(ann, "Dora")).associative) == 1
    assert len((await here.middleware.enrich_context(ann, "Dora")).associative) == 1
    assert not here.unreadable + there.unreadable


async def test_erasing_while_it_is_being_written(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()

    async def write(number: int) -> None:
        await memories.middleware.store_episode(ann, None, f"Message {number} about Lisbon", "ok")
        await memories.middleware.enrichment.run_once()

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(write, number)
            if number % 3 == 0:
                nursery.start_soon(memories.middleware.erase, ann)
    await memories.middleware.enrichment.run_once()
    records = await memories.records(ann)
    assert not [record for record in records if record.get("unreadable")]
    assert not memories.unreadable


@pytest.mark.slow
def test_a_physical_copy_from_before_can_be_neither_read_nor_searched() -> None:
    with temporary_directory() as folder:
        trio.run(_copy_erase_and_try, folder)


async def _copy_erase_and_try(folder: Path) -> None:
    master, shares = [new_master_key()], folder / "shares"
    server = EmbeddedPostgres(folder / "postgres", durable=False)
    conninfo = await trio.to_thread.run_sync(server.start)
    await migrate(conninfo)
    async with open_pool(conninfo, configure=configure_server) as pool:
        memories = Memories(pool, shares=shares, master_keys=master, embedder=WordEmbedder())
        ann = await remembered(memories)
    await trio.to_thread.run_sync(server.stop)
    await trio.to_thread.run_sync(lambda: shutil.copytree(folder / "postgres", folder / "copy"))
    for path in (folder / "copy").rglob("*"):
        shutil.chown(path, path.owner(), path.group())
    _give_like(folder / "postgres", folder / "copy")

    await trio.to_thread.run_sync(server.start)
    async with open_pool(conninfo, configure=configure_server) as pool:
        memories = Memories(pool, shares=shares, master_keys=master, embedder=WordEmbedder())
        receipt = await memories.middleware.erase(ann)
        assert receipt.removed["associative"] == 1
        current = await memories.vault.key(ann)
    await trio.to_thread.run_sync(server.stop)

    copy = EmbeddedPostgres(folder / "copy", durable=False)
    copied = await trio.to_thread.run_sync(copy.start)
    try:
        _try_everything(copied, master, ann, current)
        # The server refuses to start on the copy with the current keys and shares.
        async with open_pool(copied, configure=configure_server) as pool:
            thief = Memories(pool, shares=shares, master_keys=master, embedder=WordEmbedder())
            with pytest.raises(MissingKeyShare):
                await thief.middleware.enrich_context(ann, "Clara Lisbon")
        with psycopg.connect(copied) as connection:
            rows = connection.execute("SELECT term FROM memory_terms").fetchall()
            asked = set(current.terms.query("Clara moved to Lisbon noted Ben likes chess"))
            assert len(rows) == 4
            assert not asked & {bytes(term) for (term,) in rows}
            (text,) = connection.execute("SELECT embedding::text FROM memory_associative").fetchone() or ("",)
        stored = np.array([float(number) for number in text.strip("[]").split(",")], np.float32)
        plain = await WordEmbedder().embed_query("Clara moved to Lisbon. Noted.")
        assert abs(float(stored @ current.rotation.apply(plain))) < 0.2
        assert abs(float(stored[:384] @ plain)) < 0.2
    finally:
        await trio.to_thread.run_sync(copy.stop)


def _give_like(original: Path, copy: Path) -> None:
    """PostgreSQL does not run as root, and only starts on files that its account owns."""
    for path in (original, *original.rglob("*")):
        twin = copy / path.relative_to(original)
        if twin.exists():
            shutil.chown(twin, path.stat().st_uid, path.stat().st_gid)


def _try_everything(conninfo: str, master: list[str], user_id: UUID, current: UserKey) -> None:
    with psycopg.connect(conninfo) as connection:
        (stored,) = (
            connection.execute("SELECT encryption_key FROM users WHERE user_id = %s", [user_id]).fetchone() or ()
        )
    found = tokens(conninfo, current)
    tables = {"memory_core", "memory_episodic", "memory_associative", "memory_proactive", "memory_conversations"}
    assert {purpose.table for purpose, _ in found} == tables
    for purpose, token in found:
        for cipher in (current.cipher, *(Cipher(user_id, raw.encode()) for raw in master)):
            with pytest.raises(Unreadable):
                cipher.unseal(purpose, token)
    wrapped = WrappedKey.parse(stored)
    for candidate in (bytes(stored), wrapped.token):
        with pytest.raises(WrongMasterKey):
            KeyRing(master).unwrap(user_id, candidate)


async def test_shares_are_private_and_one_each(pool: Pool, tmp_path: Path) -> None:
    memories = Memories(pool, shares=tmp_path / "shares")
    ann = await memories.person()
    await memories.user_key_rotation.rotate(ann)
    await memories.middleware.erase(ann)
    folder = tmp_path / "shares" / str(ann)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]
    assert list((tmp_path / "shares" / "unsettled").iterdir()) == []
    await memories.keys.discard(ann)
    assert not folder.exists()


async def test_a_damaged_share_is_a_missing_one(pool: Pool, tmp_path: Path) -> None:
    memories = Memories(pool, shares=tmp_path / "shares")
    ann = await memories.person()
    (share,) = (tmp_path / "shares" / str(ann)).iterdir()
    for damaged in (b"short", b"", bytes(32)):  # a destroyed share is overwritten with zeros
        share.write_bytes(damaged)
        with pytest.raises(MissingKeyShare, match="TESSERA_KEY_SHARES_DIR"):
            await memories.vault.key(ann)


async def test_keys_are_kept_briefly_and_boundedly() -> None:
    now = 0.0
    keys = UserKeys(KeyRing([new_master_key()]), None, max_cached=2, cache_s=60, clock=lambda: now)
    people = [UUID(int=number) for number in range(3)]
    for person in people:
        key = await keys.make(person)
        assert keys.cached(person) is None
        opened = await keys.unwrap(person, key.stored)
        assert opened.key == key.key
        assert await keys.unwrap(person, key.stored) is opened
        assert key.key.decode() not in repr(opened) + repr(keys)
    assert [keys.cached(person) is not None for person in people] == [False, True, True]
    now = 60.0
    assert keys.cached(people[2]) is None


async def test_a_key_that_nobody_asks_for_leaves_memory_in_time(autojump_clock: trio.testing.MockClock) -> None:
    keys = UserKeys(KeyRing([new_master_key()]), None, cache_s=60)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keys.expire)
        await trio.sleep(1000)
        opened = [await keys.make(UUID(int=number)) for number in range(3)]
        for number in (0, 1):
            await keys.unwrap(UUID(int=number), opened[number].stored)
        await trio.sleep(30)
        keys.evict(UUID(int=0))
        await keys.unwrap(UUID(int=2), opened[2].stored)
        counts = []
        for _ in range(4):
            counts.append(len(keys))
            await trio.sleep(15.1)
        nursery.cancel_scope.cancel()
    # The second is evicted after 60 seconds, the third after 30 more.
    assert counts == [2, 2, 1, 1]
    assert len(keys) == 0
