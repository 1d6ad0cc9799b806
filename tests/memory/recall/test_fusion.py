"""The reference rule for adding the parts of a score. `test_search.py` compares the SQL statement with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.recall.search import Ranking
from tests.memory.recall.fusion import fused

SCORES = st.floats(0, 50)
COSINES = st.none() | st.floats(-1, 1)
SIMPLE = Ranking(lexical_weight=1.0, session_weight=0.5, semantic_weight=2.0, rank_weight=0.0)


@pytest.mark.parametrize(
    ("bm25", "session_bm25", "cosines", "expected"),
    [
        ([], [], [], []),
        ([0.0, 0.0], [0.0, 0.0], [None, None], [0.0, 0.0]),
        ([4.0, 2.0], [0.0, 0.0], [None, None], [1.0, 0.5]),
        ([4.0, 2.0], [3.0, 6.0], [None, None], [1.25, 1.0]),
        ([0.0, 0.0], [0.0, 0.0], [0.7, 0.5], [2.0, 0.0]),
        ([4.0, 0.0], [1.0, 1.0], [0.6, 0.6], [1.5, 0.5]),
        ([4.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.7, None], [1.0, 2.5, 0.0]),
    ],
)
def test_the_parts_are_added(
    bm25: list[float], session_bm25: list[float], cosines: list[float | None], expected: list[float]
) -> None:
    assert fused(bm25, session_bm25, cosines, SIMPLE) == pytest.approx(expected)


def test_the_first_ranks_count_more() -> None:
    ranking = Ranking(semantic_weight=0.0, rank_weight=6.0, rank_offset=1.0)
    assert fused([0.0] * 3, [0.0] * 3, [0.1, 0.9, None], ranking) == pytest.approx([2.0, 3.0, 0.0])


@given(st.lists(st.tuples(SCORES, SCORES, COSINES), max_size=20), st.floats(0, 5), st.floats(0, 5))
def test_what_is_better_in_all_parts_is_not_ranked_lower(
    candidates: list[tuple[float, float, float | None]], weight: float, rank_weight: float
) -> None:
    ranking = Ranking(semantic_weight=weight, rank_weight=rank_weight)
    scores = fused(
        [one for one, _, _ in candidates], [one for _, one, _ in candidates], [one for *_, one in candidates], ranking
    )
    highest = ranking.lexical_weight + ranking.session_weight + weight + rank_weight
    assert all(0 <= score <= highest + 1e-9 for score in scores)
    for one, mine in zip(candidates, scores, strict=True):
        for other, theirs in zip(candidates, scores, strict=True):
            semantic = one[2] is not None and (other[2] is None or one[2] >= other[2])
            if one[0] >= other[0] and one[1] >= other[1] and semantic:
                assert mine >= theirs - 1e-9
