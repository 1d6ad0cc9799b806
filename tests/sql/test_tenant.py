"""Row-level security: in the catalogue, for every statement, and in one round trip."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import get_args
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Literal

from memory.recall.search import SearchQuery
from sql.driver.connection import Connection
from sql.pool import Pool
from sql.statements import StatementName
from sql.tenant import listing, scoped, scoped_to_email
from tests.memory.memories import STATEMENTS, Memories, WordEmbedder
from tests.sql.tenant_rows import OF_NO_USER, dump, rows

NIL = UUID(int=0)
ENCRYPTED = ("value", "history", "summary", "exchange", "content", "pattern", "forgetting_key", "title", "segment")
CLAIM = UUID(int=7)
DEVICE = UUID(int=8)
DIGEST = b"forgotten"
LOGIN = UUID(int=9)
REFRESH_DIGEST = b"digest of a token"
INVITE = b"digest of an invite"
SERVER = uuid4()
DAY = "2026-01-02"


# ---- every statement ------------------------------------------------------------------------------------------------


async def remembered(memories: Memories) -> UUID:
    """A person with something in every tier, and one episode that is still pending."""
    user_id = await memories.person()
    await memories.middleware.update_core(user_id, "tea", "green")
    await memories.middleware.update_core(user_id, "tea", "black")
    await memories.tell(user_id, "We spoke of families.", "Indeed.")
    await memories.tell(user_id, "Clara moved to Lisbon.", "Noted.")
    await memories.middleware.store_episode(user_id, None, "Ben likes chess.", "ok")
    await memories.change(user_id, "create", "task", "t1", {"title": "Call Clara"})
    async with scoped(memories.pool, user_id) as connection:
        await connection.execute(
            "INSERT INTO memory_proactive (user_id, pattern_encrypted, pattern_digest, confidence, source)"
            " VALUES (%s, 'x', 'y', 0.9, 'z')",
            [user_id],
        )
        await connection.execute(
            "INSERT INTO memory_proactive (user_id, pattern_encrypted, pattern_digest, confidence, source)"
            " VALUES (%s, 'x', %s, 0, 'z')",
            [user_id, DIGEST],
        )
        await connection.execute(
            "UPDATE users SET habits_counted = false, rekey_due_at = now() - interval '1 hour' WHERE user_id = %s",
            [user_id],
        )
        for login_id, device_id, ends in ((LOGIN, None, "1 hour"), (uuid4(), DEVICE, "-1 hour")):
            await connection.execute(
                "INSERT INTO logins (user_id, login_id, device_id, refresh_digest, expires_at)"
                " VALUES (%s, %s, %s, %s, now() + %s::interval)",
                [user_id, login_id, device_id, REFRESH_DIGEST, ends],
            )
        await connection.execute("INSERT INTO used_refresh_tokens VALUES (%s, 'used', %s)", [user_id, LOGIN])
        await connection.execute("INSERT INTO deleted_users VALUES (%s, now() - interval '3 days')", [user_id])
        await connection.execute(
            "INSERT INTO invites VALUES (%s, NULL, now(), now() + interval '1 hour') ON CONFLICT DO NOTHING", [INVITE]
        )
        await connection.execute(
            "INSERT INTO invites VALUES ('expired', NULL, now(), now() - interval '1 hour') ON CONFLICT DO NOTHING"
        )
        await connection.execute("INSERT INTO memory_receipts VALUES (%s, gen_random_uuid(), 'r', 's', 'k')", [user_id])
        await connection.execute("UPDATE memory_signatures SET length = length + 1 WHERE user_id = %s", [user_id])
        await connection.execute(
            "INSERT INTO memory_messages SELECT user_id, id, array_fill(0.1, ARRAY[1536])::vector, 'm'"
            " FROM memory_associative WHERE user_id = %s ON CONFLICT DO NOTHING",
            [user_id],
        )
        await connection.execute("DELETE FROM memory_manifests WHERE user_id = %s", [user_id])
        await connection.execute("INSERT INTO memory_manifests VALUES (%s, 'core', 'sealed')", [user_id])
        await connection.execute("DELETE FROM memory_sources WHERE user_id = %s", [user_id])
        await connection.execute(
            "INSERT INTO memory_sources SELECT user_id, id, source_id FROM memory_associative"
            " WHERE user_id = %s AND source_id IS NOT NULL LIMIT 1", [user_id],
        )  # fmt: skip
        await connection.execute("UPDATE memory_conversations SET title_encrypted = NULL")
        await connection.execute(
            "INSERT INTO memory_conversations (user_id, conversation_id, title_encrypted)"
            " VALUES (%s, 'other', 'sealed')",
            [user_id],
        )
        every = "INSERT INTO memory_pending SELECT user_id, id FROM memory_episodic WHERE user_id = %s"
        await connection.execute(f"{every} ON CONFLICT DO NOTHING".encode(), [user_id])
        await connection.execute("UPDATE memory_pending SET claim = %s", [CLAIM])
        await connection.execute("UPDATE memory_unembedded SET claim = %s", [CLAIM])
        await connection.execute(
            STATEMENTS["forgotten_add"],
            {"user_id": user_id, "digests": [DIGEST], "until": "2200-01-01", "expires": False},
        )
        await connection.execute(
            "INSERT INTO devices (user_id, device_id, client_name, client_version, client_platform)"
            " VALUES (%s, %s, '', '', '')",
            [user_id, DEVICE],
        )
        await connection.execute("INSERT INTO memory_forgotten VALUES (%s, 'old', '2000-01-01', true)", [user_id])
        await connection.execute(
            "INSERT INTO devices (user_id, device_id, client_name, client_version, client_platform, last_seen_at)"
            " VALUES (%s, %s, '', '', '', '2000-01-01')",
            [user_id, uuid4()],
        )
        await connection.execute(
            "INSERT INTO memory_segments SELECT user_id, gen_random_uuid(), (array_agg(id))[1:1], 'sealed segment'"
            " FROM memory_associative GROUP BY user_id"
        )
        await connection.execute("UPDATE users SET memory_index_beside = 'complete' WHERE user_id = %s", [user_id])
        await connection.execute(STATEMENTS["relay_heartbeat"], {"server_id": SERVER})
        await connection.execute("INSERT INTO relay_workers VALUES (%s, now() - interval '1 day')", [uuid4()])
        for device_id, server_id in ((DEVICE, SERVER), (uuid4(), uuid4())):
            await connection.execute(
                "INSERT INTO relay_devices (user_id, device_id, connection_id, worker_id) VALUES (%s, %s, %s, %s)",
                [user_id, device_id, uuid4(), server_id],
            )
        await connection.execute("INSERT INTO token_spend VALUES (%s, %s, 7)", [user_id, DAY])
        await connection.execute("INSERT INTO token_spend_entries VALUES (%s, %s, %s, 7)", [user_id, CLAIM, DAY])
        for ttl in ("1 hour", "-1 hour"):
            await connection.execute(
                "INSERT INTO relay_messages (user_id, id, worker_id, body_encrypted, expires_at)"
                " VALUES (%s, gen_random_uuid(), %s, 'sealed words', now() + %s::interval)",
                [user_id, SERVER, ttl],
            )
            await connection.execute(
                "INSERT INTO requests (user_id, request_id, claim, server_id, device_id, body_encrypted, expires_at)"
                " VALUES (%s, %s, %s, %s, %s, 'sealed answer', now() + %s::interval)",
                [user_id, uuid4(), CLAIM, SERVER, DEVICE, ttl],
            )
        # Two ended requests; the answer of one was erased.
        for body in (b"sealed end", None):
            await connection.execute(
                "INSERT INTO requests"
                " (user_id, request_id, claim, server_id, device_id, body_encrypted, state, ended_at, expires_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, 'completed', now(), now() + interval '1 hour')",
                [user_id, uuid4(), CLAIM, SERVER, DEVICE, body],
            )
        # The numbers of the changes that filled memory are used again below.
        await connection.execute("DELETE FROM changes WHERE user_id = %s", [user_id])
        await connection.execute(
            "INSERT INTO change_logs VALUES (%s, 2) ON CONFLICT (user_id) DO UPDATE SET last = 2", [user_id]
        )
        for number, ttl in ((1, "-1 hour"), (2, "1 hour")):
            await connection.execute(
                "INSERT INTO changes (user_id, number, mutation_id, body_encrypted, expires_at)"
                " VALUES (%s, %s, %s, 'sealed change', now() + %s::interval)",
                [user_id, number, uuid4() if number == 1 else CLAIM, ttl],
            )
    return user_id


async def parameters(memories: Memories, database: str, user_id: UUID) -> list[dict[str, object]]:
    """Values with which any statement would find the user's rows: one set for each id of a tier."""
    key = await memories.vault.key(user_id)
    owned = dump(database, user_id)
    memory = rows(database, f"SELECT content_digest FROM memory_associative WHERE user_id = '{user_id}'")  # noqa: S608
    assert memories.embedder is not None
    vector = key.rotation.apply(await memories.embedder.embed_query("Clara"))
    search = SearchQuery(list(key.terms.query("Clara Lisbon")), vector, memories.embedder.name).parameters(user_id, 10)
    common: dict[str, object] = search | {
        "after": NIL,
        "start": NIL,
        "end": UUID(int=2**128 - 1),
        "before": "2001-01-01",
        "expires": True,
        "keep_s": 0.0,
        "most": 100,
        "payload": "nothing",
        "server_ids": [SERVER],
        "limit": 10,
        "key": "tea",
        "at": "2100-01-01T00:00:00Z",
        "request_id": uuid4(),
        "request_ids": [uuid4()],
        "session_id": None,
        "conversation_id": "session",
        "before_at": None,
        "before_id": None,
        "content_digest": memory[0][0],
        "embedding": vector,
        "embedding_model": memories.embedder.name,
        "message_embedding": vector,
        "source": "episode",
        "entity_type": None,
        "entity_id": None,
        "length": 3,
        "hits": 1,
        "tfs": [1] * len(search["terms"]),
        "half_life_days": 30.0,
        "threshold": 0.0,
        "of_names": "recurring names",
        "confidence": 1.0,
        "pattern_digest": b"y",
        "counted": False,
        "delay_s": -1.0,
        "before_s": 4e9,
        "now": datetime.now(UTC),
        **dict.fromkeys(("day_before", "deleted_before", "silent_since"), datetime.now(UTC)),
        "receipt": "stolen",
        "tier": "core",
        "manifest_encrypted": b"stolen",
        "signature": b"stolen",
        "public_key": b"stolen",
        "lease_s": 1.0,
        "claim": CLAIM,
        "digests": [DIGEST],
        "until": "2300-01-01",
        "email": f"{user_id.hex}@example.com",
        "old_email": f"{user_id.hex}@example.com",
        "password_hash": "stolen",
        "old_hash": "none",
        "new_hash": "stolen",
        "encryption_key": b"stolen",
        "stored": next(value for value in owned["users"][0] if isinstance(value, bytes)),
        "device_id": uuid4(),
        **dict.fromkeys(("client_name", "client_version", "client_platform"), "stolen"),
        "connection_id": owned["relay_devices"][0][2],
        "stale_s": 60.0,
        "seen_s": 60.0,
        "ttl_s": 60.0,
        "channel": "nobody",
        "body_encrypted": b"stolen",
        "body_digest": b"",
        "day": DAY,
        "tokens": 1,
        "entry_id": CLAIM,
        "per_day": 100,
        "server_id": SERVER,
        "state": "failed",
        "changed": True,
        "mutation_id": CLAIM,
        "keep": 0,
        "kept_login": None,
        "login_id": LOGIN,
        "digest": REFRESH_DIGEST,
        "refresh_digest": b"stolen",
        "new_digest": b"stolen",
        "invite_digest": INVITE,
        "new_invite_digest": b"stolen",
        "idle_s": 60.0,
        "repeat_s": 60.0,
        "repeated": False,
        "within_s": 60.0,
        "issued_at": 2e9,
        "issuer": "stolen",
        "subject": "stolen",
        "take": True,
        "kind": "pgvector",
        "beside": "complete",
        "content_digests": [memory[0][0]],
        "memory_ids": [uuid4()],
        "number": 2,
        "after_number": 0,
        **dict.fromkeys((f"{what}_encrypted" for what in ENCRYPTED), b"stolen"),
    }
    ids = [
        row[1]
        for table in (
            "memory_core",
            "memory_associative",
            "memory_episodic",
            "memory_proactive",
            "relay_messages",
            "memory_segments",
        )
        for row in owned[table]
    ]
    device = {"device_id": owned["relay_devices"][0][1]}
    sets = [common | device | {"id": id_, "ids": [id_], "source_id": id_} for id_ in ids]
    # Requests that run at other servers.
    sets.append(sets[0] | {"server_id": uuid4()})
    requests = [
        {"request_id": row[1], "request_ids": [row[1]], "body_digest": hashlib.sha256(body).digest()}
        for row in owned["requests"]
        for body in [value for value in row if isinstance(value, bytes)] or [b""]
    ]
    # A connection that the device does not have: a statement looks for the devices' other connections.
    elsewhere = (sets[0] | {"device_id": row[1], "connection_id": uuid4()} for row in owned["relay_devices"])
    return [*sets, *elsewhere, *(sets[0] | request for request in requests)]


