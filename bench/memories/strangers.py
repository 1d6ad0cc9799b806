"""False recalls: what the questions about one person find in the memory of another person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.memories.corpus import Query
from bench.memories.environment import Environment
from bench.memories.stored import Written
from memory import MemoryLimits
from memory.recall import Floor, Ranking

MOST: Final = 200
"""Questions that are asked of each memory, at most: evenly chosen."""


@dataclass(frozen=True, slots=True)
class FalseRecalls:
    """`share` of the questions recalled something; `memories` is the mean number of memories per question."""

    questions: int
    share: float
    memories: float


async def ask_strangers(
    environment: Environment,
    people: Sequence[tuple[Written, Sequence[Query]]],
    ranking: Ranking | None = None,
    floor: Floor | None = None,
) -> list[FalseRecalls | None]:
    """For each person, the recalls by the questions about the next person; None: no other person has questions."""
    found = []
    for number, (written, own) in enumerate(people):
        known = {query.text for query in own}
        rest = [*people[number + 1 :], *people[:number]]
        others = next((queries for _, queries in rest if any(query.text not in known for query in queries)), ())
        asked = [query for query in others if query.text not in known]
        asked = asked[:: -(-len(asked) // MOST)] if asked else []
        counts = [
            len(await environment.recall.search(written.user_id, query.text, MemoryLimits().top_k, floor, ranking))
            for query in asked
        ]
        share = sum(count > 0 for count in counts) / len(counts) if counts else 0.0
        found.append(FalseRecalls(len(counts), share, sum(counts) / len(counts)) if counts else None)
    return found
