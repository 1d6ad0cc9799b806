"""Writing with the cached key in one round trip, and what happens if that is not the user's key any more."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
import trio

from memory.keys.user_keys import UserKey
from memory.vault import NoSuchUser
from sql.driver import Connection
from sql.pool import Pool
from tests.memory.keys.test_key_concurrency import until_somebody_waits
from tests.memory.memories import Memories


async def change_email(connection: Connection, key: UserKey) -> str:
    await connection.execute(b"UPDATE users SET email = %(email)s", {"email": f"new-{key.user_id.hex}@example.com"})
    return "queued"


async def email(memories: Memories, user_id: UUID) -> str:
    async with memories.vault.adding(user_id) as (connection, _):
        row = await (await connection.execute("SELECT email FROM users")).fetchone()
    assert row is not None
    return str(row[0])


async def two_servers(pool: Pool) -> tuple[Memories, Memories, UUID]:
    """The memory of two servers, and a person. The second server has cached the person's key."""
    memories = Memories(pool)
    ann = await memories.person()
    elsewhere = Memories(pool, master_keys=memories.master_keys)
    await elsewhere.vault.key(ann)
    return memories, elsewhere, ann


async def test_what_is_queued_is_committed_with_the_cached_key(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.vault.key(ann)
    assert await memories.vault.add_at_once(ann, change_email) == "queued"
    assert await email(memories, ann) == f"new-{ann.hex}@example.com"


async def test_nothing_is_queued_without_a_cached_key(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    assert await Memories(pool, master_keys=memories.master_keys).vault.add_at_once(ann, change_email) is None
    assert await email(memories, ann) == f"{ann.hex}@example.com"


async def test_nothing_is_committed_with_a_key_that_was_replaced(pool: Pool) -> None:
    memories, elsewhere, ann = await two_servers(pool)
    await memories.user_key_rotation.rotate(ann)
    assert await elsewhere.vault.add_at_once(ann, change_email) is None
    assert await email(memories, ann) == f"{ann.hex}@example.com"
    async with pool.connection() as connection:  # the failed transaction has left no connection behind
        assert await (await connection.execute("SELECT 1")).fetchone() == (1,)


async def test_nothing_is_committed_with_a_key_whose_replacement_is_under_way(pool: Pool, database: str) -> None:
    memories, elsewhere, ann = await two_servers(pool)
    added: list[str | None] = []

    async def add() -> None:
        added.append(await elsewhere.vault.add_at_once(ann, change_email))

    async with trio.open_nursery() as nursery, memories.vault.replacing_key(ann):
        nursery.start_soon(add)
        await until_somebody_waits(database)
    assert added == [None]
    assert await email(memories, ann) == f"{ann.hex}@example.com"


async def test_an_exchange_is_stored_with_the_key_that_replaced_the_cached_one(pool: Pool) -> None:
    memories, elsewhere, ann = await two_servers(pool)
    await memories.user_key_rotation.rotate(ann)
    request_id = uuid4()
    for stored in (True, False):  # once per request
        assert stored is await elsewhere.middleware.store_episode(ann, None, "The rent is due.", "Noted.", request_id)
    [record] = [record for record in await memories.records(ann) if record["tier"] == "episodic"]
    assert "The rent is due." in str(record)


async def test_a_user_who_is_gone(pool: Pool) -> None:
    memories, elsewhere, ann = await two_servers(pool)
    await memories.middleware.delete_account(ann)
    with pytest.raises(NoSuchUser):
        await elsewhere.vault.add_at_once(ann, change_email)
    with pytest.raises(NoSuchUser):
        await elsewhere.middleware.store_episode(ann, None, "The rent is due.", "Noted.", uuid4())
    with pytest.raises(NoSuchUser):
        await elsewhere.middleware.answers.claim(ann, uuid4(), uuid4(), uuid4(), None, "digest", 60)
