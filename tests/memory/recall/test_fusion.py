"""The reference rule for adding two scores. `test_search.py` compares the SQL statement with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.memory.recall.fusion import fused

SCORES = st.floats(0, 50)
COSINES = st.none() | st.floats(-1, 1)


@pytest.mark.parametrize(
    ("bm25", "cosines", "expected"),
    [
        ([], [], []),
        ([0.0, 0.0], [None, None], [0.0, 0.0]),
        ([4.0, 2.0], [None, None], [1.0, 0.5]),
        ([0.0, 0.0], [0.7, 0.5], [2.0, 0.0]),
        ([4.0, 0.0], [0.6, 0.6], [1.0, 0.0]),
        ([4.0, 2.0, 0.0], [0.5, 0.7, None], [1.0, 2.5, 0.0]),
    ],
)
def test_words_and_likeness_are_added(bm25: list[float], cosines: list[float | None], expected: list[float]) -> None:
    assert fused(bm25, cosines, 2.0) == pytest.approx(expected)


@given(st.lists(st.tuples(SCORES, COSINES), max_size=20), st.floats(0, 5))
def test_what_is_better_in_both_is_not_ranked_lower(
    candidates: list[tuple[float, float | None]], weight: float
) -> None:
    scores = fused([words for words, _ in candidates], [cosine for _, cosine in candidates], weight)
    assert all(0 <= score <= 1 + weight + 1e-9 for score in scores)
    for one, mine in zip(candidates, scores, strict=True):
        for other, theirs in zip(candidates, scores, strict=True):
            if one[0] >= other[0] and one[1] is not None and (other[1] is None or one[1] >= other[1]):
                assert mine >= theirs - 1e-9
