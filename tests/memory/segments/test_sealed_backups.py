"""A backup of the database contains the sealed index. A restored one finds the same, except what was forgotten."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql

from memory.maintenance import KeyRenewal
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder
from tests.memory.segments.test_sealed_memories import QUESTIONS, TOLD, counts, found, told

TABLES = ("users", "memory_episodic", "memory_associative", "memory_sources", "memory_segments")


def columns(connection: psycopg.Connection, table: str) -> sql.Composed:
    """The columns of a table that can be written."""
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' ORDER BY attnum",
        [table],
    ).fetchall()
    return sql.SQL(", ").join(sql.Identifier(name) for (name,) in rows)


def back_up(database: str, ann: UUID) -> None:
    """Copy the rows of `ann` as they are on disk."""
    with psycopg.connect(database, autocommit=True) as connection:
        for table in TABLES:
            connection.execute(
                sql.SQL("CREATE TABLE {} AS SELECT {} FROM {} WHERE user_id = {}").format(
                    sql.Identifier(f"backup_{table}"), columns(connection, table), sql.Identifier(table), ann
                )
            )


def restore(database: str, ann: UUID, *, keys: bool = True) -> None:
    """Put the rows of `ann` back. `keys`: the wrapped key too; otherwise rows are put back under the present key."""
    with psycopg.connect(database, autocommit=True) as connection:
        if keys:
            connection.execute(
                "UPDATE users SET encryption_key = b.encryption_key FROM backup_users AS b"
                " WHERE users.user_id = b.user_id"
            )
        for table in reversed(TABLES[1:]):
            connection.execute(sql.SQL("DELETE FROM {} WHERE user_id = {}").format(sql.Identifier(table), ann))
        for table in TABLES[1:]:
            names = columns(connection, table)
            connection.execute(
                sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(
                    sql.Identifier(table), names, names, sql.Identifier(f"backup_{table}")
                )
            )


def restarted(memories: Memories, pool: Pool, shares: Path) -> Memories:
    """Another server on the same database, with nothing in its memory."""
    return Memories(pool, embedder=WordEmbedder(), index="sealed", shares=shares, master_keys=memories.master_keys)


async def clara(memories: Memories, ann: UUID) -> UUID:
    [memory] = [r for r in await memories.records(ann) if r["tier"] == "associative" and "Clara" in str(r["text"])]
    return UUID(str(memory["id"]))


async def test_a_restored_backup_finds_the_same_without_being_indexed_again(
    pool: Pool, database: str, tmp_path: Path
) -> None:
    memories, ann = await told(pool, shares=tmp_path)
    before, stored = await found(memories, ann), await counts(memories, ann)
    back_up(database, ann)
    with psycopg.connect(database, autocommit=True) as connection:
        for table in ("memory_segments", "memory_associative", "memory_episodic"):
            connection.execute(f"DELETE FROM {table} WHERE user_id = %s".encode(), [ann])  # noqa: S608
    assert await found(restarted(memories, pool, tmp_path), ann) == [[]] * len(QUESTIONS)
    restore(database, ann)
    again = restarted(memories, pool, tmp_path)
    assert await found(again, ann) == before
    assert await counts(again, ann) == stored
    assert again.unreadable == []
    # The server that ran before the restore must not search what it had loaded.
    assert await found(memories, ann) == before


async def test_a_restored_backup_from_before_a_forgetting_is_unreadable_once_the_key_is_replaced(
    pool: Pool, database: str, tmp_path: Path
) -> None:
    memories, ann = await told(pool, shares=tmp_path)
    back_up(database, ann)
    await memories.middleware.forget(ann, await clara(memories, ann))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE users SET rekey_due_at = now() WHERE user_id = %s", [ann])
    assert await KeyRenewal(memories.vault).renew() == 1
    restore(database, ann, keys=False)
    again = restarted(memories, pool, tmp_path)
    assert await found(again, ann) == [[]] * len(QUESTIONS), "the rows and segments are those of the old key"
    assert "associative" in again.unreadable
    assert "Clara" not in str(await again.records(ann))


async def test_a_backup_from_after_a_forgetting_does_not_bring_the_memory_back(
    pool: Pool, database: str, tmp_path: Path
) -> None:
    memories, ann = await told(pool, shares=tmp_path)
    await memories.middleware.forget(ann, await clara(memories, ann))
    expected = await found(memories, ann)
    back_up(database, ann)
    await memories.tell(ann, "The plumber comes on Friday.", "Noted.")
    restore(database, ann)
    again = restarted(memories, pool, tmp_path)
    assert await found(again, ann) == expected
    assert "Clara" not in str(await again.records(ann))
    assert any(TOLD[1][0] in text for texts in expected for text in texts)


async def test_old_segments_that_are_put_back_with_present_rows_do_not_find_a_forgotten_memory(
    pool: Pool, database: str, tmp_path: Path
) -> None:
    memories, ann = await told(pool, shares=tmp_path)
    back_up(database, ann)
    await memories.middleware.forget(ann, await clara(memories, ann))
    expected = await found(memories, ann)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM memory_segments WHERE user_id = %s", [ann])
        names = columns(connection, "memory_segments")
        connection.execute(
            sql.SQL("INSERT INTO memory_segments ({}) SELECT {} FROM backup_memory_segments").format(names, names)
        )
    again = restarted(memories, pool, tmp_path)
    present = await found(again, ann)
    assert "Clara" not in str(present)
    assert [texts[0] for texts in present[1:]] == [texts[0] for texts in expected[1:]]
