"""Databases and state folders of earlier versions, migrated to today's: nothing is lost, all of it can be read.

The folder of a version holds a dump with rows in every table, the state folder that belongs to it, and what that
version read from them. Each test loads a dump, applies all newer migrations and reads it back with the current code.

When you add a migration:

- The tests cover it without a change as long as it keeps every table and column of the earlier versions.
- A table that it removes: list it in `REMOVED` in `stored.py`, with the migration's name.
- A column whose stored values it changes, moves or removes: list it in `REWRITTEN`, with the migration's name. The
  rows are then compared without that column, so check its contents in `test_the_contents_are_read_by_todays_code`.
- A new table that only new code fills needs nothing here. Test its migration on old rows if it copies any.
- The folders never change. To start tests from a later version's data too, write another folder by
  `python -m tests.sql.upgrades.dump FOLDER` at that version, and add it to `VERSIONS`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import psycopg
import pytest
import trio
from psycopg.conninfo import conninfo_to_dict

from memory.keys.folder_shares import FolderShares
from memory.keys.master import KeyRing
from memory.keys.user_keys import UserKeys
from memory.maintenance.key_check import check_keys
from memory.tiers.entities import EntityChange
from memory.vault import Vault
from server.accounts.accounts import BadCredentials, normalise_email
from server.main import serve
from server.rest.memory import EXPORT
from server.settings.environment import load_settings
from sql.migrate import Migration, migrate, read_migrations
from sql.statements import Statements
from tests.database import login_settings
from tests.model_server import open_model_server
from tests.sql.upgrades.contents import (
    ADA,
    ANSWERED,
    CARL,
    CLIENT,
    DEVICE,
    FORGOTTEN,
    MESSAGE,
    MUTATION,
    PASSWORDS,
    RESULT,
    RUNNING,
    SISTER,
    SOCKET,
    SPENT,
    SPENT_ON,
    TASK,
    UNFINISHED,
    delivered,
    exports,
    open_parts,
    person,
    recalled,
)
from tests.sql.upgrades.dump import dump
from tests.sql.upgrades.stored import REMOVED, VERSIONS, Stored, loaded, lost, rows, same_records

NOTHING_KEPT: Final = {"is_new": False, "requests": {}, "missed": "none", "changes": []}
"""What a version without the tables of 0008 has for its devices."""


@pytest.fixture(params=VERSIONS)
def stored(postgres: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stored]:
    with loaded(postgres, request.param, tmp_path / "state") as stored:
        yield stored


@pytest.fixture(scope="module")
def migrated_databases(
    postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Awaitable[str]]]:
    """Gives the name of a database with a version's data, loaded and migrated once. Tests copy it."""
    names: dict[str, str] = {}
    with ExitStack() as databases:

        async def migrated(version: str) -> str:
            if version not in names:
                state = tmp_path_factory.mktemp(version) / "state"
                stored = databases.enter_context(loaded(postgres, version, state))
                await migrate(stored.conninfo)
                names[version] = str(conninfo_to_dict(stored.conninfo)["dbname"])
            return names[version]

        yield migrated


@pytest.fixture(params=VERSIONS)
async def migrated(
    postgres: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    migrated_databases: Callable[[str], Awaitable[str]],
) -> AsyncIterator[Stored]:
    """A version's data after all newer migrations."""
    name = await migrated_databases(request.param)
    with loaded(postgres, request.param, tmp_path / "state", copy_of=name) as stored:
        yield stored


async def test_no_row_is_lost(stored: Stored) -> None:
    before = rows(stored.conninfo)
    empty = {table for table, held in before.items() if not held}
    assert empty <= REMOVED.keys(), "the dump has a row in every table that is used"
    names = [migration.name for migration in read_migrations()]
    newer = names[names.index(stored.last_migration) + 1 :]
    assert await migrate(stored.conninfo) == newer
    assert await migrate(stored.conninfo) == []
    after = rows(stored.conninfo)
    assert lost(before, after) == {}
    assert before.keys() - after.keys() <= REMOVED.keys()


async def test_the_schema_is_that_of_a_new_database(migrated: Stored, database: str) -> None:
    upgraded, fresh = (dump(conninfo, "--schema-only") for conninfo in (migrated.conninfo, database))
    assert upgraded == fresh


