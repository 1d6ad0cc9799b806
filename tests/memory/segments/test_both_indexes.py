"""Users with segments in addition to rows that PostgreSQL searches: both have every change, and give the same hits."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import trio

from memory.maintenance import KeyRenewal, Reembedding
from memory.segments import LoadedIndexes
from memory.vault import IndexKind, Vault
from sql.pool import Pool, open_pool
from sql.tenant import configure_server, scoped
from tests.memory.memories import Memories, WordEmbedder
from tests.memory.segments.test_sealed_memories import QUESTIONS, TOLD, counts, entries, found, told


async def kind(memories: Memories, ann: UUID) -> str:
    async with scoped(memories.pool, ann) as connection:
        return (await memories.middleware.associative.segments.state_in(connection, ann)).kind


async def set_kind(memories: Memories, ann: UUID, kind: IndexKind) -> None:
    async with scoped(memories.pool, ann) as connection:
        await memories.middleware.associative.segments.set_kind_in(connection, ann, kind)


async def same_in_both(memories: Memories, ann: UUID, searches: list[str]) -> list[list[str]]:
    """What both indexes find: the same."""
    segments = memories.middleware.associative.segments
    segments.loaded.drop(ann)
    searches.clear()
    in_rows = await found(memories, ann)
    assert await memories.loaded(ann)
    in_segments = await found(memories, ann)
    assert searches == ["rows"] * len(QUESTIONS) + ["segments"] * len(QUESTIONS)
    assert in_segments == in_rows
    return in_rows


async def present(memories: Memories, ann: UUID) -> set[str]:
    return {str(record["id"]) for record in await memories.records(ann) if record["tier"] == "associative"}


async def id_of(memories: Memories, ann: UUID, word: str) -> UUID:
    [memory] = [r for r in await memories.records(ann) if r["tier"] == "associative" and word in str(r["text"])]
    return UUID(str(memory["id"]))


async def test_every_change_is_in_both(pool: Pool, searches: list[str]) -> None:
    memories, ann = await told(pool, "both")
    hits = await same_in_both(memories, ann, searches)
    assert all(texts for texts in hits)
    rows = await counts(memories, ann)
    assert all(rows)
    # A repetition updates the memory, and an entity its own.
    await memories.tell(ann, *TOLD[0])
    for title in ("Call the dentist about the boiler", "Paint the garage"):
        await memories.change(ann, "update", "task", "t1", {"title": title})
        await memories.middleware.enrichment.run_once()  # adds the vector
    hits = await same_in_both(memories, ann, searches)
    assert "Paint the garage" in str(hits)
    assert "Call the dentist" not in str(hits)
    assert len(await present(memories, ann)) == len(TOLD) + 1
    assert {str(entry.id) for entry in await entries(memories, ann)} == await present(memories, ann)
    await memories.change(ann, "delete", "task", "t1", None)
    assert {str(entry.id) for entry in await entries(memories, ann)} == await present(memories, ann)
    assert len(await present(memories, ann)) == len(TOLD)


async def test_forgetting_is_exact_in_both(pool: Pool, searches: list[str]) -> None:
    memories, ann = await told(pool, "both")
    assert isinstance(memories.embedder, WordEmbedder)
    memories.embedder.failing = True
    gone = await id_of(memories, ann, "Clara")
    assert (await memories.middleware.forget(ann, gone)).counts["associative"] == 1
    left = await entries(memories, ann)
    assert {str(entry.id) for entry in left} == await present(memories, ann)
    # The vector of the next turn included the forgotten one, in both.
    assert sorted(entry.vector is None for entry in left) == [False, False, True]
    assert (await counts(memories, ann))[3] == 2
    assert "Clara" not in str(await same_in_both(memories, ann, searches))
    memories.embedder.failing = False
    async with scoped(pool, ann) as connection:
        await connection.execute("UPDATE memory_unembedded SET due_at = now()")
    await memories.middleware.enrichment.run_once()
    assert (await counts(memories, ann))[3] == 3
    newest = {entry.id: entry for entry in sorted(await entries(memories, ann), key=lambda entry: entry.stamp)}
    assert all(entry.vector is not None for entry in newest.values())
    await same_in_both(memories, ann, searches)
    await memories.middleware.erase(ann)
    assert await counts(memories, ann) == (0, 0, 0, 0, 0)


async def test_postgresql_answers_until_the_index_is_loaded_in_the_background(pool: Pool, searches: list[str]) -> None:
    memories, ann = await told(pool, "both")
    memories.middleware.associative.segments.loaded.drop(ann)
    before = await found(memories, ann)
    await memories.middleware.associative.index_loader.run_once()
    assert await found(memories, ann) == before
    assert searches == ["rows"] * len(QUESTIONS) + ["segments"] * len(QUESTIONS)
    # The worker that stores the next memory has it loaded before the next question.
    await memories.tell(ann, "The cellar key hangs in the hall.", "Noted.")
    searches.clear()
    assert "hangs" in str(await memories.context(ann, "Where is the cellar key?"))
    assert searches == ["segments"]


async def test_an_index_without_room_is_not_loaded(pool: Pool, searches: list[str]) -> None:
    memories, ann = await told(pool, "both")
    segments = memories.middleware.associative.segments
    assert await memories.loaded(ann)
    key, now = await memories.vault.key(ann), [0.0]
    index = segments.loaded.get(key)
    assert index is not None
    segments.loaded = LoadedIndexes(2 * index.size, clock=lambda: now[0])
    segments.loaded.put(key, index)
    bea = await memories.person()
    await memories.tell(bea, *TOLD[0])
    others = [await memories.vault.key(await memories.person()) for _ in range(2)]
    for other in others:
        segments.loaded.put(other, index)
    # Both indexes in memory are in use.
    assert not await memories.loaded(bea)
    searches.clear()
    assert (await memories.context(bea, QUESTIONS[0]))["associative"]
    await memories.middleware.associative.index_loader.run_once()
    assert not segments.loaded.has(bea)
    now[0] += 61
    assert await memories.loaded(bea)
    assert searches == ["rows"]


async def test_segments_that_do_not_decrypt_are_made_again(pool: Pool, searches: list[str]) -> None:
    memories, ann = await told(pool, "both")
    before = await found(memories, ann)
    async with scoped(pool, ann) as connection:
        await connection.execute(
            "UPDATE memory_segments SET segment_encrypted = '\\x02'"
            " WHERE id = (SELECT id FROM memory_segments ORDER BY id LIMIT 1)"
        )
    fresh = Memories(pool, embedder=WordEmbedder(), master_keys=memories.master_keys, segments_from=2)
    assert await found(fresh, ann) == before
    assert not await fresh.loaded(ann)
    assert fresh.unreadable == ["associative"]
    assert await kind(fresh, ann) == "building"
    assert await found(fresh, ann) == before
    await fresh.index_change.everybody()
    assert await kind(fresh, ann) == "both"
    assert await same_in_both(fresh, ann, searches) == before
    # A part of a loaded index that turns out to be unreadable: PostgreSQL answers immediately.
    await fresh.tell(ann, "The cellar key hangs in the hall.", "Noted.")
    fresh.middleware.associative.segments.loaded.drop(ann)
    assert await fresh.loaded(ann)
    await memories.tell(ann, "The spare key hangs in the shed.", "Noted.")
    async with scoped(pool, ann) as connection:
        await connection.execute(
            "UPDATE memory_segments SET segment_encrypted = '\\x02' WHERE cardinality(memory_ids) = 1"
        )
    assert "shed" in str(await fresh.context(ann, "Where is the spare key?"))


async def test_a_new_key_has_the_segments_made_again(pool: Pool, tmp_path: Path, searches: list[str]) -> None:
    memories, ann = await told(pool, "both", shares=tmp_path, segments_from=2)
    await memories.middleware.forget(ann, await id_of(memories, ann, "Clara"))
    async with scoped(pool, ann) as connection:
        await connection.execute("UPDATE users SET rekey_due_at = now() WHERE user_id = %s", [ann])
    before = await found(memories, ann)
    assert await KeyRenewal(memories.vault).renew() == 1
    assert (await counts(memories, ann))[-1] == 0
    assert await kind(memories, ann) == "building"
    assert await found(memories, ann) == before
    await memories.index_change.everybody()
    assert await same_in_both(memories, ann, searches) == before
    assert {str(entry.id) for entry in await entries(memories, ann)} == await present(memories, ann)


async def test_reembedding_changes_both(pool: Pool, searches: list[str]) -> None:
    memories, ann = await told(pool, "both")
    other = WordEmbedder("words-2")
    assert (await Reembedding(memories.vault, other).user(ann)).memories == len(TOLD)
    assert (await Reembedding(memories.vault, other).user(ann)).memories == 0
    newer = Memories(pool, embedder=other, master_keys=memories.master_keys)
    await same_in_both(newer, ann, searches)
    contexts = [await newer.context(ann, question) for question in QUESTIONS]
    assert all(context["associative"][0]["why"]["cosine"] is not None for context in contexts)


async def test_servers_see_each_others_writes(pool: Pool, database: str) -> None:
    here, ann = await told(pool, "both")
    assert await here.loaded(ann)
    async with open_pool(database, max_size=2, configure=configure_server) as other:
        there = Memories(other, embedder=WordEmbedder(), master_keys=here.master_keys)
        assert await there.loaded(ann)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(there.tell, ann, "The cellar key hangs in the hall.", "Noted.")
            nursery.start_soon(here.tell, ann, "The spare key hangs in the shed.", "Noted.")
        for memories in (here, there):
            assert "hall" in str(await memories.context(ann, "Where is the cellar key?"))
            assert "shed" in str(await memories.context(ann, "Where is the spare key?"))
        await here.middleware.forget(ann, await id_of(here, ann, "hall"))
        assert "hall" not in str((await there.context(ann, "Where is the cellar key?"))["associative"])


async def test_small_segments_are_merged_without_the_lock(
    pool: Pool, searches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    memories, ann = await told(pool, "both")
    for number in range(4):
        await memories.change(ann, "create", "note", f"n{number}", {"title": f"Note {number} of the choir"})
    store = memories.middleware.associative.segments
    assert (await counts(memories, ann))[-1] == 8
    gone = await id_of(memories, ann, "Note 3")
    consistent, once = Vault.consistent, [gone]

    async def then_forget(self: Vault, *arguments: Any) -> Any:
        result = await consistent(self, *arguments)
        while once:
            await memories.middleware.forget(ann, once.pop())
        return result

    # A memory is forgotten after the segments were read: the merged ones are not stored.
    with monkeypatch.context() as patched:
        patched.setattr(Vault, "consistent", then_forget)
        assert await store.merge(ann)
    assert {entry.id for entry in await entries(memories, ann)} == {UUID(id_) for id_ in await present(memories, ann)}
    assert (await counts(memories, ann))[-1] == 7
    await memories.change(ann, "create", "note", "n4", {"title": "Note 4 of the choir"})
    await memories.middleware.enrichment.run_once()
    assert (await counts(memories, ann))[-1] < 7
    await same_in_both(memories, ann, searches)
    assert {entry.id for entry in await entries(memories, ann)} == {UUID(id_) for id_ in await present(memories, ann)}


async def test_segments_are_merged_while_others_are_made_again(pool: Pool) -> None:
    memories, ann = await told(pool, "both")
    assert await memories.loaded(ann)
    store = memories.middleware.associative.segments
    async with memories.vault.writing(ann) as (connection, _):
        state = await store.state_in(connection, ann)
        await store.discard_in(connection, ann, sorted(state.segments)[:2])
    for number in range(8):
        await memories.change(ann, "create", "note", f"n{number}", {"title": f"Note {number} of the choir"})
    assert await store.merge(ann)
    assert (await counts(memories, ann))[-1] < 8
    notes = {str(r["id"]) for r in await memories.records(ann) if "choir" in str(r.get("text"))}
    assert notes <= {str(entry.id) for entry in await entries(memories, ann)}
    assert len(await entries(memories, ann)) == len(TOLD) - 2 + 8
