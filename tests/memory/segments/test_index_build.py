"""Segments are built for users with many memories, and removed: by number, by setting, and because of older servers."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
import trio

import memory.maintenance.index_build
from memory.maintenance import IndexChange
from memory.quota import StorageQuota
from memory.segments import LoadedIndexes
from sql.pool import Pool
from sql.tenant import scoped, without_user
from tests.memory.memories import Memories, WordEmbedder
from tests.memory.segments.test_both_indexes import id_of, kind, present, same_in_both, set_kind
from tests.memory.segments.test_sealed_memories import QUESTIONS, TOLD, counts, entries, found, told


async def test_segments_are_built_for_users_who_have_grown_and_dropped_for_those_with_few(
    pool: Pool, searches: list[str]
) -> None:
    memories, ann = await told(pool, "pgvector", segments_from=len(TOLD))
    before = await found(memories, ann)
    memories.index_change.counted(ann, len(TOLD) - 1)
    assert await memories.index_change.grown() == 0
    memories.index_change.counted(ann, len(TOLD))
    assert await memories.index_change.grown() == 1
    assert await same_in_both(memories, ann, searches) == before
    # One less does not drop them, but one more does.
    await memories.middleware.forget(ann, await id_of(memories, ann, "Clara"))
    assert await memories.loaded(ann)
    await memories.index_change.grown()
    assert await kind(memories, ann) == "both"
    await memories.middleware.forget(ann, await id_of(memories, ann, "dentist"))
    assert await memories.loaded(ann)
    before = await found(memories, ann)
    await memories.index_change.grown()
    assert await kind(memories, ann) == "pgvector"
    assert (await counts(memories, ann))[-1] == 0
    assert await found(memories, ann) == before
    assert searches[-1] == "rows"


async def test_segments_that_could_not_be_loaded_are_not_built(pool: Pool) -> None:
    memories, ann = await told(pool, "pgvector", segments_from=2)
    segments = memories.middleware.associative.segments
    for max_bytes, built in ((4_000, 0), (12_000, 1)):
        segments.loaded = LoadedIndexes(max_bytes)
        memories.index_change.counted(ann, len(TOLD))
        assert await memories.index_change.grown() == built
    assert await memories.loaded(ann)
    assert 4_000 < segments.loaded.size < 12_000


async def test_the_setting_0_and_a_higher_number_remove_the_segments(pool: Pool) -> None:
    for number in (0, 100):
        memories, ann = await told(pool, "both")
        other = Memories(pool, embedder=WordEmbedder(), master_keys=memories.master_keys, segments_from=number)
        await other.index_change.everybody()
        assert await kind(memories, ann) == "pgvector"
        assert (await counts(memories, ann))[-1] == 0
        assert all(await found(memories, ann))


async def test_no_user_has_segments_beside_rows_while_a_server_of_an_earlier_release_runs(pool: Pool) -> None:
    memories, ann = await told(pool, "both", segments_from=2)
    server = uuid4()
    async with without_user(pool) as connection:
        await connection.execute("INSERT INTO relay_workers (worker_id) VALUES (%s)", [server])
    await memories.index_change.everybody()
    assert (await kind(memories, ann), (await counts(memories, ann))[-1]) == ("pgvector", 0)
    memories.index_change.counted(ann, len(TOLD))
    assert await memories.index_change.grown() == 0
    async with without_user(pool) as connection:
        await connection.execute("UPDATE relay_workers SET seen_at = now() - interval '2 minutes'")
    memories.index_change.counted(ann, len(TOLD))
    assert await memories.index_change.grown() == 1
    assert await kind(memories, ann) == "both"
    async with without_user(pool) as connection:
        await connection.execute("DELETE FROM relay_workers WHERE worker_id = %s", [server])


async def test_a_memory_that_no_segment_has_is_found_when_the_index_is_loaded(pool: Pool, searches: list[str]) -> None:
    memories, ann = await told(pool, "both", segments_from=2)
    # As a server of an earlier release stores it: in the rows only.
    async with scoped(pool, ann) as connection:
        await connection.execute("UPDATE users SET memory_index_beside = NULL")
    await memories.tell(ann, "The cellar key hangs in the hall.", "Noted.")
    await set_kind(memories, ann, "both")
    assert not await memories.loaded(ann)
    assert await kind(memories, ann) == "building"
    await memories.index_change.everybody()
    await same_in_both(memories, ann, searches)
    assert "hangs" in str(await memories.context(ann, "Where is the cellar key?"))


async def test_what_changes_during_a_build_is_right_in_both(
    pool: Pool, searches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    memories, ann = await told(pool, "pgvector", segments_from=2)
    await memories.change(ann, "create", "task", "t1", {"title": "Call the dentist about the boiler"})
    await memories.middleware.enrichment.run_once()
    made = memory.maintenance.index_build.IndexBuild._entries
    once = [await id_of(memories, ann, "Clara")]

    async def then_change(*arguments: Any) -> Any:
        result = await made(*arguments)
        while once:
            await memories.middleware.forget(ann, once.pop())
            await memories.change(ann, "update", "task", "t1", {"title": "Paint the garage"})
        return result

    monkeypatch.setattr(memory.maintenance.index_build.IndexBuild, "_entries", then_change)
    memories.index_change.counted(ann, len(TOLD))
    assert await memories.index_change.grown() == 1
    assert {str(entry.id) for entry in await entries(memories, ann)} == await present(memories, ann)
    await memories.middleware.enrichment.run_once()
    hits = str(await same_in_both(memories, ann, searches))
    assert "Paint the garage" in hits
    assert "Clara" not in hits
    assert "Call the dentist" not in hits


async def test_a_key_that_is_replaced_during_a_build_starts_it_again(
    pool: Pool, searches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    memories, ann = await told(pool, "pgvector", segments_from=2)
    made = memory.maintenance.index_build.IndexBuild._entries
    once = [ann]

    async def then_rotate(*arguments: Any) -> Any:
        result = await made(*arguments)
        while once:
            await memories.user_key_rotation.rotate(once.pop())
        return result

    monkeypatch.setattr(memory.maintenance.index_build.IndexBuild, "_entries", then_rotate)
    memories.index_change.counted(ann, len(TOLD))
    await memories.index_change.grown()
    await memories.index_change.everybody()
    assert await kind(memories, ann) == "both"
    await same_in_both(memories, ann, searches)


async def test_the_index_is_changed_to_sealed_and_back(pool: Pool, searches: list[str]) -> None:
    memories, ann = await told(pool, "both", segments_from=2)
    before = await same_in_both(memories, ann, searches)
    ids = [part.id for part in await entries(memories, ann)]
    sealed = Memories(pool, embedder=WordEmbedder(), master_keys=memories.master_keys, index="sealed")
    assert await found(sealed, ann) == before
    assert await sealed.index_change.user(ann)
    assert await kind(memories, ann) == "sealed"
    assert (await counts(memories, ann))[:4] == (0, 0, 0, 0)
    assert sorted(entry.id for entry in await entries(memories, ann)) == sorted(ids)
    assert await found(sealed, ann) == before
    assert await memories.index_change.user(ann)
    assert await kind(memories, ann) == "pgvector"
    memories.index_change.counted(ann, len(TOLD))
    assert await memories.index_change.grown() == 1
    assert await same_in_both(memories, ann, searches) == before
    # A build that was not finished ends with the sealed index too.
    await set_kind(memories, ann, "building")
    assert await sealed.index_change.user(ann)
    assert await found(sealed, ann) == before


async def test_the_background_work_builds_and_loads_segments_after_the_quota_has_counted(
    pool: Pool, searches: list[str]
) -> None:
    memories, ann = await told(pool, "pgvector")
    built, loaded = trio.Event(), trio.Event()
    middleware = memories.middleware
    change = IndexChange(memories.vault, middleware.associative, segments_from=len(TOLD), on_built=built.set)
    middleware.associative.index_loader.on_loaded = lambda *_: loaded.set()
    quota = StorageQuota(memories.vault, 100, 1 << 30, change.counted)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(change.run)
        nursery.start_soon(middleware.associative.index_loader.run)
        await quota.check(ann)
        with trio.fail_after(60):
            await built.wait()
            before = await memories.context(ann, QUESTIONS[0])
            await loaded.wait()
        after = await memories.context(ann, QUESTIONS[0])
        assert [one["text"] for one in after["associative"]] == [one["text"] for one in before["associative"]]
        assert searches == ["rows", "segments"]
        nursery.cancel_scope.cancel()


async def test_looking_for_missing_entries_is_planned_for_the_user(pool: Pool) -> None:
    """A generic plan took a second for 100,000 memories, with the user's key locked."""
    memories, ann = await told(pool, "both")
    segments, ids = memories.middleware.associative.segments, [UUID(id_) for id_ in await present(memories, ann)]
    async with scoped(pool, ann) as connection:
        for _ in range(12):
            assert await segments.missing_in(connection, ann, 1) == []
            assert await segments.missing_of_in(connection, ann, ids) == set()
        cursor = await connection.execute(
            "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE '%EXCEPT%'"
        )
        [(generic, custom)] = await cursor.fetchall()
    assert generic == 0
    assert custom > 0


async def test_a_user_whose_segments_can_not_be_built_does_not_keep_others_from_theirs(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    memories = Memories(pool, segments_from=1)
    people = sorted([await memories.person(), await memories.person()])
    for person in people:
        await memories.tell(person, *TOLD[0])
        await set_kind(memories, person, "building")
    made = memory.maintenance.index_build.IndexBuild._entries

    async def fails_for_one(self: Any, user_id: UUID, *arguments: Any) -> Any:
        if user_id == people[0]:
            raise ValueError("not a vector")
        return await made(self, user_id, *arguments)

    monkeypatch.setattr(memory.maintenance.index_build.IndexBuild, "_entries", fails_for_one)
    await memories.index_change.everybody()
    assert [await kind(memories, person) for person in people] == ["building", "both"]