async def test_the_contents_are_read_by_todays_code(migrated: Stored) -> None:
    found = await exports(migrated.conninfo, migrated.master_key, migrated.shares)
    assert found.keys() == migrated.expected["exports"].keys()
    for email, expected in migrated.expected["exports"].items():
        assert same_records(found[email], expected)
    with psycopg.connect(migrated.conninfo) as connection:
        # 0011 copies the sources of memories into rows.
        query = (
            "SELECT count(*), count(s.episode_id) FROM memory_associative AS m LEFT JOIN memory_sources AS s"
            " ON s.user_id = m.user_id AND s.memory_id = m.id AND s.episode_id = m.source_id WHERE m.source = 'episode'"
        )
        ((of_episodes, copied),) = connection.execute(query).fetchall()
        assert of_episodes == copied > 0
    context = await recalled(migrated.conninfo, migrated.master_key, migrated.shares)
    wanted = migrated.expected["recalled"]
    assert context["core"] == wanted["core"]
    assert context["episodic"] == wanted["episodic"]
    best, expected_best = context["associative"][0], wanted["associative"][0]
    assert SISTER in best["text"]
    assert best["id"] == expected_best["id"]
    assert best["why"]["terms"] == expected_best["why"]["terms"] != []
    assert best["why"]["bm25"] == pytest.approx(expected_best["why"]["bm25"])
    assert best["why"]["cosine"] == pytest.approx(expected_best["why"]["cosine"], abs=1e-3)


async def test_everything_is_read_after_the_keys_are_bound(migrated: Stored) -> None:
    async with open_parts(migrated.conninfo, migrated.master_key, migrated.shares) as parts:
        assert await check_keys(parts.memories.vault) == len(PASSWORDS)
        done = await parts.memories.master_key_rotation.rotate()
        assert (done.rewrapped, done.already, done.failed) == (len(PASSWORDS), 0, 0)
        shares = FolderShares(migrated.shares)
        strict = UserKeys(KeyRing([migrated.master_key], refuse_unbound=True), shares)
        assert await check_keys(Vault(parts.memories.pool, Statements.load(), strict)) == 0
    found = await exports(migrated.conninfo, migrated.master_key, migrated.shares)
    for email, expected in migrated.expected["exports"].items():
        assert same_records(found[email], expected)
    async with open_parts(migrated.conninfo, migrated.master_key, migrated.shares) as parts:
        ada = person(migrated.conninfo, ADA)
        await parts.memories.middleware.update_core(ada, "preferred_name", "Countess")
        rotated = await parts.memories.user_key_rotation.rotate(ada)
        assert rotated.unreadable == 0
        records: list[dict[str, Any]] = await parts.memories.records(ada)
        (name,) = [record for record in records if record.get("key") == "preferred_name"]
        assert name["value"] == "Countess"
        assert [entry["value"] for entry in name["history"]] == ["Ada", "Augusta"]
        assert parts.memories.unreadable == []


async def test_passwords_budgets_and_devices_are_kept(migrated: Stored) -> None:
    async with open_parts(migrated.conninfo, migrated.master_key, migrated.shares) as parts:
        ada = person(migrated.conninfo, ADA)
        assert await parts.spending.total(ada, SPENT_ON) == SPENT
        await parts.spending.settle(ada, SPENT_ON, uuid4(), 1)
        assert await parts.spending.total(ada, SPENT_ON) == SPENT + 1
        assert not (await parts.memories.middleware.devices.connect(ada, DEVICE, CLIENT)).is_new
        for email, password in PASSWORDS.items():
            user_id = await parts.accounts.login(normalise_email(email), password)
            assert user_id == person(migrated.conninfo, email)
        with pytest.raises(BadCredentials):
            await parts.accounts.login(normalise_email(ADA), PASSWORDS[CARL])


async def test_what_is_kept_for_devices_is_read(migrated: Stored) -> None:
    found = await delivered(migrated.conninfo, migrated.master_key, migrated.shares)
    assert found == migrated.expected.get("delivered", NOTHING_KEPT)
    if found != NOTHING_KEPT:
        assert found["requests"] == {
            str(ANSWERED): ["completed", False, "asked", RESULT],
            str(RUNNING): ["running", True, "asked", None],
        }
        assert [number for number, _ in found["changes"]] == [2, 3]


