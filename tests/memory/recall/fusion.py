"""The ranking rule of `memory_search.sql` in Python: the reference for its tests."""

from __future__ import annotations

from collections.abc import Sequence


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
