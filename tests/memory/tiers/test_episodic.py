"""The summary of an episode that rules make."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memory.tiers.episodic import summarise


def test_summaries_are_short_and_of_one_line() -> None:
    assert summarise("a\nb", "") == "a b"
    assert len(summarise("x" * 1000, "y\n" * 1000)) < 410


@given(st.text(max_size=1000), st.text(max_size=1000))
def test_any_exchange_has_a_short_summary(message: str, response: str) -> None:
    summary = summarise(message, response)
    assert len(summary) < 410
    assert "\n" not in summary
