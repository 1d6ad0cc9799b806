"""Memories in the sealed index: stored rows, hits, and rows that are gone after forgetting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from uuid import UUID, uuid4

import pytest

from memory.crypto import Purpose, Unreadable
from memory.keys import UserKey
from memory.maintenance import KeyRenewal, Reembedding
from memory.segments import Entry, LoadedIndexes, Segment
from memory.segments.store import MAX_ENTRIES, SegmentStore
from memory.vault import IndexKind
from sql.pool import Pool, open_pool
from sql.tenant import configure_server, scoped
from tests.memory.memories import Memories, WordEmbedder

NOW = datetime(2026, 5, 5, tzinfo=UTC)
TOLD = (
    ("My sister Clara lives in Lisbon.", "Noted, Clara lives in Lisbon."),
    ("The dentist is on Tuesday at nine.", "I will remember the dentist."),
    ("Piet repaired the boiler in the cellar.", "Good that Piet repaired it."),
    ("I park the car on level three of the garage.", "Level three, noted."),
)
QUESTIONS = ("Where does Clara live?", "When is the dentist?", "Who repaired the boiler?", "garage level")


async def told(pool: Pool, index: IndexKind = "sealed", **kwargs: object) -> tuple[Memories, UUID]:
    memories = Memories(pool, embedder=WordEmbedder(), index=index, **kwargs)  # type: ignore[arg-type]
    ann = await memories.person()
    for message, response in TOLD:
        await memories.middleware.store_episode(ann, "session", message, response)
    await memories.middleware.enrichment.run_once()
    return memories, ann


async def found(memories: Memories, ann: UUID) -> list[list[str]]:
    """The texts that are recalled for each question, in their order."""
    contexts = [await memories.context(ann, question) for question in QUESTIONS]
    return [[str(one["text"]) for one in context["associative"]] for context in contexts]


async def counts(memories: Memories, ann: UUID) -> tuple[int, ...]:
    """Rows of terms, signatures, message vectors, memories with vectors, and segments."""
    tables = ("memory_terms", "memory_signatures", "memory_messages", "memory_associative", "memory_segments")
    numbers = []
    async with scoped(memories.pool, ann) as connection:
        for table in tables:
            only = " WHERE embedding IS NOT NULL" if table == "memory_associative" else ""
            cursor = await connection.execute(f"SELECT count(*) FROM {table}{only}".encode())  # noqa: S608
            numbers.append((await cursor.fetchall())[0][0])
    return tuple(numbers)


async def segments(memories: Memories, ann: UUID, key: UserKey | None = None) -> list[Segment]:
    key = key or await memories.vault.key(ann)
    async with scoped(memories.pool, ann) as connection:
        cursor = await connection.execute("SELECT id, segment_encrypted FROM memory_segments")
    rows: Sequence[tuple[UUID, bytes]] = await cursor.fetchall()
    purpose = [Purpose("memory_segments", "segment_encrypted", str(id_), "") for id_, _ in rows]
    return [
        Segment.from_bytes(key.cipher.unseal_bytes(place, bytes(row[1])))
        for place, row in zip(purpose, rows, strict=True)
    ]


async def entries(memories: Memories, ann: UUID) -> list[Entry]:
    return [entry for part in await segments(memories, ann) for entry in part.entries()]


async def test_only_segments_are_stored_and_the_same_is_found(pool: Pool) -> None:
    sealed, ann = await told(pool)
    plain, bob = await told(pool, "pgvector")
    assert await found(sealed, ann) == await found(plain, bob)
    assert all(texts and texts[0] in f"{message}\n{answer}" for texts, (message, answer) in zip(
        await found(sealed, ann), TOLD, strict=True
    ))  # fmt: skip
    assert await counts(sealed, ann) == (0, 0, 0, 0, 4)
    assert (await counts(plain, bob))[-1] == 0


async def test_a_forgotten_memory_is_in_no_segment_and_the_next_turn_has_no_vector(pool: Pool) -> None:
    memories, ann = await told(pool)
    memories.embedder.failing = True  # type: ignore[union-attr]
    [memory] = [r for r in await memories.records(ann) if r["tier"] == "associative" and "Clara" in str(r["text"])]
    forgotten = await memories.middleware.forget(ann, UUID(str(memory["id"])))
    assert forgotten.counts["associative"] == 1
    left = await entries(memories, ann)
    assert {str(entry.id) for entry in left} == {
        str(r["id"]) for r in await memories.records(ann) if r["tier"] == "associative"
    }
    assert str(memory["id"]) not in {str(entry.id) for entry in left}
    async with scoped(pool, ann) as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM memory_segments WHERE %s = ANY (memory_ids)", [memory["id"]]
        )
    assert await cursor.fetchall() == [(0,)]
    # The vector of the next turn included the forgotten one.
    assert sorted(entry.vector is None for entry in left) == [False, False, True]
    assert all("Clara" not in text for texts in await found(memories, ann) for text in texts)
    memories.embedder.failing = False  # type: ignore[union-attr]


async def test_servers_see_each_others_writes(pool: Pool, database: str) -> None:
    here, ann = await told(pool)
    await found(here, ann)
    async with open_pool(database, max_size=2, configure=configure_server) as other:
        there = Memories(other, embedder=WordEmbedder(), master_keys=here.master_keys, index="sealed")
        assert await found(there, ann) == await found(here, ann)
        await there.tell(ann, "The cellar key hangs in the hall.", "Noted.")
        assert "hangs" in str(await here.context(ann, "Where is the cellar key?"))
        [memory] = [r for r in await here.records(ann) if r["tier"] == "associative" and "hangs" in str(r["text"])]
        await here.middleware.forget(ann, UUID(str(memory["id"])))
        assert "hangs" not in str((await there.context(ann, "Where is the cellar key?"))["associative"])


async def test_another_key_opens_no_old_segment_and_finds_the_same(pool: Pool, tmp_path: Path) -> None:
    memories, ann = await told(pool, shares=tmp_path)
    before, old = await found(memories, ann), await memories.vault.key(ann)
    done = await memories.user_key_rotation.rotate(ann)
    assert done.unreadable == 0
    assert await found(memories, ann) == before
    with pytest.raises(Unreadable):
        await segments(memories, ann, old)
    assert await counts(memories, ann) == (0, 0, 0, 0, 1)


async def test_reembedding_gives_each_memory_a_vector_of_the_other_model_once(pool: Pool) -> None:
    memories, ann = await told(pool)
    other = WordEmbedder("words-2")
    assert (await Reembedding(memories.vault, other).user(ann)).memories == len(TOLD)
    assert (await Reembedding(memories.vault, other).user(ann)).memories == 0
    newer = Memories(pool, embedder=other, master_keys=memories.master_keys, index="sealed")
    contexts = [await newer.context(ann, question) for question in QUESTIONS]
    assert all(context["associative"][0]["why"]["cosine"] is not None for context in contexts)


async def test_the_index_is_changed_in_both_directions_and_finds_the_same(pool: Pool) -> None:
    plain, ann = await told(pool, "pgvector")
    before, rows = await found(plain, ann), await counts(plain, ann)
    sealed = Memories(pool, embedder=WordEmbedder(), master_keys=plain.master_keys, index="sealed")
    # Until the memories are moved, both servers search the old index.
    assert await found(sealed, ann) == before
    await sealed.tell(ann, "The cellar key hangs in the hall.", "Noted.")
    assert (await counts(sealed, ann))[0] > rows[0]
    before = await found(plain, ann)
    assert await sealed.index_change.user(ann)
    assert await counts(sealed, ann) == (0, 0, 0, 0, 1)
    assert await found(sealed, ann) == before
    assert await found(plain, ann) == before  # a server with the other setting
    assert not await sealed.index_change.user(ann)
    assert await plain.index_change.everybody() == 1
    assert await counts(plain, ann) == (*(await counts(plain, ann))[:3], len(TOLD) + 1, 0)
    assert await found(plain, ann) == before
    assert await found(sealed, ann) == before


async def test_the_export_has_the_same_records(pool: Pool) -> None:
    (sealed, ann), (plain, bob) = await told(pool), await told(pool, "pgvector")
    wanted = ("text", "person", "assistant", "embedding_model", "hits", "source", "unreadable")
    exports = [
        sorted(
            [[str(record.get(name)) for name in wanted] for record in await memories.records(user_id)],
        )
        for memories, user_id in ((sealed, ann), (plain, bob))
    ]
    assert exports[0] == exports[1]
    assert "words-1" in str(exports[0])


async def test_a_search_in_a_loaded_index_costs_one_round_trip(database: str) -> None:
    async with open_pool(database, max_size=1, configure=configure_server) as pool:
        memories, ann = await told(pool)
        await found(memories, ann)
        with TemporaryFile("w+") as trace:
            async with pool.connection() as connection:
                connection.pgconn.trace(trace.fileno())
            assert (await memories.context(ann, QUESTIONS[0]))["associative"]
            connection.pgconn.untrace()
            trace.seek(0)
            assert trace.read().count("Sync") == 1


async def test_erasing_and_deleting_leave_no_segment(pool: Pool) -> None:
    memories, ann = await told(pool)
    await memories.middleware.erase(ann)
    assert await counts(memories, ann) == (0, 0, 0, 0, 0)
    await memories.tell(ann, *TOLD[0])
    assert (await counts(memories, ann))[-1] == 1
    await memories.middleware.delete_account(ann)
    assert await counts(memories, ann) == (0, 0, 0, 0, 0)


async def test_small_segments_are_merged(pool: Pool) -> None:
    memories, ann = await told(pool)
    for number in range(12):
        await memories.change(ann, "create", "note", f"n{number}", {"title": f"Note {number} of the choir"})
        await memories.middleware.enrichment.run_once()
    before = await found(memories, ann)
    rows = (await counts(memories, ann))[-1]
    assert rows < 12
    assert await found(Memories(pool, embedder=WordEmbedder(), master_keys=memories.master_keys), ann) == before
    ids = [entry.id for entry in await entries(memories, ann)]
    assert set(ids) == {UUID(str(r["id"])) for r in await memories.records(ann) if r["tier"] == "associative"}


@pytest.fixture
async def key(pool: Pool) -> tuple[Memories, UserKey]:
    memories = Memories(pool, index="sealed")
    return memories, await memories.vault.key(await memories.person())


async def test_a_segment_has_a_bounded_number_of_entries(key: tuple[Memories, UserKey]) -> None:
    memories, user_key = key
    store = SegmentStore(memories.vault)
    made = [Entry.of(uuid4(), {b"12345678": 1}, 1, NOW, None) for _ in range(MAX_ENTRIES + 1)]
    async with memories.vault.writing(user_key.user_id) as (connection, current):
        await store.write_in(connection, current, made)
    assert sorted(len(part) for part in await segments(memories, user_key.user_id)) == [1, MAX_ENTRIES]


async def test_a_segment_that_does_not_decrypt_is_reported_and_reembedding_adds_its_memories_again(pool: Pool) -> None:
    memories, ann = await told(pool)
    before = await found(memories, ann)
    async with scoped(pool, ann) as connection:
        await connection.execute("UPDATE memory_segments SET segment_encrypted = '\\x02'")
    fresh = Memories(pool, embedder=WordEmbedder(), master_keys=memories.master_keys, index="sealed")
    assert (await fresh.context(ann, QUESTIONS[0]))["associative"] == []
    assert fresh.unreadable == ["associative"] * len(TOLD)
    await Reembedding(fresh.vault, WordEmbedder()).user(ann)
    assert await found(fresh, ann) == before


async def test_a_rotation_adds_the_memories_of_a_segment_that_does_not_decrypt(pool: Pool) -> None:
    memories, ann = await told(pool)
    before = await found(memories, ann)
    async with scoped(pool, ann) as connection:
        await connection.execute("UPDATE memory_segments SET segment_encrypted = '\\x02'")
    fresh = Memories(pool, embedder=WordEmbedder(), master_keys=memories.master_keys, index="sealed")
    await fresh.user_key_rotation.rotate(ann)
    contexts = [await fresh.context(ann, question) for question in QUESTIONS]
    assert all(context["associative"][0]["why"]["cosine"] is None for context in contexts)
    await fresh.middleware.enrichment.run_once()
    assert await found(fresh, ann) == before
    assert fresh.unreadable == []


async def test_a_forgotten_segment_that_is_put_back_opens_with_no_key(pool: Pool, tmp_path: Path) -> None:
    memories, ann = await told(pool, shares=tmp_path)
    async with scoped(pool, ann) as connection:
        cursor = await connection.execute("SELECT id, memory_ids, segment_encrypted FROM memory_segments")
    copied = await cursor.fetchall()
    [memory] = [r for r in await memories.records(ann) if r["tier"] == "associative" and "Clara" in str(r["text"])]
    await memories.middleware.forget(ann, UUID(str(memory["id"])))
    async with scoped(pool, ann) as connection:
        await connection.execute("UPDATE users SET rekey_due_at = now() WHERE user_id = %s", [ann])
    assert await KeyRenewal(memories.vault).renew() == 1
    async with scoped(pool, ann) as connection:
        await connection.execute("DELETE FROM memory_segments")
        for row in copied:
            await connection.execute("INSERT INTO memory_segments VALUES (%s, %s, %s, %s)", [ann, *row])
    fresh = Memories(pool, embedder=WordEmbedder(), master_keys=memories.master_keys, shares=tmp_path, index="sealed")
    assert await found(fresh, ann) == [[]] * len(QUESTIONS)
    assert fresh.unreadable


async def test_loaded_indexes_are_bounded_and_go_with_their_keys(pool: Pool) -> None:
    memories, ann = await told(pool)
    await found(memories, ann)
    loaded = memories.middleware.associative.segments.loaded
    assert (len(loaded), loaded.size > 0) == (1, True)
    index = loaded.get(await memories.vault.key(ann))
    assert index is not None
    memories.keys.evict(ann)
    assert (len(loaded), loaded.size) == (0, 0)
    one = LoadedIndexes(index.size)
    keys = [UserKey(uuid4(), b"", number.to_bytes(32, "big")) for number in range(3)]
    for user_key in keys:
        one.put(user_key, index)
    assert [one.get(user_key) is not None for user_key in keys] == [False, False, True]
    assert one.size == index.size
    LoadedIndexes(index.size - 1).put(keys[0], index)