async def attempt(connection: Connection, name: StatementName, values: dict[str, object]) -> str:
    """The statement's result as text. Raises what the database raises."""
    cursor = await connection.execute(STATEMENTS[name], values)
    return repr(await cursor.fetchall()) if cursor.description else ""


async def test_no_statement_reaches_another_users_rows(pool: Pool, database: str) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann, ben = await remembered(memories), await remembered(memories)
    before = dump(database, ben)
    secrets = {repr(value) for table in before.values() for row in table for value in row if isinstance(value, bytes)}
    assert len(secrets) > 10
    sets = await parameters(memories, database, ben)
    reached = []
    for name in get_args(StatementName):
        for values in sets:
            try:
                async with scoped(pool, ann) as connection:
                    said = await attempt(connection, name, values)
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ForeignKeyViolation):
                continue
            if str(ben) in said or any(secret in said for secret in secrets):
                reached.append(name)
    assert reached == []
    assert dump(database, ben) == before


async def test_without_a_user_nothing_comes_back(pool: Pool, database: str) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await remembered(memories)
    before = dump(database, ann)
    sets = await parameters(memories, database, ann)
    for name in set(get_args(StatementName)) - OF_NO_USER:
        for values in sets:
            async with pool.connection() as connection:
                try:
                    cursor = await connection.execute(STATEMENTS[name], values)
                except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ForeignKeyViolation):
                    continue
                found = await cursor.fetchall() if cursor.description else []
                assert [value for row in found for value in row if value not in {None, 0}] == [], name
                assert cursor.description or cursor.rowcount == 0, name
    assert dump(database, ann) == before