async def test_forgotten_and_erased_things_stay_away(migrated: Stored) -> None:
    async with open_parts(migrated.conninfo, migrated.master_key, migrated.shares) as parts:
        middleware = parts.memories.middleware
        ada, carl = person(migrated.conninfo, ADA), person(migrated.conninfo, CARL)

        async def texts() -> str:
            return str([record.get("text") for record in await parts.memories.records(ada)])

        with psycopg.connect(migrated.conninfo) as connection:
            query = "SELECT min(until) FROM memory_forgotten WHERE user_id = %s"
            (forgotten_at,) = connection.execute(query, [ada]).fetchone() or (None,)
        assert forgotten_at is not None
        earlier = forgotten_at - timedelta(seconds=1)
        assert await middleware.store_episode(ada, "late", FORGOTTEN, "Noted.", at=earlier)
        await middleware.changed(ada, [EntityChange("update", "task", "task-2", TASK, earlier)])
        await middleware.enrichment.run_once()
        assert FORGOTTEN not in await texts()
        assert "task-2" not in str(await parts.memories.records(ada))
        # The tombstone rejects statements made before it, but not those made again today.
        await parts.memories.tell(ada, FORGOTTEN, "Noted.")
        assert FORGOTTEN in await texts()
        # The dump was made in 2026: CARL erased all that he had said in 2025.
        assert not await middleware.store_episode(
            carl, "s", "I keep bees.", "Yes.", at=datetime(2025, 1, 1, tzinfo=UTC)
        )


async def test_unfinished_work_is_finished(migrated: Stored) -> None:
    async with open_parts(migrated.conninfo, migrated.master_key, migrated.shares) as parts:
        ada = person(migrated.conninfo, ADA)
        assert UNFINISHED not in str([record.get("text") for record in await parts.memories.records(ada)])
        await parts.memories.middleware.enrichment.run_once()
        records = await parts.memories.records(ada)
        assert UNFINISHED in str([record.get("text") for record in records])
        (plan,) = [record for record in records if record.get("entity_id") == "task-3"]
        assert plan["embedding_model"] == "words-1"
        left = rows(migrated.conninfo)
        assert left["memory_pending"] == left["memory_unembedded"] == []


async def test_relayed_messages_open_and_leave_in_time(migrated: Stored) -> None:
    with psycopg.connect(migrated.conninfo, autocommit=True) as connection:
        sealed = connection.execute("SELECT user_id, body_encrypted FROM relay_messages WHERE id = %s", [MESSAGE])
        ada, body = sealed.fetchone() or (None, b"")
        connection.execute("UPDATE relay_messages SET expires_at = now() - interval '1 hour'")
        connection.execute("UPDATE relay_workers SET seen_at = now() - interval '1 hour'")
    async with open_parts(migrated.conninfo, migrated.master_key, migrated.shares) as parts:
        assert ada is not None
        assert parts.seal.open(ada, MESSAGE, body).frame == MUTATION  # type: ignore[union-attr]
        await parts.relay.heartbeat()
        assert await parts.relay.join(ada, DEVICE, SOCKET) is not None, "the first version had this device"
        assert await parts.relay.devices(ada) == [(DEVICE, parts.relay.server_id, True)]
        await parts.relay.expire()
    left = rows(migrated.conninfo)
    assert left["relay_messages"] == []
    assert [row["worker_id"] for row in left["relay_workers"]] == [str(parts.relay.server_id)]


async def test_the_server_starts_on_the_state_folder(stored: Stored) -> None:
    async with trio.open_nursery() as nursery, open_model_server(nursery) as model:
        environment = {
            "TESSERA_STATE_DIR": str(stored.state),
            "TESSERA_KEY_SHARES_DIR": str(stored.shares),
            **login_settings(stored.conninfo),
            "TESSERA_HTTP_BIND": "127.0.0.1:0",
            "TESSERA_WS_BIND": "127.0.0.1:0",
            "TESSERA_MODEL_URL": model.url,
            "TESSERA_MODEL_NAME": "scripted",
            "TESSERA_MODEL_SHAPE": "hosted",
            "TESSERA_MODEL_ATTEMPTS": "1",
        }
        key = stored.master_key
        stop = trio.Event()
        running = await nursery.start(partial(serve, load_settings(environment), stop=stop))
        async with httpx.AsyncClient(base_url=running.rest_url, trust_env=False) as client:
            for email, expected in stored.expected["exports"].items():
                account = {"email": email, "password": PASSWORDS[email]}
                login = await client.post("/api/v1/auth/login", json=account)
                assert login.status_code == 200
                bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
                export = await client.get(EXPORT.path, headers=bearer)
                assert export.status_code == 200
                texts = {(r["tier"], r["id"]) for r in map(json.loads, export.text.splitlines()) if "tier" in r}
                assert {(record["tier"], record["id"]) for record in expected} <= texts
                assert "unreadable" not in export.text
        stop.set()
    assert stored.master_key == key


