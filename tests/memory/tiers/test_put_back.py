"""Older values of core and proactive memory that an attacker with the database puts back are noticed and not used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from sql.pool import Pool
from tests.memory.legacy import as_earlier_release
from tests.memory.memories import Memories

# Candidates are kept for 120 days.
FIRST = datetime.now(UTC) - timedelta(weeks=8)
COLUMNS = {
    "memory_core": ("id", "value_encrypted, history_encrypted, updated_at"),
    "memory_proactive": ("id", "pattern_encrypted, confidence, updated_at"),
}


@contextmanager
def attacker(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def _saved(database: str, table: str) -> list[tuple[Any, ...]]:
    name, columns = COLUMNS[table]
    with attacker(database) as connection:
        return connection.execute(f"SELECT {columns}, {name} FROM {table}".encode()).fetchall()  # noqa: S608


def _put_back(database: str, table: str, rows: list[tuple[Any, ...]]) -> None:
    name, columns = COLUMNS[table]
    places = ", ".join(["%s"] * len(columns.split(", ")))
    with attacker(database) as connection:
        for row in rows:
            query = f"UPDATE {table} SET ({columns}) = ({places}) WHERE {name} = %s"  # noqa: S608
            assert connection.execute(query.encode(), row).rowcount == 1


async def core_of(memories: Memories, user_id: UUID) -> dict[str, Any]:
    context: dict[str, Any] = (await memories.context(user_id, "hello"))["core"]
    return context


async def test_an_older_preference_is_not_used(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.middleware.update_core(ann, "home", "Lyon")
    await memories.middleware.update_core(ann, "tea", "Darjeeling")
    rows = _saved(database, "memory_core")
    await memories.middleware.update_core(ann, "home", "Oslo")
    assert await core_of(memories, ann) == {"home": "Oslo", "tea": "Darjeeling"}
    _put_back(database, "memory_core", rows)
    assert await core_of(memories, ann) == {"tea": "Darjeeling"}
    assert memories.unreadable == ["core"]
    unreadable = [record["key"] for record in await memories.records(ann) if record.get("unreadable")]
    assert unreadable == ["home"]
    # The person sets it again; nothing of the older value comes back.
    await memories.middleware.update_core(ann, "home", "Turin")
    assert await core_of(memories, ann) == {"home": "Turin", "tea": "Darjeeling"}
    assert "Lyon" not in str(await memories.records(ann))


async def test_a_removed_preference_that_is_put_back_is_not_used(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for name, value in (("home", "Lyon"), ("currency", "EUR")):
        await memories.middleware.update_core(ann, name, value)
    with attacker(database) as connection:
        connection.execute("CREATE TABLE copied AS SELECT * FROM memory_core WHERE key = 'home'")
    assert await memories.middleware.delete_core(ann, "home")
    with attacker(database) as connection:
        connection.execute("INSERT INTO memory_core SELECT * FROM copied")
    assert await core_of(memories, ann) == {"currency": "EUR"}


async def test_without_its_manifest_no_preference_is_used(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.middleware.update_core(ann, "home", "Lyon")
    for damage in ("UPDATE memory_manifests SET manifest_encrypted = 'x'", "DELETE FROM memory_manifests"):
        with attacker(database) as connection:
            connection.execute(damage.encode())
        assert await core_of(memories, ann) == {}
        # The same holds for values in the form of earlier releases, for a key that is bound.
        assert all(record.get("unreadable") for record in await memories.records(ann) if record["tier"] == "core")


async def test_a_manifest_of_another_tier_or_person_is_not_accepted(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann, ben = await memories.person(), await memories.person()
    for person, home in ((ann, "Lyon"), (ben, "Oslo")):
        await memories.middleware.update_core(person, "home", home)
    await _habit(memories, ann, range(4))
    with attacker(database) as connection:
        connection.execute(
            "UPDATE memory_manifests AS m SET manifest_encrypted = other.manifest_encrypted"
            " FROM memory_manifests AS other"
            " WHERE m.user_id = %s AND m.tier = 'core' AND other.user_id = %s AND other.tier = 'core'",
            [ben, ann],
        )
        connection.execute(
            "UPDATE memory_manifests AS m SET manifest_encrypted = other.manifest_encrypted"
            " FROM memory_manifests AS other"
            " WHERE m.user_id = %s AND other.user_id = %s AND m.tier = 'core' AND other.tier = 'proactive'",
            [ann, ann],
        )
    assert await core_of(memories, ann) == await core_of(memories, ben) == {}


async def _habit(memories: Memories, user_id: UUID, weeks: range) -> None:
    for week in weeks:
        at = FIRST + timedelta(weeks=week)
        await memories.middleware.store_episode(
            user_id, "home", f"What is due for Apollo in week {week}?", "Two tasks.", agent="task_agent", at=at
        )
    await memories.middleware.enrichment.run_once()


async def patterns_of(memories: Memories, user_id: UUID) -> set[str]:
    records = await memories.records(user_id)
    return {str(record["pattern"]) for record in records if record["tier"] == "proactive" and "pattern" in record}


async def test_an_older_pattern_and_a_candidate_with_a_raised_confidence_are_not_used(
    pool: Pool, database: str
) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await _habit(memories, ann, range(2))
    assert await patterns_of(memories, ann) == set()
    with attacker(database) as connection:
        connection.execute("UPDATE memory_proactive SET confidence = 0.9")
    assert await patterns_of(memories, ann) == set()
    with attacker(database) as connection:
        connection.execute("UPDATE memory_proactive SET confidence = 0")
    await _habit(memories, ann, range(2, 4))
    known = await patterns_of(memories, ann)
    assert "Often mentions Apollo." in known
    rows = _saved(database, "memory_proactive")
    await _habit(memories, ann, range(4, 6))
    assert await patterns_of(memories, ann) == known
    _put_back(database, "memory_proactive", rows)
    assert await patterns_of(memories, ann) == set()
    assert set(memories.unreadable) == {"proactive"}


async def test_patterns_stay_readable_through_forgetting_and_both_rotations(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await _habit(memories, ann, range(5))
    known = await patterns_of(memories, ann)
    episode = next(record for record in await memories.records(ann) if "week 1" in str(record.get("message")))
    assert await memories.middleware.forget(ann, UUID(str(episode["id"])))
    assert await patterns_of(memories, ann) == known
    await memories.user_key_rotation.rotate(ann)
    assert await patterns_of(memories, ann) == known
    await memories.master_key_rotation.rotate()
    assert await patterns_of(memories, ann) == known
    assert memories.unreadable == []


async def test_rows_of_an_earlier_release_are_listed_when_the_key_is_bound(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.middleware.update_core(ann, "home", "Lyon")
    await memories.middleware.update_core(ann, "tea", "Darjeeling")
    await _habit(memories, ann, range(4))
    known = await patterns_of(memories, ann)
    as_earlier_release(database, memories.master_keys[0], await memories.vault.key(ann))
    older = _saved(database, "memory_core")
    server = Memories(pool, master_keys=memories.master_keys)
    assert await core_of(server, ann) == {"home": "Lyon", "tea": "Darjeeling"}
    assert await patterns_of(server, ann) == known
    await server.master_key_rotation.rotate()
    await server.middleware.update_core(ann, "home", "Oslo")
    assert await core_of(server, ann) == {"home": "Oslo", "tea": "Darjeeling"}
    assert await patterns_of(server, ann) == known
    _put_back(database, "memory_core", older)
    assert await core_of(server, ann) == {"tea": "Darjeeling"}
    with attacker(database) as connection:
        connection.execute("DELETE FROM memory_manifests")
    assert await core_of(server, ann) == {}
    assert await patterns_of(server, ann) == set()


async def test_the_first_change_lists_the_rows_of_an_earlier_release(pool: Pool, database: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for name, value in (("home", "Lyon"), ("tea", "Darjeeling")):
        await memories.middleware.update_core(ann, name, value)
    as_earlier_release(database, memories.master_keys[0], await memories.vault.key(ann))
    server = Memories(pool, master_keys=memories.master_keys)
    older = _saved(database, "memory_core")
    await server.middleware.update_core(ann, "home", "Oslo")
    assert await core_of(server, ann) == {"home": "Oslo", "tea": "Darjeeling"}
    _put_back(database, "memory_core", older)
    assert await core_of(server, ann) == {"tea": "Darjeeling"}


async def test_all_rows_put_back_with_their_manifest_are_noticed_by_a_running_server(
    pool: Pool, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit: without the share's destruction, a whole tier that is put back decrypts. The log says so."""
    memories = Memories(pool)
    now = 0.0
    memories.vault.newest._clock = lambda: now
    ann = await memories.person()
    await memories.middleware.update_core(ann, "home", "Lyon")
    rows = _saved(database, "memory_core")
    with attacker(database) as connection:
        ((manifest,),) = connection.execute("SELECT manifest_encrypted FROM memory_manifests").fetchall()
    await memories.middleware.update_core(ann, "home", "Oslo")
    assert await core_of(memories, ann) == {"home": "Oslo"}
    _put_back(database, "memory_core", rows)
    with attacker(database) as connection:
        connection.execute("UPDATE memory_manifests SET manifest_encrypted = %s", [manifest])
    now = 61.0
    assert await core_of(memories, ann) == {"home": "Lyon"}
    assert "put back" in caplog.text
    assert "Lyon" not in caplog.text
    assert json.dumps(str(ann))[1:-1] in caplog.text


