"""The check of a sample of users' keys when the server starts."""

from __future__ import annotations

import logging
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from memory.keys.master import KeyRing, new_master_key
from memory.keys.user_keys import UserKeys
from memory.maintenance.key_check import KeysDoNotFit, check_keys, sampled_keys
from memory.vault import Vault
from sql.pool import Pool
from tests.memory.legacy import as_earlier_release
from tests.memory.memories import STATEMENTS, Memories


async def people(memories: Memories, count: int) -> list[UUID]:
    return [await memories.person() for _ in range(count)]


def stored(database: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database) as owner:
        return owner.execute("SELECT user_id, encryption_key FROM users ORDER BY user_id").fetchall()


@pytest.mark.parametrize("users", [0, 1, 5])
async def test_the_right_keys(pool: Pool, users: int, caplog: pytest.LogCaptureFixture) -> None:
    memories = Memories(pool)
    await people(memories, users)
    await check_keys(Memories(pool, master_keys=[new_master_key(), *memories.master_keys]).vault)
    assert not caplog.records


@pytest.mark.parametrize("users", [1, 5])
async def test_wrong_master_keys_are_refused_and_nothing_is_changed(pool: Pool, database: str, users: int) -> None:
    await people(Memories(pool), users)
    before = stored(database)
    with pytest.raises(KeysDoNotFit, match=rf"^no master key .* {users} of {users} checked .* nothing was changed"):
        await check_keys(Memories(pool).vault)
    assert stored(database) == before


async def test_another_folder_of_shares_is_refused(pool: Pool, tmp_path: Path) -> None:
    memories = Memories(pool, shares=tmp_path / "shares")
    await people(memories, 2)
    for folder in (tmp_path / "another", None):
        with pytest.raises(KeysDoNotFit, match="key shares of 2 of 2 checked users"):
            await check_keys(Memories(pool, shares=folder, master_keys=memories.master_keys).vault)


async def test_a_list_that_lacks_one_of_two_master_keys_is_refused(pool: Pool) -> None:
    old, new = Memories(pool), Memories(pool)
    await people(old, 4)
    await people(new, 4)
    with pytest.raises(KeysDoNotFit, match="keys of 4 of 8 checked users"):
        await check_keys(new.vault)
    await check_keys(Memories(pool, master_keys=[*new.master_keys, *old.master_keys]).vault)


@pytest.mark.parametrize("damage", ["'damaged'", "''", "NULL", "set_byte(encryption_key, 40, 0)"])
async def test_one_damaged_key_among_good_ones_is_told_and_stops_nobody(
    pool: Pool, database: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    memories = Memories(pool)
    ann, ben = await people(memories, 2)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(f"UPDATE users SET encryption_key = {damage} WHERE user_id = '{ann}'".encode())  # noqa: S608
    fresh = Memories(pool, master_keys=memories.master_keys)
    with caplog.at_level(logging.WARNING):
        await check_keys(fresh.vault)
    (record,) = caplog.records
    assert str(ann) in record.getMessage()
    await fresh.tell(ben, "Clara moved to Lisbon.")
    assert len(await fresh.records(ben)) == 3


async def test_of_many_users_a_few_dozen_are_looked_at_from_everywhere(pool: Pool, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO users (user_id, email, password_hash, encryption_key)"
            " SELECT gen_random_uuid(), n || '@example.com', 'none', 'key' FROM generate_series(1, 2000) AS n"
        )
        everybody = [row[0] for row in owner.execute("SELECT user_id FROM users ORDER BY user_id").fetchall()]
    sampled = sorted(await sampled_keys(pool, STATEMENTS))
    assert 16 < len(sampled) <= 32
    assert sampled[:16] == everybody[:16]
    assert set(sampled) <= set(everybody)
    assert sampled[-1] > everybody[500]


async def test_keys_of_an_earlier_release_are_counted_or_refused(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann, *_ = await people(memories, 2)
    assert await check_keys(memories.vault) == 0
    as_earlier_release(database, memories.master_keys[0], await memories.vault.key(ann))
    assert await check_keys(Memories(pool, master_keys=memories.master_keys).vault) == 1
    before = stored(database)
    strict = UserKeys(KeyRing(memories.master_keys, refuse_unbound=True), None)
    await check_keys(Vault(pool, STATEMENTS, strict))  # one of few is tolerated, as a damaged key is
    with psycopg.connect(database) as owner:
        owner.execute("DELETE FROM users WHERE user_id <> %s", [ann])
    with pytest.raises(KeysDoNotFit, match=r"1 of 1 checked users are not bound .* rotate-master-key"):
        await check_keys(Vault(pool, STATEMENTS, strict))
    assert stored(database) == [row for row in before if row[0] == ann]
