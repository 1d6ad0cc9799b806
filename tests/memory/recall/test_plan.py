"""The plan of the search directly after a bulk write, before any ANALYZE or VACUUM, as the server's role."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from memory.recall.search import SearchQuery, planned_by_index
from sql.pool import Pool, open_pool
from sql.statements import Statements
from sql.tenant import configure_server
from tests.database import new_database
from tests.memory.recall.test_search import directions, sentences
from tests.memory.rows import MODEL, Person, add_memories, add_person, seeing

STATEMENTS = Statements.load()
OWN, OTHERS = 800, 60
ROWS_PER_MEMORY = 120
"""Rows that all steps may read, per memory. About 90 are needed; a nested loop of two large sides reads over 1,000."""


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _nodes(inner)


def _read(node: Mapping[str, Any]) -> float:
    removed = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])


async def _plan(pool: Pool, person: Person, query: SearchQuery) -> list[Mapping[str, Any]]:
    async with seeing(pool, person.user_id) as connection:
        explained = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + STATEMENTS["memory_search"].decode()
        await planned_by_index(connection)
        cursor = await connection.execute(explained.encode(), query.parameters(person.user_id, 8))
        row = await cursor.fetchone()
    assert row is not None
    (found,) = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return list(_nodes(found["Plan"]))


@pytest.fixture
async def new_pool(postgres: str) -> AsyncIterator[Pool]:
    """A pool of a database that no other test has used: nothing has analysed its tables."""
    with new_database(postgres) as database:
        async with open_pool(database, max_size=2, configure=configure_server) as pool:
            yield pool


@pytest.mark.parametrize("words", ["dinner lunch Lisbon", "zeppelin"])
async def test_rows_that_were_just_written_are_found_by_index(new_pool: Pool, words: str) -> None:
    pool = new_pool
    others = [await add_person(pool, bytes([number]) * 32) for number in range(2, 5)]
    for other in others:
        await add_memories(pool, other, sentences(OTHERS, seed=1))
    person = await add_person(pool, b"1" * 32)
    vectors = directions(OWN + 1, seed=8)
    await add_memories(pool, person, sentences(OWN, seed=2), vectors[:OWN])
    query = SearchQuery(list(person.terms.query(words)), person.rotation.apply(vectors[OWN]), MODEL)
    nodes = await _plan(pool, person, query)
    scans = [node for node in nodes if str(node.get("Relation Name", "")).startswith("memory_")]
    assert {node["Relation Name"] for node in scans} >= {"memory_signatures", "memory_terms", "memory_associative"}
    assert not [node["Relation Name"] for node in scans if node["Node Type"] == "Seq Scan"]
    assert sum(map(_read, nodes)) < ROWS_PER_MEMORY * OWN
