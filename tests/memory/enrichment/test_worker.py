"""Background enrichment: exactly once per episode, with several workers and after every failure."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
import trio

from memory.enrichment.enriched import Description
from memory.limits import MemoryLimits
from memory.tiers.entities import EntityChange
from memory.tiers.episodic import EpisodicMemory, Exchange
from server.memory_service.entity_changes import EntityChanges
from server.telemetry.metrics import Metrics
from sql.embedded.postgres import EmbeddedPostgres
from sql.migrate import migrate
from sql.pool import Pool, PoolTimeout, open_pool
from sql.tenant import configure_server
from streaming.wire import WsMutationRecord
from tests.database import temporary_directory
from tests.memory.memories import Memories, WordEmbedder


async def store(memories: Memories, user_id: UUID, count: int) -> None:
    for number in range(count):
        await memories.middleware.store_episode(user_id, None, f"Fact{number} is about topic{number}.", "ok")


def make_due(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE memory_pending SET due_at = now()")


async def test_many_workers_share_the_work_and_do_it_once(pool: Pool, database: str) -> None:
    limits = MemoryLimits(batch=3)
    memories = Memories(pool, embedder=WordEmbedder(), limits=limits)
    people = [await memories.person() for _ in range(3)]
    for person in people:
        await store(memories, person, 7)
    done: Counter[int] = Counter()

    async with open_pool(database, max_size=8, configure=configure_server) as wide:

        async def work(number: int) -> None:
            worker = Memories(wide, embedder=WordEmbedder(), master_keys=memories.master_keys, limits=limits)
            while count := await worker.middleware.enrichment.run_once():
                done[number] += count

        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(work, number)
        await work(4)
    assert done.total() == 21
    for person in people:
        records = await memories.records(person)
        assert Counter(record["tier"] for record in records) == {"episodic": 7, "associative": 7}
        assert all(record["enriched"] for record in records if record["tier"] == "episodic")


async def test_the_users_who_wait_are_counted(pool: Pool) -> None:
    seen: list[int] = []

    async def describe(message: str, response: str) -> Description | None:
        seen.append(memories.middleware.enrichment.waiting)
        return Description("They spoke", {})

    memories = Memories(pool, describe=describe)
    for _ in range(3):
        await store(memories, await memories.person(), 1)
    await memories.middleware.enrichment.run_once()
    assert len(seen) == 3
    assert max(seen) == 3
    assert memories.middleware.enrichment.waiting == 0


async def test_work_that_was_cut_off_is_done_again_after_its_lease(pool: Pool, database: str) -> None:
    hanging = trio.Event()

    async def hang(message: str, response: str) -> Description | None:
        hanging.set()
        return await trio.sleep_forever()

    cut = Memories(pool, describe=hang, limits=MemoryLimits(describe_s=1e6))
    ann = await cut.person()
    await store(cut, ann, 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cut.middleware.enrichment.run_once)
        await hanging.wait()
        # While it is enriched, its claim is held.
        other = Memories(pool, master_keys=cut.master_keys)
        assert await other.middleware.enrichment.run_once() == 0
        nursery.cancel_scope.cancel()
    assert await other.middleware.enrichment.run_once() == 0
    make_due(database)
    assert await other.middleware.enrichment.run_once() == 1


@pytest.mark.parametrize("how", ["raises", "nothing", "too slow"])
async def test_rules_take_over_from_a_model_that_fails(pool: Pool, how: str) -> None:
    async def describe(message: str, response: str) -> Description | None:
        if how == "raises":
            raise OSError("away")
        if how == "too slow":
            await trio.sleep_forever()
        return None

    memories = Memories(pool, describe=describe, limits=MemoryLimits(describe_s=0.01))
    ann = await memories.person()
    await memories.tell(ann, "Call me Annie.", "Hello Annie.")
    context = await memories.context(ann, "hello")
    assert context["core"] == {"preferred_name": "Annie"}
    assert context["episodic"][0]["summary"] == "Call me Annie. → Hello Annie."


async def test_names_that_a_model_makes_up_are_not_readable_in_the_database(pool: Pool, database: str) -> None:
    async def describe(message: str, response: str) -> Description | None:
        names = ("secret_affair_with_bob", "~00", "x" * 101)
        return Description("s", {"home": "Lisbon"} | dict.fromkeys(names, message.rpartition("Bob ")[2]))

    memories = Memories(pool, describe=describe)
    ann = await memories.person()
    await memories.middleware.update_core(ann, "my own name", 1)
    for said in ("since May", "over"):
        await memories.tell(ann, f"I live in Lisbon and meet Bob {said}")
    core = (await memories.context(ann, "hello"))["core"]
    assert core == {"home": "Lisbon", "my own name": 1, "secret_affair_with_bob": "over"}
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT key FROM memory_core").fetchall()
        everything = connection.execute("SELECT json_agg(m)::text FROM memory_core m").fetchone()
    assert len(rows) == 3
    assert ("home",) in rows
    assert "affair" not in str(everything)
    assert "own name" not in str(everything)
    await memories.user_key_rotation.rotate(ann)
    assert (await memories.context(ann, "hello"))["core"] == core
    (record,) = [record for record in await memories.records(ann) if record.get("key") == "secret_affair_with_bob"]
    assert [entry["value"] for entry in record["history"]] == ["since May"]  # type: ignore[attr-defined]
    assert await memories.middleware.delete_core(ann, "secret_affair_with_bob")


async def test_one_bad_episode_holds_up_no_other(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann, ben = await memories.person(), await memories.person()
    await store(memories, ann, 4)
    await store(memories, ben, 2)
    with psycopg.connect(database, autocommit=True) as connection:
        # The database rejects one episode, with an error of the same class as a lost connection.
        connection.execute(
            "CREATE FUNCTION bad() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'bad' USING ERRCODE = 'program_limit_exceeded'; END $$"
        )
        (bad,) = connection.execute("SELECT id FROM memory_episodic ORDER BY created_at LIMIT 1").fetchone() or (None,)
        connection.execute(
            f"CREATE TRIGGER bad BEFORE UPDATE ON memory_episodic FOR EACH ROW WHEN (old.id = '{bad}')"
            " EXECUTE FUNCTION bad()".encode()
        )
    assert await memories.middleware.enrichment.run_once() == 6
    enriched = [record.get("enriched") for person in (ann, ben) for record in await memories.records(person)]
    assert enriched.count(True) == 5
    assert enriched.count(False) == 1
    for _ in range(19):
        make_due(database)
        assert await memories.middleware.enrichment.run_once() == 1
    # Abandoned: it keeps the summary that it was stored with.
    make_due(database)
    assert await memories.middleware.enrichment.run_once() == 0


async def test_work_whose_lease_has_ended_is_not_committed_twice(pool: Pool, database: str) -> None:
    asked, answer = trio.Event(), trio.Event()

    async def slow(message: str, response: str) -> Description | None:
        asked.set()
        await answer.wait()
        return Description("late", {"home": "late"})

    memories = Memories(pool, describe=slow, limits=MemoryLimits(describe_s=1e6))
    ann = await memories.person()
    await store(memories, ann, 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memories.middleware.enrichment.run_once)
        await asked.wait()
        make_due(database)
        other = Memories(pool, master_keys=memories.master_keys)
        assert await other.middleware.enrichment.run_once() == 1
        answer.set()
    context = await memories.context(ann, "hello")
    assert context["core"] == {}
    assert [record["hits"] for record in await memories.records(ann) if record["tier"] == "associative"] == [0]
    assert context["episodic"][0]["summary"] != "late"


async def test_a_key_that_is_replaced_while_a_model_works(pool: Pool) -> None:
    asked, answer = trio.Event(), trio.Event()

    async def slow(message: str, response: str) -> Description | None:
        asked.set()
        await answer.wait()
        return Description("They spoke of a topic", {"home": "Lisbon"})

    memories = Memories(pool, embedder=WordEmbedder(), describe=slow)
    ann = await memories.person()
    await memories.middleware.store_episode(ann, "session", "I live in Lisbon, topic0", "ok")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memories.middleware.enrichment.run_once)
        await asked.wait()
        with trio.fail_after(60):
            await memories.user_key_rotation.rotate(ann)
        answer.set()
    context = await memories.context(ann, "topic0")
    assert context["core"] == {"home": "Lisbon"}
    assert context["associative"][0]["why"]["cosine"] > 0.3
    assert not memories.unreadable


async def test_a_failing_embedder_is_tried_again_and_finally_done_without(pool: Pool, database: str) -> None:
    embedder = WordEmbedder()
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    await store(memories, ann, 1)
    embedder.failing = True
    for _ in range(5):
        assert await memories.middleware.enrichment.run_once() == 1
        assert await memories.middleware.enrichment.run_once() == 0  # not due yet
        make_due(database)
    assert [record["tier"] for record in await memories.records(ann)] == ["episodic"]
    assert await memories.middleware.enrichment.run_once() == 1
    (record,) = [record for record in await memories.records(ann) if record["tier"] == "associative"]
    assert record["embedding_model"] is None


async def test_a_tampered_episode_does_not_hold_up_the_others(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await store(memories, ann, 3)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "UPDATE memory_episodic SET exchange_encrypted = 'broken'"
            " WHERE id = (SELECT id FROM memory_episodic LIMIT 1)"
        )
    assert await memories.middleware.enrichment.run_once() == 3
    assert await memories.middleware.enrichment.run_once() == 0
    assert len([record for record in await memories.records(ann) if record["tier"] == "associative"]) == 2
    assert "episodic" in memories.unreadable


@pytest.mark.slow
def test_the_worker_wakes_for_work_and_outlives_a_restart_of_the_database() -> None:
    with temporary_directory() as folder:
        trio.run(_restart_in_the_middle, EmbeddedPostgres(folder / "postgres", durable=False))


async def _restart_in_the_middle(server: EmbeddedPostgres) -> None:
    database = await trio.to_thread.run_sync(server.start)
    try:
        await migrate(database)
        async with open_pool(database, max_size=3, configure=configure_server) as pool, trio.open_nursery() as nursery:
            memories = Memories(pool, limits=MemoryLimits(idle_s=1e6))
            ann = await memories.person()
            await nursery.start(memories.middleware.enrichment.run)
            await store(memories, ann, 1)
            await until_enriched(memories, ann, 1)
            await trio.to_thread.run_sync(server.stop)
            memories.middleware.enrichment.wake(ann)  # and there is nothing to enrich
            with pytest.raises((psycopg.OperationalError, PoolTimeout)):
                await store(memories, ann, 1)
            await trio.to_thread.run_sync(server.start)
            await store(memories, ann, 1)
            await until_enriched(memories, ann, 2)
            nursery.cancel_scope.cancel()
    finally:
        await trio.to_thread.run_sync(server.stop)


def test_changes_wait_for_a_database_that_is_restarted() -> None:
    with temporary_directory() as folder:
        trio.run(_change_around_a_restart, EmbeddedPostgres(folder / "postgres", durable=False))


async def _change_around_a_restart(server: EmbeddedPostgres) -> None:
    database = await trio.to_thread.run_sync(server.start)
    try:
        await migrate(database)
        async with open_pool(database, max_size=3, configure=configure_server) as pool, trio.open_nursery() as nursery:
            memories = Memories(pool)
            ann = await memories.person()
            changes = EntityChanges(memories.middleware.changed, Metrics())
            nursery.start_soon(changes.run)
            changes.take(ann, WsMutationRecord(op="create", entity="task", id="before", data={"title": "x"}))
            await changes.written(ann)
            await trio.to_thread.run_sync(server.stop)
            for op in ("create", "delete"):
                changes.take(ann, WsMutationRecord(op=op, entity="task", id="before", data={"title": "y"}))
            changes.take(ann, WsMutationRecord(op="create", entity="task", id="after", data={"title": "z"}))
            await trio.to_thread.run_sync(server.start)
            with trio.fail_after(60):
                await changes.written(ann)
            assert [record["entity_id"] for record in await memories.records(ann)] == ["after"]
            nursery.cancel_scope.cancel()
    finally:
        await trio.to_thread.run_sync(server.stop)


async def until_enriched(memories: Memories, user_id: UUID, count: int) -> None:
    with trio.fail_after(20):
        while len([record for record in await memories.records(user_id) if record.get("enriched")]) < count:
            await trio.lowlevel.checkpoint()


async def test_habits_are_mined_raised_and_decay(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    episodic = EpisodicMemory(memories.vault)
    monday = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    async def mondays(first: int, last: int) -> None:
        for week in range(first, last):
            exchange = Exchange("What is due for Apollo?", "Two tasks.", "task_agent")
            at = monday + timedelta(weeks=week)
            await episodic.store(ann, exchange, conversation_id=None, request_id=uuid4(), at=at)
        await memories.middleware.enrichment.run_once()

    def age(days: float) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("UPDATE memory_proactive SET updated_at = now() - make_interval(days => %s)", [days])

    async def known() -> dict[str, float]:
        context = await memories.context(ann, "hello, what about Apollo?", monday)
        return {item["pattern"]: item["confidence"] for item in context["proactive"]}

    await mondays(0, 3)
    age(0)
    assert await known() == {"Often asks about tasks on Monday mornings.": 0.6, "Often mentions Apollo.": 0.6}
    await mondays(3, 6)
    age(0)
    assert (await known())["Often mentions Apollo."] == 0.75
    age(5)
    assert 0.6 < (await known())["Often mentions Apollo."] < 0.75
    age(60)
    assert await known() == {}
    age(0)
    (apollo,) = [
        item for item in (await memories.middleware.enrich_context(ann, "apollo")).proactive if "Apollo" in item.text
    ]
    assert (await memories.middleware.forget(ann, apollo.id)).tiers == ["proactive"]
    await mondays(6, 8)
    age(0)
    assert list(await known()) == ["Often asks about tasks on Monday mornings."]
    assert not [record for record in await memories.records(ann) if "mentions" in str(record.get("pattern"))]


@pytest.mark.parametrize("far", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59+00:00"])
async def test_a_time_that_utc_cannot_hold_keeps_nothing_from_being_enriched_or_recalled(pool: Pool, far: str) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann, when = await memories.person(), datetime.fromisoformat(far)
    await memories.middleware.update_core(ann, "time_zone", "Pacific/Kiritimati")
    await memories.middleware.store_episode(ann, "s", "My sister Clara moved to Lisbon.", "ok", at=when)
    await memories.middleware.store_episode(ann, "s", "The boiler was repaired. Call me Ann.", "ok")
    change = EntityChange("create", "task", "t1", {"title": "Water the ficus"}, when)
    await memories.middleware.changed(ann, [change])
    await memories.middleware.enrichment.run_once()
    records = await memories.records(ann)
    assert [record["enriched"] for record in records if record["tier"] == "episodic"] == [True, True]
    for asked in ("Clara", "boiler", "ficus"):
        context = await memories.context(ann, asked)
        assert len(context["associative"]) == 1
        assert context["core"]["preferred_name"] == "Ann"


@pytest.mark.parametrize("far", ["0044-03-15 BC", "20000-01-01", "infinity", "-infinity"])
async def test_a_row_with_a_time_beyond_python_holds_up_no_other(pool: Pool, database: str, far: str) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    await store(memories, ann, 3)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "UPDATE memory_episodic SET created_at = %s"
            " WHERE id = (SELECT id FROM memory_episodic ORDER BY created_at LIMIT 1)",
            [far],
        )
    await memories.middleware.enrichment.run_once()
    records = await memories.records(ann)
    assert [record["enriched"] for record in records if record["tier"] == "episodic"] == [True] * 3
    for asked in ("topic0", "topic1", "topic2"):
        assert len((await memories.context(ann, asked))["associative"]) == 1
