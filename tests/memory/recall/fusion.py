"""The ranking rule of `memory_search.sql` in Python: the reference for its tests."""

from __future__ import annotations

from collections.abc import Sequence

from memory.recall.search import Ranking


def fused(
    bm25: Sequence[float], session_bm25: Sequence[float], cosines: Sequence[float | None], ranking: Ranking
) -> list[float]:
    """The scores of candidates, if all memories are candidates. A missing cosine adds nothing."""
    known = sorted((cosine for cosine in cosines if cosine is not None), reverse=True)
    low, high = (known[-1], known[0]) if known else (0.0, 0.0)

    def semantic(cosine: float | None) -> float:
        if cosine is None:
            return 0.0
        scaled = (cosine - low) / (high - low) if high > low else 0.0
        return ranking.semantic_weight * scaled + ranking.rank_weight / (ranking.rank_offset + 1 + known.index(cosine))

    return [
        ranking.lexical_weight * _part(words, bm25)
        + ranking.session_weight * _part(conversation, session_bm25)
        + semantic(cosine)
        for words, conversation, cosine in zip(bm25, session_bm25, cosines, strict=True)
    ]


def _part(score: float, scores: Sequence[float]) -> float:
    best = max(scores, default=0.0)
    return score / best if best else 0.0