async def test_the_limit_of_the_index_a_memory_is_pinned_but_its_text_is_authentic(pool: Pool, database: str) -> None:
    """The table of terms is not authenticated: a writer makes a memory found for any question, and can't change it."""
    memories = Memories(pool)
    ann = await memories.person()
    for said in ("I park on level 3 of the north garage.", "The invoice wants 900 euros on account 99."):
        await memories.tell(ann, said, "Noted.")
    question = "On which level of the garage did I park?"
    before = (await memories.middleware.enrich_context(ann, question)).associative
    assert "garage" in before[0].text
    with attacker(database) as connection:
        query = "SELECT id FROM memory_associative WHERE id <> %s"
        ((pinned,),) = connection.execute(query, [before[0].id]).fetchall()
        connection.execute("DELETE FROM memory_terms WHERE memory_id = %s", [pinned])
        connection.execute(
            "INSERT INTO memory_terms (user_id, term, memory_id, tf, length)"
            " SELECT DISTINCT user_id, term, %s::uuid, 100, 100 FROM memory_terms",
            [pinned],
        )
    after = (await memories.middleware.enrich_context(ann, question)).associative
    assert after[0].text.startswith("The invoice wants 900 euros on account 99.")
    # A text of another row does not decrypt in this one.
    with attacker(database) as connection:
        connection.execute(
            "UPDATE memory_associative SET content_encrypted = other.content_encrypted"
            " FROM memory_associative AS other WHERE memory_associative.id = %s AND other.id = %s",
            [pinned, before[0].id],
        )
    left = (await memories.middleware.enrich_context(ann, question)).associative
    assert [found.id for found in left] == [before[0].id]
    assert memories.unreadable == ["associative"]