async def test_the_same_values_do_reach_ones_own_rows(pool: Pool, database: str) -> None:
    """Without this, the two tests above would prove nothing."""
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await remembered(memories)
    sets = await parameters(memories, database, ann)
    silent = {name for name in get_args(StatementName) if not await reaches(pool, ann, name, sets)}
    # Neither an address nor a user is inserted twice. `associative_other_model` finds nothing: no memory has another
    # model. Tombstones of a user whose episodes wait do not expire.
    assert silent <= {"account_insert", "user_insert_external", "associative_other_model", "forgotten_expire"}


async def reaches(pool: Pool, user_id: UUID, name: StatementName, sets: list[dict[str, object]]) -> bool:
    """Whether the statement finds or changes rows of the user with any of the values. It is rolled back."""
    for values in sets:
        try:
            async with pool.connection() as connection, connection.transaction(force_rollback=True):
                await connection.execute(SQL("SET LOCAL app.user_id = {}").format(Literal(str(user_id))))
                await connection.execute(SQL("SET LOCAL app.email = {}").format(Literal(str(values["email"]))))
                if (await connection.execute(STATEMENTS[name], values)).rowcount > 0:
                    return True
        except psycopg.errors.UniqueViolation:
            return True
    return False


async def test_an_address_shows_one_account_and_no_list(pool: Pool) -> None:
    memories = Memories(pool)
    ann, ben = await memories.person(), await memories.person()
    async with scoped_to_email(pool, f"{ann.hex.upper()}@example.com") as connection:
        cursor = await connection.execute("SELECT user_id FROM users")
        assert await cursor.fetchall() == [(ann,)]
    async with scoped_to_email(pool, f"{ann.hex}@example.com' OR '1'='1") as connection:
        cursor = await connection.execute("SELECT user_id FROM users")
        assert await cursor.fetchall() == []
    async with scoped_to_email(pool, "") as connection:
        assert await (await connection.execute("SELECT user_id FROM users")).fetchall() == []
    assert ben != ann


async def test_the_worker_lists_ids_and_nothing_else(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await remembered_without_vectors(memories)
    async with listing(pool) as connection:
        users = await connection.execute(STATEMENTS["user_ids_page"], {"after": NIL, "limit": 10})
        pending = await connection.execute(STATEMENTS["pending_users"], {"start": NIL, "limit": 10})
    assert await users.fetchall() == [(ann,)]
    assert await pending.fetchall() == [(ann,)]
    for query in (
        "SELECT email FROM users",
        "SELECT * FROM users",
        "SELECT episode_id FROM memory_pending",
        "SELECT id FROM memory_core",
        "SELECT habits_counted FROM users",
        "UPDATE users SET email = 'x'",
        "DELETE FROM memory_pending",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with listing(pool) as connection:
                await connection.execute(query.encode())


async def remembered_without_vectors(memories: Memories) -> UUID:
    user_id = await memories.person()
    await memories.middleware.store_episode(user_id, None, "hello there Clara", "hi")
    return user_id
