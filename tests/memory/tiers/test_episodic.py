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


@given(st.text("ab \n\t", max_size=100), st.integers(0, 300))
def test_a_summary_of_a_long_text_is_that_of_all_its_words(text: str, times: int) -> None:
    line = " ".join((text * times).split())
    assert summarise(text * times, "") == (line if len(line) <= 200 else line[:199].rstrip() + "…")
