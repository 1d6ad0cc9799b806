"""An attacker with write access to the database and an account, against another person's wrapped key."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from memory.keys.master import KeyRing, UnboundKey, WrongMasterKey
from memory.keys.user_keys import UserKeys
from memory.vault import Vault
from sql.pool import Pool
from tests.memory.legacy import as_earlier_release
from tests.memory.memories import STATEMENTS, Memories

TABLES = ("memory_core", "memory_episodic", "memory_associative", "memory_manifests")


async def _ann_and_eve(memories: Memories) -> tuple[UUID, UUID]:
    ann, eve = await memories.person(), await memories.person()
    await memories.tell(ann, "My PIN is 4711 and my sister is called Rosalind.", "Noted.")
    await memories.middleware.update_core(ann, "home", "Lyon")
    return ann, eve


def _copy(database: str, ann: UUID, eve: UUID) -> None:
    """Give EVE the wrapped key and all rows of ANN."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "UPDATE users SET encryption_key = ann.encryption_key FROM users AS ann"
            " WHERE ann.user_id = %s AND users.user_id = %s",
            [ann, eve],
        )
        for table in TABLES:
            query = (
                "SELECT string_agg(column_name, ', ') FROM information_schema.columns"
                " WHERE table_name = %s AND is_generated = 'NEVER' AND column_name <> 'user_id'"
            )
            ((columns,),) = connection.execute(query, [table]).fetchall()
            copy = f"INSERT INTO {table} (user_id, {columns}) SELECT %s, {columns} FROM {table} WHERE user_id = %s"  # noqa: S608
            connection.execute(copy.encode(), [eve, ann])


def _stored(database: str, user_id: UUID) -> bytes:
    with psycopg.connect(database) as connection:
        query = "SELECT encryption_key FROM users WHERE user_id = %s"
        ((stored,),) = connection.execute(query, [user_id]).fetchall()
    return bytes(stored)


async def test_a_copied_key_and_copied_rows_do_not_decrypt(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann, eve = await _ann_and_eve(memories)
    _copy(database, ann, eve)
    another_server = Memories(pool, master_keys=memories.master_keys)
    with pytest.raises(WrongMasterKey):
        await another_server.records(eve)


async def test_copied_rows_do_not_decrypt_with_the_persons_own_key(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann, eve = await _ann_and_eve(memories)
    own = _stored(database, eve)
    _copy(database, ann, eve)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE users SET encryption_key = %s WHERE user_id = %s", [own, eve])
    records = await Memories(pool, master_keys=memories.master_keys).records(eve)
    assert records
    assert all(record.get("unreadable") for record in records)
    assert "PIN" not in str(records)


async def test_rotating_the_master_key_binds_keys_of_earlier_releases(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann, eve = await _ann_and_eve(memories)
    before = await memories.records(ann)
    unbound = as_earlier_release(database, memories.master_keys[0], await memories.vault.key(ann))
    server = Memories(pool, master_keys=memories.master_keys)
    assert await server.records(ann) == before, "everything of an earlier release is read"
    done = await server.master_key_rotation.rotate()
    assert (done.rewrapped, done.already, done.failed) == (1, 1, 0)
    assert await server.records(ann) == before
    assert not server.unreadable
    _copy(database, ann, eve)
    with pytest.raises(WrongMasterKey):
        await Memories(pool, master_keys=memories.master_keys).records(eve)
    # The earlier form, put back from a backup into EVE's row, opens only while it is accepted.
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE users SET encryption_key = %s WHERE user_id = %s", [unbound.stored, eve])
    strict = UserKeys(KeyRing(memories.master_keys, refuse_unbound=True), None)
    with pytest.raises(UnboundKey):
        await Vault(pool, STATEMENTS, strict).key(eve)
    assert (await Vault(pool, STATEMENTS, strict).key(ann)).key == unbound.key
