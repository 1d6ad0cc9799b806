"""Key rotation during reads, writes, forgetting and erasure, by two servers (two pools, two caches) of one database."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest
import trio
import trio.testing

from memory.keys.folder_shares import FolderShares
from memory.keys.master import KeyRing, new_master_key
from memory.keys.user_keys import UserKey, UserKeys
from memory.maintenance.key_upkeep import KeyUpkeep
from memory.maintenance.rekey import Rekeyed
from memory.tiers.core import CoreMemory
from memory.vault import Vault
from sql.driver.connection import Connection
from sql.driver.errors import DatabaseUnavailable
from sql.pool import Pool, PoolTimeout, open_pool
from sql.tenant import configure_server
from tests.memory.memories import STATEMENTS, Memories, WordEmbedder


@asynccontextmanager
async def another_server(database: str, like: Memories, shares: Path | None = None) -> AsyncIterator[Memories]:
    """A second server of the same database and key shares: it has its own pool, cache and worker."""
    async with open_pool(database, max_size=4, configure=configure_server) as pool:
        yield Memories(pool, shares=shares, master_keys=like.master_keys, embedder=WordEmbedder())


@contextmanager
def held_up(database: str, user_id: UUID) -> Iterator[None]:
    """Re-encryption of the person's preferences waits, in the middle of its transaction, until the block ends."""
    with psycopg.connect(database) as connection:
        connection.execute("SELECT id FROM memory_core WHERE user_id = %s FOR UPDATE", [user_id])
        yield


async def until_somebody_waits(database: str) -> None:
    """Wait until a transaction waits for a lock of another one."""
    async with open_pool(database, max_size=1) as pool, pool.connection() as connection:
        while True:
            cursor = await connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            row = await cursor.fetchone()
            if row is not None and row[0]:
                return


def age(folder: Path, seconds: float = 660) -> None:
    """Set the times of all files back by that time."""
    for path in folder.rglob("*"):
        if path.is_file():
            stat = path.stat()
            os.utime(path, (stat.st_atime - seconds, stat.st_mtime - seconds))


def share_count(shares: Path, user_id: UUID) -> int:
    return len(list((shares / str(user_id)).iterdir()))


async def remembered(memories: Memories) -> UUID:
    user_id = await memories.person()
    await memories.middleware.update_core(user_id, "tea", "green")
    await memories.tell(user_id, "Clara moved to Lisbon.", "Noted.")
    return user_id


async def test_a_rotation_of_eleven_minutes_keeps_its_share(pool: Pool, database: str, tmp_path: Path) -> None:
    shares = tmp_path / "shares"
    here = Memories(pool, shares=shares)
    ann = await remembered(here)
    before = await here.records(ann)
    done: list[Rekeyed] = []

    async def rotate() -> None:
        done.append(await here.user_key_rotation.rotate(ann))

    async with another_server(database, here, shares) as there, trio.open_nursery() as nursery:
        with held_up(database, ann):
            nursery.start_soon(rotate)
            await until_somebody_waits(database)
            age(shares)
            # Another server starts, unwraps keys, and cleans up.
            await there.vault.key(ann)
            assert await KeyUpkeep(there.vault).sweep() == 0
            assert share_count(shares, ann) == 2
    assert done[0].rows == 5  # among them a name that was seen on one day
    assert share_count(shares, ann) == 1
    async with another_server(database, here, shares) as later:
        assert await KeyUpkeep(later.vault).sweep() == 0
        assert await later.records(ann) == before


async def test_the_share_of_a_rotation_that_died_is_swept(pool: Pool, database: str, tmp_path: Path) -> None:
    shares = tmp_path / "shares"
    here = Memories(pool, shares=shares)
    ann = await remembered(here)
    before = await here.records(ann)

    async def rotate() -> None:
        with pytest.raises(DatabaseUnavailable):
            await here.user_key_rotation.rotate(ann)

    async with another_server(database, here, shares) as there, trio.open_nursery() as nursery:
        with held_up(database, ann), psycopg.connect(database, autocommit=True) as owner:
            nursery.start_soon(rotate)
            await until_somebody_waits(database)
            owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        while share_count(shares, ann) != 1:
            await KeyUpkeep(there.vault).sweep()
        assert await there.records(ann) == before
        assert await KeyUpkeep(there.vault).sweep() == 0


