"""The floor rises with the spread of a question's cosines, so a question near to some topics finds less by chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from memory.crypto.rotation import Vectors
from memory.recall.search import Floor, Hit, SearchQuery, ranked_hits
from sql.pool import Pool
from sql.statements import Statements
from tests.memory.recall.test_search import directions
from tests.memory.rows import MODEL, Person, add_memories, add_person, seeing

STATEMENTS = Statements.load()
USUAL = 0.05


async def _hits(pool: Pool, person: Person, query: SearchQuery) -> list[Hit]:
    async with seeing(pool, person.user_id) as connection:
        return await ranked_hits(connection, STATEMENTS, person.user_id, query, 1000)


def _spread(stored: Vectors, asked: Vectors) -> float:
    """The standard deviation of the cosines by signatures, and the usual one as if of 8 memories."""
    distances = ((stored > 0) != (asked > 0)).sum(axis=1)
    own = (np.pi / 1536 * np.sin(np.pi * distances.mean() / 1536) * distances.std()) ** 2 if len(distances) else 0.0
    return float(np.sqrt((len(distances) * own + 8 * USUAL**2) / (len(distances) + 8)))


@pytest.mark.parametrize("count", [1, 30, 300])
async def test_the_floor_is_raised_by_the_spread(pool: Pool, count: int) -> None:
    person = await add_person(pool, b"1" * 32)
    vectors = directions(count, seed=3)
    ids = await add_memories(pool, person, ["tomatoes"] * count, vectors)
    asked = vectors[0] + 0.3 * directions(1, seed=4)[0]
    asked /= np.linalg.norm(asked)
    rotated = person.rotation.apply(asked)
    near = float(vectors[0] @ asked)
    spread = _spread(np.stack([person.rotation.apply(vector) for vector in vectors]), rotated)
    floor = Floor(coverage_weight=0.05, spread_weight=1.0, usual_spread=USUAL)
    for below, found in ((0.002, [ids[0]]), (-0.002, [])):
        query = SearchQuery([], rotated, MODEL, replace(floor, cosine=near + 0.05 - spread - below))
        hits = await _hits(pool, person, query)
        assert [hit.memory_id for hit in hits if hit.memory_id == ids[0]] == found


def test_a_person_with_few_memories_has_nearly_the_usual_spread() -> None:
    assert _spread(directions(1, seed=1), directions(1, seed=2)[0]) == pytest.approx(USUAL, rel=0.1)
