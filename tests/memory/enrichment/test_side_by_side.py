"""Background work knows its users: it serves them side by side, keeps its leases, and skips nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import psycopg
import trio
import trio.testing

from memory.crypto.rotation import Vectors
from memory.enrichment.enriched import Description
from memory.enrichment.queue import _USERS_AT_ONCE
from memory.limits import MemoryLimits
from memory.maintenance.reembed import Reembedding
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder


async def until_nothing_waits(database: str) -> None:
    """Wait until no user has episodes that wait; fail after a minute."""
    waiting = await pending(database)
    with trio.move_on_after(60):
        while waiting:
            waiting = await pending(database)
    assert not waiting, f"these users were not served: {waiting}"


async def pending(database: str) -> list[tuple[UUID, datetime]]:
    """Users with episodes that wait, and when each is due. Lets other tasks run."""
    await trio.lowlevel.checkpoint()
    with psycopg.connect(database, autocommit=True) as connection:
        return connection.execute("SELECT user_id, due_at FROM memory_pending").fetchall()


async def test_the_user_of_an_answer_is_served_without_a_list_of_all_users(pool: Pool, database: str) -> None:
    memories = Memories(pool, limits=MemoryLimits(idle_s=1e6))
    ann = await memories.person()
    async with trio.open_nursery() as nursery:
        await nursery.start(memories.middleware.enrichment.run)
        await memories.middleware.store_episode(ann, None, "Clara moved to Lisbon.", "Noted.")
        await until_nothing_waits(database)
        # The list of users fails from now on, also if the worker is about to read it once more.
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("REVOKE SELECT (user_id, due_at) ON memory_pending FROM tessera_worker")
        await trio.testing.wait_all_tasks_blocked()
        await memories.middleware.store_episode(ann, None, "Ben likes chess.", "Noted.")
        await until_nothing_waits(database)
        nursery.cancel_scope.cancel()
    assert all(record["enriched"] for record in await memories.records(ann) if record["tier"] == "episodic")


async def test_users_are_served_side_by_side(pool: Pool) -> None:
    both, asked = trio.Event(), set[str]()

    async def describe(message: str, response: str) -> Description | None:
        asked.add(message)
        if len(asked) > 1:
            both.set()
        await both.wait()
        return Description("They spoke", {})

    memories = Memories(pool, describe=describe, limits=MemoryLimits(describe_s=1e6))
    for name in ("Ann", "Ben"):
        person = await memories.person()
        await memories.middleware.store_episode(person, None, f"{name} likes chess.", "ok")
    with trio.fail_after(60):
        assert await memories.middleware.enrichment.run_once() == 2


async def test_a_lease_is_renewed_while_a_model_works(pool: Pool, database: str) -> None:
    hanging, go_on = trio.Event(), trio.Event()

    async def describe(message: str, response: str) -> Description | None:
        hanging.set()
        await go_on.wait()
        return Description("They spoke", {})

    memories = Memories(pool, describe=describe, limits=MemoryLimits(describe_s=1e6, lease_s=0.5))
    ann = await memories.person()
    await memories.middleware.store_episode(ann, None, "Ann likes chess.", "ok")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memories.middleware.enrichment.run_once)
        await hanging.wait()
        ((_, first),) = await pending(database)
        with trio.fail_after(60):
            while (await pending(database))[0][1] == first:
                pass
        go_on.set()
    assert await pending(database) == []


class RotatingEmbedder(WordEmbedder):
    """Replaces the user's key while the first texts are embedded."""

    def __init__(self, memories: Memories, user_id: UUID) -> None:
        super().__init__("words-2")
        self._memories, self._user_id = memories, user_id

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        if not self.calls:
            await self._memories.user_key_rotation.rotate(self._user_id)
        return await super().embed_documents(texts)


async def test_a_rotation_of_the_key_makes_reembedding_skip_nothing(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    for name in ("Ann", "Ben", "Clara"):
        await memories.tell(ann, f"{name} likes chess.", "ok")
    done = await Reembedding(memories.vault, RotatingEmbedder(memories, ann)).user(ann)
    assert (done.memories, done.unreadable) == (3, 0)
    models = {record["embedding_model"] for record in await memories.records(ann) if record["tier"] == "associative"}
    assert models == {"words-2"}


async def test_after_a_failed_list_of_users_the_user_of_an_answer_is_served(pool: Pool, database: str) -> None:
    memories = Memories(pool, limits=MemoryLimits(idle_s=1e6))
    ann = await memories.person()
    # The list fails from the first round on.
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("REVOKE SELECT (user_id, due_at) ON memory_pending FROM tessera_worker")
    async with trio.open_nursery() as nursery:
        await nursery.start(memories.middleware.enrichment.run)
        await trio.testing.wait_all_tasks_blocked()
        await memories.middleware.store_episode(ann, None, "Ben likes chess.", "Noted.")
        await until_nothing_waits(database)
        nursery.cancel_scope.cancel()
    assert all(record["enriched"] for record in await memories.records(ann) if record["tier"] == "episodic")


async def test_the_user_of_an_answer_before_the_list_of_users_failed_is_served(pool: Pool, database: str) -> None:
    memories = Memories(pool, limits=MemoryLimits(idle_s=1e6))
    ann = await memories.person()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("REVOKE SELECT (user_id, due_at) ON memory_pending FROM tessera_worker")
    await memories.middleware.store_episode(ann, None, "Ben likes chess.", "Noted.")
    async with trio.open_nursery() as nursery:
        await nursery.start(memories.middleware.enrichment.run)
        await until_nothing_waits(database)
        nursery.cancel_scope.cancel()
    assert all(record["enriched"] for record in await memories.records(ann) if record["tier"] == "episodic")


async def test_the_users_of_servers_that_are_gone_are_found_by_sweeps(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    killed = Memories(pool, master_keys=memories.master_keys)
    people = [await memories.person() for _ in range(_USERS_AT_ONCE + 15)]
    for person in people:
        # Nothing tells the worker of `memories`.
        await killed.middleware.store_episode(person, None, "Clara moved to Lisbon.", "Noted.")
    first = await memories.middleware.enrichment.run_once()
    assert first == _USERS_AT_ONCE
    while await memories.middleware.enrichment.run_once():
        pass
    assert await pending(database) == []


async def test_the_user_of_an_answer_is_served_while_others_left_much_work(pool: Pool) -> None:
    memories = Memories(pool)
    killed = Memories(pool, master_keys=memories.master_keys)
    people = [await memories.person() for _ in range(_USERS_AT_ONCE + 15)]
    for person in people:
        await killed.middleware.store_episode(person, None, "Clara moved to Lisbon.", "Noted.")
    ann = await memories.person()
    await memories.middleware.store_episode(ann, None, "Ben likes chess.", "Noted.")
    await memories.middleware.enrichment.run_once()
    assert all(record["enriched"] for record in await memories.records(ann) if record["tier"] == "episodic")