@pytest.mark.parametrize("act", ["rotate", "erase"])
async def test_a_share_that_could_not_be_destroyed_is_destroyed_later(
    pool: Pool, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    shares = tmp_path / "shares"
    here = Memories(pool, shares=shares)
    ann = await remembered(here)
    (old,) = (shares / str(ann)).iterdir()

    async def dies(self: FolderShares, user_id: UUID, share_id: UUID) -> None:
        del self, user_id, share_id
        raise OSError("the process was killed here")

    with monkeypatch.context() as patch:
        patch.setattr(FolderShares, "destroy", dies)
        with pytest.raises(OSError, match="killed here"):
            await (here.user_key_rotation.rotate(ann) if act == "rotate" else here.middleware.erase(ann))
    assert old.exists()
    async with another_server(database, here, shares) as there:
        assert await KeyUpkeep(there.vault).sweep() == 1
        assert not old.exists()
        assert len(await there.records(ann)) == (4 if act == "rotate" else 0)
    assert not here.unreadable


async def test_nothing_is_swept_when_the_current_share_is_not_there(pool: Pool, database: str, tmp_path: Path) -> None:
    """A server of an older copy of the database, on the same shares' folder, must not destroy a key of the original."""
    shares = tmp_path / "shares"
    here = Memories(pool, shares=shares)
    ann = await remembered(here)
    with psycopg.connect(database, autocommit=True) as owner:
        (old,) = owner.execute("SELECT encryption_key FROM users").fetchone() or ()
        await here.user_key_rotation.rotate(ann)
        await here.vault.keys.make_replacement(ann)  # of a rotation that was interrupted
        (new,) = owner.execute("SELECT encryption_key FROM users").fetchone() or ()
        owner.execute("UPDATE users SET encryption_key = %s", [old])
        assert await KeyUpkeep(here.vault).sweep() == 0
        assert share_count(shares, ann) == 2
        owner.execute("UPDATE users SET encryption_key = %s", [new])
    assert await KeyUpkeep(here.vault).sweep() == 1
    assert share_count(shares, ann) == 1
    assert len(await here.records(ann)) == 4


async def test_upkeep_goes_on_when_a_sweep_fails(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [PoolTimeout("no connection"), DatabaseUnavailable("gone"), OSError("the disk is full"), KeyError("ours")]
    times: list[float] = []

    async def sweep(_: KeyUpkeep) -> int:
        times.append(trio.current_time())
        if len(times) > len(faults):
            scope.cancel()
            return 0
        raise faults[len(times) - 1]

    monkeypatch.setattr(KeyUpkeep, "sweep", sweep)
    keys = UserKeys(KeyRing([new_master_key()]), None)
    started = trio.current_time()
    with trio.CancelScope() as scope:
        await KeyUpkeep(Vault(cast("Pool", None), STATEMENTS, keys)).run()
    assert [time - started for time in times] == pytest.approx([0, 60, 120, 180, 240])


async def test_a_cancelled_erasure_has_happened_wholly_or_not_at_all(pool: Pool, tmp_path: Path) -> None:
    shares = tmp_path / "shares"
    here = Memories(pool, shares=shares)
    for delay_ms in range(0, 30, 3):
        ann = await remembered(here)
        (old,) = (shares / str(ann)).iterdir()
        with trio.move_on_after(delay_ms / 1000):
            await here.middleware.erase(ann)
        await KeyUpkeep(here.vault).sweep()
        records = await here.records(ann)
        assert len(records) == (4 if old.exists() else 0)
        assert not here.unreadable
        assert share_count(shares, ann) == 1


async def test_an_export_reads_on_under_a_key_that_another_server_replaced(pool: Pool, database: str) -> None:
    here = Memories(pool)
    ann = await remembered(here)
    before = await here.records(ann)
    async with another_server(database, here) as there:
        await there.user_key_rotation.rotate(ann)
        assert await here.records(ann) == before
        pages = here.middleware.export(ann)
        records = list(await anext(pages))
        await there.user_key_rotation.rotate(ann)
        async for page in pages:
            records += page
    assert records == before
    assert not here.unreadable


async def test_recall_under_a_key_that_another_server_replaced(pool: Pool, database: str) -> None:
    here = Memories(pool, embedder=WordEmbedder())
    ann = await remembered(here)
    found = await here.middleware.enrich_context(ann, "Clara")
    assert len(found.associative) == 1
    async with another_server(database, here) as there:
        await there.user_key_rotation.rotate(ann)
        again = await here.middleware.enrich_context(ann, "Clara")
        assert [item.id for item in again.associative] == [item.id for item in found.associative]
        assert (again.core, again.episodic) == (found.core, found.episodic)
        await there.middleware.erase(ann)
        assert (await here.middleware.enrich_context(ann, "Clara")).texts() == []
    assert not here.unreadable


async def test_a_key_that_is_replaced_between_two_statements_of_a_reader(pool: Pool, database: str) -> None:
    """A reader sees the key and the rows of one snapshot, either from before the rotation or from after it."""
    here = Memories(pool)
    ann = await remembered(here)
    await here.vault.key(ann)
    async with another_server(database, here) as there:
        rotated = trio.Event()

        async def read(connection: Connection, key: UserKey) -> list[tuple[Any, ...]]:
            if not rotated.is_set():
                await (await connection.execute(STATEMENTS["pending_count"], {"user_id": ann})).fetchall()
                await there.user_key_rotation.rotate(ann)
                rotated.set()
            cursor = await connection.execute(STATEMENTS["core_all"], {"user_id": ann})
            return await cursor.fetchall()

        key, rows = await here.vault.consistent(ann, read)
        assert [value for _, _, value in CoreMemory(here.vault).read(key, rows)] == ["green"]
        assert (await there.vault.key(ann)).key != key.key


@pytest.mark.parametrize(("reader", "statements"), [("recall", 8), ("export", 2)])
async def test_reading_costs_one_round_trip(database: str, reader: str, statements: int) -> None:
    async with open_pool(database, max_size=1, configure=configure_server) as pool:
        memories = Memories(pool)
        ann = await remembered(memories)
        with TemporaryFile("w+") as trace:
            async with pool.connection() as connection:
                connection.pgconn.trace(trace.fileno())
            if reader == "recall":
                await memories.middleware.enrich_context(ann, "Clara")
            else:
                async with aclosing(memories.middleware.export(ann)) as pages:
                    await anext(pages)
            connection.pgconn.untrace()
            trace.seek(0)
            said = trace.read()
    # BEGIN, SET LOCAL ROLE, the user's id, the statements and COMMIT. Two statements of recall set how its search is
    # planned. All are sent together.
    assert said.count("CommandComplete") == statements + 4
    assert said.count("Sync") == 1


async def test_forgetting_storing_changing_and_rotating_at_once_fails_nobody(pool: Pool, database: str) -> None:
    here = Memories(pool, embedder=WordEmbedder())
    ann = await remembered(here)
    for number in range(12):
        await here.change(ann, "create", "note", f"n{number}", {"title": f"Note {number} of the choir"})
    before = await here.records(ann)
    notes = {str(r["entity_id"]): UUID(str(r["id"])) for r in before if r.get("entity_type") == "note"}

    async with another_server(database, here) as there:

        async def forget() -> None:
            for number in range(6):
                assert (await there.middleware.forget(ann, notes[f"n{number}"])).tiers == ["associative"]

        async def change(memories: Memories, of: int) -> None:
            for number in random.Random(of).sample(range(6, 12), 6):
                title = f"Note {number} of the orchestra"
                await memories.change(ann, "update", "note", f"n{number}", {"title": title})

        async def store(memories: Memories) -> None:
            for number in range(6):
                await memories.middleware.store_episode(ann, None, f"The tenor {number} sang in Porto.", "ok")
                await memories.middleware.enrichment.run_once()

        async def rotate(memories: Memories) -> None:
            for _ in range(4):
                await memories.user_key_rotation.rotate(ann)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(forget)
            for memories in (here, there):
                nursery.start_soon(change, memories, id(memories))
                nursery.start_soon(store, memories)
                nursery.start_soon(rotate, memories)
    records = await here.records(ann)
    assert not [record for record in records if record.get("unreadable")]
    assert {r["entity_id"]: r["data"] for r in records if r.get("entity_type") == "note"} == {
        f"n{number}": {"title": f"Note {number} of the orchestra"} for number in range(6, 12)
    }
    assert sum(1 for r in records if r["tier"] == "episodic") == 1 + 12
    assert not here.unreadable + there.unreadable


async def test_erasing_forgetting_storing_changing_and_rotating_at_once_fails_nobody(
    pool: Pool, database: str, tmp_path: Path
) -> None:
    shares = tmp_path / "shares"
    here = Memories(pool, embedder=WordEmbedder(), shares=shares)
    ann = await remembered(here)

    async def forget(memories: Memories) -> None:
        for _ in range(6):
            for record in (await memories.records(ann))[:2]:
                await memories.middleware.forget(ann, UUID(str(record["id"])))

    async def change(memories: Memories) -> None:
        for number in range(8):
            await memories.change(ann, "update", "note", f"n{number % 3}", {"title": f"Choir {number}"})
            await memories.middleware.update_core(ann, f"k{number % 3}", number)

    async def store(memories: Memories) -> None:
        for number in range(8):
            await memories.middleware.store_episode(ann, None, f"The tenor {number} sang in Porto.", "ok")
            await memories.middleware.enrichment.run_once()

    async def replace(memories: Memories) -> None:
        for _ in range(3):
            await memories.middleware.erase(ann)
            await memories.user_key_rotation.rotate(ann)
            await memories.master_key_rotation.rotate()

    async with another_server(database, here, shares) as there:
        async with trio.open_nursery() as nursery:
            for memories in (here, there):
                for act in (forget, change, store, replace):
                    nursery.start_soon(act, memories)
        while await here.middleware.enrichment.run_once():
            pass
        assert not [record for record in await here.records(ann) if record.get("unreadable")]
        assert await here.records(ann) == await there.records(ann)
        assert share_count(shares, ann) == 1
        await here.middleware.erase(ann)
        await there.tell(ann, "Dora moved to Porto.")
        assert sorted(str(record["tier"]) for record in await here.records(ann)) == [
            "associative",
            "conversation",
            "episodic",
        ]
