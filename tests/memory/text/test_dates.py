"""The quick look for dates never hides a date from the search."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.text.dates import DATE, dates_in


@settings(max_examples=100)
@given(st.lists(st.from_regex(DATE) | st.text(max_size=8), max_size=4))
def test_the_same_dates_are_found_as_by_the_search(parts: list[str]) -> None:
    text = " ".join(parts)
    assert [match.span() for match in dates_in(text)] == [match.span() for match in DATE.finditer(text)]


@pytest.mark.parametrize(
    "text", ["on 2024-05-20", "2024/5/20", "20 may", "3rd of sept. 2024", "december 1st", "may 2024"]
)
def test_every_form_is_found(text: str) -> None:
    assert len(list(dates_in(text))) == 1


def test_most_texts_are_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memory.text.dates.DATE", None)
    assert list(dates_in("the boiler costs 1,200 euros and was repaired at 12:30")) == []
