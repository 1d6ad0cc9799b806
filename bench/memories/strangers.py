"""False recalls: what questions about other people, and small talk, find in the memory of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.memories.corpus import Conversation
from bench.memories.environment import Environment
from bench.memories.stored import Written
from memory import MemoryLimits
from memory.recall import Floor, Ranking

MOST: Final = 200
"""Questions that are asked of each memory, at most: evenly chosen."""
_OTHERS: Final = 3
"""The number of other people whose questions are asked."""
_SMALL_TALK: Final = Path(__file__).with_name("small_talk.txt")


@dataclass(frozen=True, slots=True)
class FalseRecalls:
    """`share` of the questions recalled something; `memories` is the mean number of memories per question."""

    questions: int
    share: float
    memories: float


def small_talk() -> list[str]:
    """Invented requests that say nothing about the person."""
    return [line for line in _SMALL_TALK.read_text("utf-8").splitlines() if line and not line.startswith("#")]


async def ask_strangers(
    environment: Environment,
    people: Sequence[tuple[Written, Conversation]],
    ranking: Ranking | None = None,
    floor: Floor | None = None,
) -> list[tuple[FalseRecalls | None, FalseRecalls]]:
    """For each person, the recalls by questions about the next three other people, and by small talk.

    None: the other people have no questions. People of whom the same facts are told do not count as others.
    """
    found = []
    for number, (written, own) in enumerate(people):

        async def ask(asked: Sequence[str], written: Written = written) -> FalseRecalls | None:
            asked = asked[:: -(-len(asked) // MOST)] if asked else []
            counts = [
                len(await environment.recall.search(written.user_id, text, MemoryLimits().top_k, floor, ranking))
                for text in asked
            ]
            share = sum(count > 0 for count in counts) / len(counts) if counts else 0.0
            return FalseRecalls(len(counts), share, sum(counts) / len(counts)) if counts else None

        known = {query.text for query in own.queries}
        others: dict[str, set[str]] = {}
        for _, other in [*people[number + 1 :], *people[:number]]:
            texts = {query.text for query in other.queries} - known
            if texts and other.about != own.about and (other.about in others or len(others) < _OTHERS):
                others.setdefault(other.about, set()).update(texts)
        talked = await ask(small_talk())
        assert talked is not None, "the list of small talk is not empty"
        found.append((await ask(sorted({text for texts in others.values() for text in texts})), talked))
    return found
