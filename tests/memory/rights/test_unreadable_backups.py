"""Forgotten contents can't be decrypted from a row that is put back, once the user's key has been replaced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from memory.crypto import Unreadable
from memory.keys.shares import MissingKeyShare
from memory.maintenance.key_renewal import KeyRenewal
from memory.tiers.episodic import exchange_purpose
from sql.pool import Pool
from tests.memory.memories import Memories

PIN = "The PIN of my card is 1234."


def make_due(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE users SET rekey_due_at = now() WHERE rekey_due_at IS NOT NULL")


async def episode_of(memories: Memories, user_id: UUID, part: str) -> UUID:
    records = await memories.records(user_id)
    (found,) = [
        record["id"] for record in records if record["tier"] == "episodic" and part in str(record.get("message"))
    ]
    return UUID(str(found))


async def test_a_forgotten_row_that_is_put_back_from_a_copy_can_not_be_decrypted(
    pool: Pool, database: str, tmp_path: Path
) -> None:
    memories = Memories(pool, shares=tmp_path / "shares")
    ann = await memories.person()
    await memories.tell(ann, PIN, "Noted.")
    await memories.tell(ann, "My sister Clara moved to Lisbon.", "Noted.")
    forgotten = await episode_of(memories, ann, "PIN")
    with psycopg.connect(database, autocommit=True) as connection:
        # A physical copy of the rows, as a backup has them, with the wrapped key of that time.
        for table in ("memory_episodic", "memory_associative"):
            connection.execute(f"CREATE TABLE copy_{table} AS SELECT * FROM {table}".encode())  # noqa: S608
        (row,) = connection.execute("SELECT encryption_key FROM users WHERE user_id = %s", [ann]).fetchall()
    old_key = await memories.vault.key(ann)
    result = await memories.middleware.forget(ann, forgotten)
    assert result.unreadable_by is not None
    assert timedelta(0) < result.unreadable_by - datetime.now(UTC) <= timedelta(days=1)

    renewal = KeyRenewal(memories.vault)
    assert await renewal.renew() == 0  # not due yet: more may be forgotten
    make_due(database)
    assert await renewal.renew() == 1
    assert await renewal.renew() == 0

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO memory_episodic SELECT * FROM copy_memory_episodic WHERE id = %s", [forgotten])
        columns = (
            "user_id, id, content_encrypted, embedding, embedding_model, length, content_digest, entity_type,"
            " entity_id, source, source_id, hits, created_at, updated_at, last_seen_at"
        )
        connection.execute(
            f"INSERT INTO memory_associative ({columns}) SELECT {columns}"  # noqa: S608  # names of our columns
            " FROM copy_memory_associative WHERE source_id = %s".encode(),
            [forgotten],
        )
        tokens = connection.execute("SELECT exchange_encrypted FROM memory_episodic WHERE id = %s", [forgotten])
        ((token,),) = tokens.fetchall()
    records = await memories.records(ann)
    assert PIN not in str(records)
    assert [record["tier"] for record in records if record.get("unreadable")] == ["episodic", "associative"]
    assert "Clara" in str(records)
    # The old key would decrypt the row. Neither the database nor its copy gives that key any more.
    assert PIN in str(old_key.cipher.unseal(exchange_purpose(forgotten), token))
    fresh = Memories(pool, shares=tmp_path / "shares", master_keys=memories.master_keys)
    with pytest.raises(MissingKeyShare):
        await fresh.keys.unwrap(ann, bytes(row[0]))
    with pytest.raises(Unreadable):
        fresh.vault.unseal((await fresh.vault.key(ann)).cipher, "episodic", exchange_purpose(forgotten), bytes(token))


async def test_without_key_shares_nothing_is_promised(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, PIN, "Noted.")
    assert (await memories.middleware.forget(ann, await episode_of(memories, ann, "PIN"))).unreadable_by is None
    make_due(database)
    assert await KeyRenewal(memories.vault).renew() == 0


async def test_a_key_that_can_not_be_replaced_now_stays_due_and_stops_nobody_else(
    pool: Pool, database: str, tmp_path: Path
) -> None:
    memories = Memories(pool, shares=tmp_path / "shares")
    ann, ben = await memories.person(), await memories.person()
    for person in (ann, ben):
        await memories.tell(person, PIN, "Noted.")
        await memories.middleware.forget(person, await episode_of(memories, person, "PIN"))
    hidden = tmp_path / "shares" / str(ann)
    hidden.rename(tmp_path / "hidden")
    memories.keys.evict(ann)
    make_due(database)
    renewal = KeyRenewal(memories.vault)
    assert await renewal.renew() == 1
    with psycopg.connect(database) as connection:
        due = connection.execute("SELECT user_id FROM users WHERE rekey_due_at > now()").fetchall()
    assert due == [(ann,)]


async def test_receipts_of_erasures_are_signed_and_kept(pool: Pool, tmp_path: Path) -> None:
    memories = Memories(pool, shares=tmp_path / "shares")
    ann, ben = await memories.person(), await memories.person()
    await memories.tell(ann, PIN, "Noted.")
    receipt = await memories.middleware.erase(ann)
    await memories.middleware.erase(ann)
    newest, oldest = await memories.middleware.receipts(ann)
    assert oldest.text == receipt.text()
    assert '"episodic":1' in oldest.text
    for kept in (newest, oldest):
        Ed25519PublicKey.from_public_bytes(kept.public_key).verify(kept.signature, kept.text.encode())
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(oldest.public_key).verify(oldest.signature, newest.text.encode())
    assert await memories.middleware.receipts(ben) == []
