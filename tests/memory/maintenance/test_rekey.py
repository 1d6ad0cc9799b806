"""Rotation of a user's key and of the master key, and new vectors from another embedding model."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from cryptography.fernet import Fernet

from memory.keys.master import KeyRing, WrongMasterKey, new_master_key
from memory.maintenance.reembed import Reembedding
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder


async def remembered(memories: Memories) -> UUID:
    user_id = await memories.person()
    await memories.middleware.update_core(user_id, "tea", "green")
    await memories.middleware.update_core(user_id, "tea", "black")
    await memories.change(user_id, "create", "task", "t1", {"title": "Call Clara"})
    await memories.tell(user_id, "Clara moved to Lisbon.", "Noted.")
    for _ in range(3):
        await memories.middleware.store_episode(user_id, None, "Ben likes chess.", "ok")
    return user_id


def ciphertexts(database: str) -> set[bytes]:
    with psycopg.connect(database) as connection:
        return {
            bytes(value)
            for (value,) in connection.execute(
                "SELECT value_encrypted FROM memory_core UNION ALL SELECT history_encrypted FROM memory_core"
                " UNION ALL SELECT content_encrypted FROM memory_associative"
                " UNION ALL SELECT content_digest FROM memory_associative UNION ALL SELECT term FROM memory_terms"
                " UNION ALL SELECT embedding::text::bytea FROM memory_associative"
                " UNION ALL SELECT summary_encrypted FROM memory_episodic"
                " UNION ALL SELECT exchange_encrypted FROM memory_episodic"
            ).fetchall()
        }


@pytest.mark.parametrize("with_shares", [False, True])
async def test_a_user_key_is_rotated_with_all_that_depends_on_it(
    pool: Pool, database: str, tmp_path: Path, with_shares: bool
) -> None:
    memories = Memories(pool, embedder=WordEmbedder(), shares=tmp_path / "shares" if with_shares else None)
    ann = await remembered(memories)
    records, before = await memories.records(ann), ciphertexts(database)
    found = await memories.middleware.enrich_context(ann, "Where did Clara move?")
    old = await memories.vault.key(ann)

    done = await memories.user_key_rotation.rotate(ann)
    # The last one is a name that was seen on too few days to be a pattern.
    assert (done.rows, done.unreadable) == (1 + 4 + 1 + 2 + 1 + 1, 0)
    assert done.key_before == old.fingerprint

    assert not ciphertexts(database) & before
    assert await memories.records(ann) == records
    again = await memories.middleware.enrich_context(ann, "Where did Clara move?")
    assert [item.id for item in again.associative] == [item.id for item in found.associative]
    assert [item.cosine for item in again.associative] == pytest.approx(
        [item.cosine for item in found.associative], abs=1e-4
    )
    assert await memories.middleware.enrichment.run_once() == 3
    assert not memories.unreadable


async def test_what_does_not_open_is_left_and_counted(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await remembered(memories)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE memory_core SET value_encrypted = 'broken'")
    done = await memories.user_key_rotation.rotate(ann)
    assert done.unreadable == 1
    assert len([record for record in await memories.records(ann) if record.get("unreadable")]) == 1


@pytest.mark.parametrize("with_shares", [False, True])
async def test_the_master_key_is_rotated_online_and_resumably(pool: Pool, tmp_path: Path, with_shares: bool) -> None:
    shares = tmp_path / "shares" if with_shares else None
    old, new = new_master_key(), new_master_key()
    before = Memories(pool, master_keys=[old], shares=shares)
    people = [await remembered(before) for _ in range(3)]
    both = Memories(pool, master_keys=[new, old], shares=shares)
    await both.master_key_rotation.rotate()
    late = await remembered(before)  # by a server that still has the old key

    done = await both.master_key_rotation.rotate()
    assert (done.rewrapped, done.already, done.failed) == (1, 3, 0)
    after = Memories(pool, master_keys=[new], shares=shares)
    for person in (*people, late):
        assert len(await after.records(person)) == len(await both.records(person)) >= 7
        assert not after.unreadable
    fresh = Memories(pool, master_keys=[old], shares=shares)
    with pytest.raises(WrongMasterKey):
        await fresh.middleware.enrich_context(late, "Clara")


async def test_rotating_without_the_old_master_key_changes_nothing(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await remembered(memories)
    stranger = Memories(pool, master_keys=[new_master_key()])
    done = await stranger.master_key_rotation.rotate()
    assert (done.rewrapped, done.already, done.failed) == (0, 0, 1)
    with pytest.raises(WrongMasterKey, match="nothing was changed"):
        await stranger.user_key_rotation.rotate(ann)
    with psycopg.connect(database) as connection:
        (stored,) = connection.execute("SELECT encryption_key FROM users").fetchone() or ()
    Fernet(KeyRing(memories.master_keys).unwrap(ann, bytes(stored)))
    assert len(await memories.records(ann)) == 8


async def test_memories_move_to_another_model_and_models_are_never_mixed(pool: Pool) -> None:
    older = Memories(pool, embedder=WordEmbedder("words-1"))
    ann = await remembered(older)
    newer = Memories(pool, embedder=WordEmbedder("words-2"), master_keys=older.master_keys)
    await newer.tell(ann, "Dora keeps bees.")
    mixed = (await newer.middleware.enrich_context(ann, "Clara")).associative
    assert [item.cosine for item in mixed] == [None, None]
    assert newer.embedder is not None
    done = await Reembedding(newer.vault, newer.embedder).everybody()
    assert (done.memories, done.unreadable) == (2, 0)
    moved = (await newer.middleware.enrich_context(ann, "Clara")).associative
    assert len(moved) == 2
    assert None not in [item.cosine for item in moved]
    assert (await Reembedding(newer.vault, newer.embedder).everybody()).memories == 0