@pytest.mark.parametrize(
    "lossy",
    [
        "DELETE FROM memory_forgotten",
        "DELETE FROM memory_terms WHERE tf = 1",
        "TRUNCATE relay_messages",
        "ALTER TABLE devices DROP COLUMN client_version",
        "ALTER TABLE users ALTER COLUMN created_at TYPE date",
        "UPDATE token_spend SET tokens = 0",
        "UPDATE memory_core SET history_encrypted = NULL",
        "UPDATE memory_associative SET embedding = NULL, embedding_model = NULL",
        "DROP TABLE memory_pending",
    ],
)
async def test_the_comparison_notices_a_lossy_migration(stored: Stored, lossy: str) -> None:
    before = rows(stored.conninfo)
    await migrate(stored.conninfo, [*read_migrations(), another_migration(lossy)])
    assert lost(before, rows(stored.conninfo)).keys() == {
        word for word in lossy.split() if word in before or word == "memory_pending"
    }


async def test_the_comparison_accepts_a_migration_that_adds(stored: Stored) -> None:
    before = rows(stored.conninfo)
    harmless = "ALTER TABLE devices ADD COLUMN model text; CREATE TABLE notes (note text)"
    await migrate(stored.conninfo, [*read_migrations(), another_migration(harmless)])
    assert lost(before, rows(stored.conninfo)) == {}


CONTENTS, ACCOUNTS, ABSENCE, WORK, RELAY = (
    test_the_contents_are_read_by_todays_code,
    test_passwords_budgets_and_devices_are_kept,
    test_forgotten_and_erased_things_stay_away,
    test_unfinished_work_is_finished,
    test_relayed_messages_open_and_leave_in_time,
)


@pytest.mark.parametrize(
    ("lossy", "check"),
    [
        ("UPDATE memory_core SET value_encrypted = '\\x00'", CONTENTS),
        ("UPDATE memory_episodic SET exchange_encrypted = summary_encrypted", CONTENTS),
        ("UPDATE memory_proactive SET confidence = 1", CONTENTS),
        ("DELETE FROM memory_terms", CONTENTS),
        (
            "UPDATE memory_associative SET embedding = l2_normalize(embedding + array_fill(1, ARRAY[1536])::vector)",
            CONTENTS,
        ),
        ("UPDATE users SET email = email || 'x'", ACCOUNTS),
        ("UPDATE users SET password_hash = (SELECT max(password_hash) FROM users)", ACCOUNTS),
        ("UPDATE token_spend SET day = day + 1", ACCOUNTS),
        ("UPDATE devices SET device_id = gen_random_uuid()", ACCOUNTS),
        ("DELETE FROM memory_forgotten WHERE until > (SELECT min(until) FROM memory_forgotten)", ABSENCE),
        ("UPDATE users SET memory_erased_at = NULL", ABSENCE),
        ("DELETE FROM memory_pending", WORK),
        ("DELETE FROM memory_unembedded", WORK),
        ("UPDATE relay_messages SET body_encrypted = '\\x00'", RELAY),
    ],
)
async def test_the_reading_notices_a_lossy_migration(migrated: Stored, lossy: str, check: Any) -> None:
    migrated.execute(lossy)
    with pytest.raises((Exception, BaseExceptionGroup)):
        await check(migrated)


@pytest.mark.parametrize("migrated", ["second_version"], indirect=True)
@pytest.mark.parametrize(
    "lossy",
    [
        "UPDATE requests SET body_encrypted = '\\x00'",
        "UPDATE requests SET state = 'failed', ended_at = now()",
        "UPDATE requests SET expires_at = now()",
        "UPDATE requests SET device_id = gen_random_uuid()",
        "UPDATE requests SET changed = false",
        "UPDATE changes SET mutation_id = gen_random_uuid()",
        "UPDATE changes SET number = number + 10; UPDATE change_logs SET last = last + 10",
        "DELETE FROM change_logs",
        "UPDATE devices SET change_cursor = NULL",
    ],
)
async def test_the_reading_of_what_is_kept_notices_a_lossy_migration(migrated: Stored, lossy: str) -> None:
    migrated.execute(lossy)
    with pytest.raises((Exception, BaseExceptionGroup)):
        await test_what_is_kept_for_devices_is_read(migrated)


def another_migration(up: str) -> Migration:
    return Migration(f"{len(read_migrations()) + 1:04}_another", up.encode(), b"SELECT 1")
