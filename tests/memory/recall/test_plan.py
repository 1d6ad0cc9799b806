"""The plan of the search directly after a bulk write, before any ANALYZE or VACUUM, as the server's role."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from psycopg.sql import SQL, Literal

from memory.crypto import Vectors
from memory.recall.search import SearchQuery, planned_by_index, ranked_hits
from sql.driver.connection import Connection
from sql.pool import Pool, open_pool
from sql.statements import Statements
from sql.tenant import configure_server
from tests.database import new_database
from tests.memory.recall.test_search import directions, sentences
from tests.memory.rows import MODEL, Person, add_memories, add_person, seeing

STATEMENTS = Statements.load()
OWN, OTHERS = 800, 60
ROWS_PER_MEMORY = 60
"""Rows that all steps may read, per memory. About 55 are needed; a nested loop of two large sides reads over 1,000."""


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _nodes(inner)


def _read(node: Mapping[str, Any]) -> float:
    removed = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])


async def _explained(
    connection: Connection, statement: bytes, parameters: Mapping[str, object]
) -> list[Mapping[str, Any]]:
    cursor = await connection.execute(b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement, parameters)
    row = await cursor.fetchone()
    assert row is not None
    (found,) = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return list(_nodes(found["Plan"]))


def _assert_by_index(nodes: Sequence[Mapping[str, Any]]) -> None:
    scans = [node for node in nodes if str(node.get("Relation Name", "")).startswith("memory_")]
    assert {node["Relation Name"] for node in scans} >= {"memory_signatures", "memory_terms", "memory_associative"}
    assert not [node["Relation Name"] for node in scans if node["Node Type"] == "Seq Scan"]
    assert sum(map(_read, nodes)) < ROWS_PER_MEMORY * OWN


@pytest.fixture
async def new_pool(postgres: str) -> AsyncIterator[Pool]:
    """A pool of a database that no other test has used: nothing has analysed its tables."""
    with new_database(postgres) as database:
        async with open_pool(database, max_size=2, configure=configure_server) as pool:
            yield pool


async def _others(pool: Pool) -> None:
    for number in range(2, 5):
        await add_memories(pool, await add_person(pool, bytes([number]) * 32), sentences(OTHERS, seed=1))


async def _bulk_write(pool: Pool, words: str) -> tuple[Person, SearchQuery]:
    person = await add_person(pool, b"1" * 32)
    vectors = directions(OWN + 1, seed=8)
    await add_memories(pool, person, sentences(OWN, seed=2), vectors[:OWN])
    return person, _query(person, words, vectors[OWN])


def _query(person: Person, words: str, vector: Vectors) -> SearchQuery:
    return SearchQuery(list(person.terms.query(words)), person.rotation.apply(vector), MODEL)


@pytest.mark.parametrize("words", ["dinner lunch Lisbon", "zeppelin"])
async def test_rows_that_were_just_written_are_found_by_index(new_pool: Pool, words: str) -> None:
    await _others(new_pool)
    person, query = await _bulk_write(new_pool, words)
    async with seeing(new_pool, person.user_id) as connection:
        await planned_by_index(connection)
        parameters = query.parameters(person.user_id, 8)
        _assert_by_index(await _explained(connection, STATEMENTS["memory_search"], parameters))


async def test_a_plan_that_a_connection_keeps_finds_rows_by_index_that_were_written_later(new_pool: Pool) -> None:
    await _others(new_pool)
    async with new_pool.connection() as kept:
        await kept.execute("RESET ROLE")
        await kept.execute("ANALYZE")
        await kept.execute("UPDATE pg_class SET reltuples = 1000 WHERE relname LIKE 'memory\\_%' AND relkind = 'r'")
        nobody = await add_person(new_pool, b"0" * 32)
        async with _seen(kept, nobody.user_id):
            asked = _query(nobody, "dinner", directions(1, seed=8)[0])
            assert not await ranked_hits(kept, STATEMENTS, nobody.user_id, asked, 8)
        person, query = await _bulk_write(new_pool, "dinner lunch Lisbon")
        async with _seen(kept, person.user_id):
            assert len(await ranked_hits(kept, STATEMENTS, person.user_id, query, 8)) == 8
            cursor = await kept.execute(
                "SELECT name, custom_plans, generic_plans FROM pg_prepared_statements WHERE statement LIKE '%lexical%'"
                " AND statement NOT LIKE '%pg_prepared%'"
            )
            ((name, *plans),) = await cursor.fetchall()
            assert plans == [0, 2]
            await planned_by_index(kept)
            # In the order of the numbers that psycopg gave to the parameters.
            names = dict.fromkeys(re.findall(rb"%\((\w+)\)", STATEMENTS["memory_search"]))
            values = query.parameters(person.user_id, 8)
            given = SQL(", ").join(Literal(values[name.decode()]) for name in names).as_bytes(kept)
            _assert_by_index(await _explained(kept, b"EXECUTE %b (%b)" % (name.encode(), given), {}))


@asynccontextmanager
async def _seen(connection: Connection, user_id: UUID) -> AsyncIterator[None]:
    async with connection.transaction():
        await connection.execute("SET LOCAL ROLE tessera_server")
        await connection.execute("SELECT set_config('app.user_id', %s, true)", [str(user_id)])
        yield
