"""How memories are ranked: by the words they share with a query (BM25) and the likeness of their vectors, added up.

`sql/statements/associative/memory_search.sql` computes this in PostgreSQL; `fused` is the same rule in Python, which
the tests hold the statement against. Adding the two scores, each brought to the range 0 to 1, does better than merging ranks, which
throws away by how much the best is better; docs/memory-search.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ranking:
    """The constants. The defaults were chosen on one part of the measured queries and checked on another."""

    k1: float = 1.5
    """How soon repeating a word stops to count."""
    b: float = 0.75
    """How much a long text is held against it."""
    weight: float = 1.0
    """Of the vectors, against 1 of the words."""
    lexical_limit: int = 64
    semantic_limit: int = 200
    """So many of the best by words and by signature are compared by their whole scores."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What a memory must reach in one of two ways to be recalled at all; otherwise it is noise in the prompt.

    `coverage`: the share of the query's words, weighted by their rarity, that it has: 1 when it has them all, however
    long it is. `cosine`: the likeness of the vectors, whose usual size depends on the model (`Embedder.cosine_floor`).
    """

    coverage: float = 0.15
    cosine: float = 0.62


NO_FLOOR = Floor(coverage=0.0, cosine=-1.0)
"""Everything that was compared is let through: for measuring."""


def fused(bm25: Sequence[float], cosines: Sequence[float | None], weight: float) -> list[float]:
    """The scores of candidates: `bm25 / max + weight * minmax(cosine)`; a missing cosine counts as the smallest."""
    best = max(bm25, default=0.0)
    known = [cosine for cosine in cosines if cosine is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    return [
        (words / best if best else 0.0)
        + (weight * (cosine - low) / (high - low) if cosine is not None and high > low else 0.0)
        for words, cosine in zip(bm25, cosines, strict=True)
    ]
