"""All rows of a person are copied, things are forgotten, the key is replaced, and all old rows are put back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import sql

from memory.keys import MissingKeyShare
from memory.maintenance import KeyRenewal
from memory.vault import IndexKind
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder

NOT_MEMORY = {"users", "accounts", "memory_receipts"}
SECRETS = ("Zanzibar", "Quillfeather", "marmalade", "Xylophone", "Obsidian")


@contextmanager
def attacker(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # rows are put back in any order
        yield connection


class Copy:
    """All rows of a person in all tables, as a backup of the database has them."""

    def __init__(self, database: str, user_id: UUID) -> None:
        self._database, self._user_id = database, user_id
        with attacker(database) as connection:
            keys = connection.execute("SELECT encryption_key FROM users WHERE user_id = %s", [user_id])
            ((self.wrapped,),) = keys.fetchall()
            tables = connection.execute(
                "SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
                " WHERE c.relkind = 'r' AND a.attname = 'user_id' AND c.relnamespace = 'public'::regnamespace"
            ).fetchall()
            self.tables = {name for (name,) in tables} - NOT_MEMORY
            self._names = {table: self._columns(connection, table) for table in self.tables}
            self.rows = {}
            for table, names in self._names.items():
                select = sql.SQL("CREATE TABLE {} AS SELECT {} FROM {} WHERE user_id = {}")
                copied = sql.Identifier(f"copy_of_{table}")
                connection.execute(select.format(copied, names, sql.Identifier(table), user_id))
                ((self.rows[table],),) = connection.execute(
                    sql.SQL("SELECT count(*) FROM {}").format(copied)
                ).fetchall()

    @staticmethod
    def _columns(connection: psycopg.Connection[Any], table: str) -> sql.Composed:
        rows = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = '' ORDER BY attnum",
            [table],
        )
        return sql.SQL(", ").join(sql.Identifier(name) for (name,) in rows.fetchall())

    def put_back(self) -> None:
        """Replace the present rows of the person by the copied ones."""
        with attacker(self._database) as connection:
            for table, names in self._names.items():
                place = sql.Identifier(table)
                connection.execute(sql.SQL("DELETE FROM {} WHERE user_id = {}").format(place, self._user_id))
                insert = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}")
                connection.execute(insert.format(place, names, names, sql.Identifier(f"copy_of_{table}")))


async def _told(memories: Memories, ann: UUID) -> UUID:
    """Each secret in another part of memory; returns the request whose answer is kept."""
    middleware = memories.middleware
    await middleware.store_episode(ann, "trip", "I live in Zanzibar.", "Zanzibar, noted.")
    await middleware.store_episode(ann, "talk", "My doctor is called Quillfeather.", "Dr. Quillfeather, noted.")
    for weeks in (4, 3, 2, 1):
        at = datetime.now(UTC) - timedelta(weeks=weeks)
        await middleware.store_episode(ann, None, "What is due for Xylophone?", "Two tasks.", agent="task_agent", at=at)
    await middleware.enrichment.run_once()
    await memories.change(ann, "create", "note", "n1", {"title": "Recipe of marmalade"})
    request, claim = uuid4(), uuid4()
    await middleware.answers.claim(ann, request, claim, uuid4(), None, "asked", 600)
    result = {"status": "completed", "blocks": [{"block": 0, "content": "The key is under the Obsidian."}]}
    await middleware.answers.end(
        ann, request, claim, "completed", changed=False, digest="asked", result=result, ttl_s=600
    )
    return request


async def _everything(memories: Memories, ann: UUID, request: UUID) -> str:
    """What every way to read memory gives."""
    middleware = memories.middleware
    found: list[object] = [await memories.records(ann)]
    for question in (
        "Where do I live?",
        "Who is my doctor Quillfeather?",
        "marmalade recipe",
        "Xylophone",
        "What is due?",
    ):
        recalled = await middleware.enrich_context(ann, question, conversation_id="talk")
        found += [recalled, recalled.prompt()]
    conversations = await middleware.conversations.page(ann, 10)
    found.append(conversations)
    for conversation in ("trip", "talk"):
        found.append(await middleware.conversations.exchanges(ann, conversation, 10))
        found.append(await middleware.earlier(ann, conversation, 1000))
    found.append(await middleware.answers.read(ann, request))
    found.append((await middleware.change_log.missed(ann, 0)).changes)
    return repr(found)


@pytest.mark.parametrize("index", ["both", "sealed"])
async def test_nothing_of_before_opens(pool: Pool, database: str, tmp_path: Path, index: IndexKind) -> None:
    kwargs: dict[str, Any] = {"shares": tmp_path / "shares", "embedder": WordEmbedder(), "index": index}
    memories = Memories(pool, **kwargs)
    ann = await memories.person()
    await memories.middleware.erase(ann)
    with attacker(database) as connection:
        # Habits need several weeks, and messages from before an erasure are not stored.
        connection.execute("UPDATE users SET memory_erased_at = NULL")
    request = await _told(memories, ann)
    before = await _everything(memories, ann, request)
    assert [secret for secret in SECRETS if secret not in before] == []
    copy = Copy(database, ann)
    filled = {"memory_core", "memory_associative", "memory_episodic", "memory_proactive", "memory_conversations"}
    filled |= {"requests", "changes", "memory_manifests"} | (
        {"memory_segments"} if index == "sealed" else {"memory_segments", "memory_terms"}
    )
    assert {table for table in filled if not copy.rows[table]} == set()

    records = await memories.records(ann)
    items = [one for one in records if one["tier"] in {"core", "associative", "episodic", "proactive"}]
    named = [UUID(str(one["id"])) for one in items if any(secret in str(one) for secret in SECRETS)]
    assert (await memories.middleware.forget(ann, *named)).unreadable_by is not None
    with attacker(database) as connection:
        connection.execute("UPDATE users SET rekey_due_at = now() WHERE rekey_due_at IS NOT NULL")
    assert await KeyRenewal(memories.vault).renew() == 1

    copy.put_back()
    for fresh in (memories, Memories(pool, master_keys=memories.master_keys, **kwargs)):
        after = await _everything(fresh, ann, request)
        assert [secret for secret in SECRETS if secret in after] == []
    # The receipt of the earlier erasure is kept, and its signature is valid.
    (receipt,) = await memories.middleware.receipts(ann)
    Ed25519PublicKey.from_public_bytes(receipt.public_key).verify(receipt.signature, receipt.text.encode())
    assert json.loads(receipt.text)["backups_unreadable"] is True
    # With the wrapped key of the copy it does not open either.
    with attacker(database) as connection:
        connection.execute("UPDATE users SET encryption_key = %b WHERE user_id = %s", [copy.wrapped, ann])
    fresh = Memories(pool, master_keys=memories.master_keys, **kwargs)
    with pytest.raises(MissingKeyShare):
        await fresh.middleware.enrich_context(ann, "Where do I live?")
