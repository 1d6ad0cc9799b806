"""Texts that the real model finds nearly equal become one memory only if their words are the same."""

from __future__ import annotations

import pytest

from memory.embedding.local import LocalEmbedder
from sql.pool import Pool
from tests.memory.memories import Memories


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        ("Meet Sam at 5.", "Meet Sam at 6.", 2),
        ("The rent is 900 euros.", "The rent is 950 euros.", 2),
        ("The review is on Monday.", "The review is on Tuesday.", 2),
        ("I take my coffee with milk.", "I take my coffee without milk.", 2),
        ("Meet Sam at 5.", "meet sam at 5", 1),
        ("Please remember: Clara's train arrives at noon.", "Clara's train arrives at noon, please remember.", 1),
    ],
)
async def test_what_differs_in_a_word_is_two_memories(
    pool: Pool, embedder: LocalEmbedder, first: str, second: str, count: int
) -> None:
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    for said in (first, second):
        await memories.tell(ann, said)
    texts = [record["text"] for record in await memories.records(ann) if record["tier"] == "associative"]
    assert sorted(map(str, texts)) == sorted([first, second] if count == 2 else [second])
