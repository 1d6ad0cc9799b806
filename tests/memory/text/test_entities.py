"""The text of entities."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.text.entities import entity_text
from person import Calendar


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"status": "open", "title": "Call Clara"}, "task\ntitle: Call Clara\nstatus: open"),
        ({"dueDate": 1_800_000_000_000, "projectId": "p", "id": "t"}, "task\ndue date: Friday 15 January 2027"),
        ({"tags": ["a", "b"], "empty": [], "none": None, "done": True}, "task\ndone: yes\ntags: a, b"),
        ({"nested": {"who": "Ann"}, "estimate": 3.5}, "task\nestimate: 3.5\nnested: Ann"),
        ({"dueDate": float("inf")}, "task\ndue date: inf"),
        ({}, "task"),
    ],
)
def test_the_text_of_an_entity(data: dict[str, Any], text: str) -> None:
    assert entity_text("task", data) == text


@pytest.mark.parametrize(
    ("zone", "due", "text"),
    [
        ("America/New_York", 1_773_106_200_000, "due date: Monday 09 March 2026"),
        ("Pacific/Auckland", 1_773_106_200_000, "due date: Tuesday 10 March 2026"),
        ("America/New_York", "2026-03-10T01:30:00Z", "due date: Monday 09 March 2026"),
        ("America/New_York", "2026-03-09", "due date: Monday 09 March 2026"),
        ("Pacific/Auckland", "2026-03-09", "due date: Monday 09 March 2026"),
        ("Pacific/Auckland", "some day", "due date: some day"),
    ],
)
def test_dates_are_written_as_the_persons_days(zone: str, due: object, text: str) -> None:
    assert entity_text("task", {"dueDate": due}, Calendar(ZoneInfo(zone))) == f"task\n{text}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=20), JSON, max_size=5))
def test_any_entity_has_a_text(data: dict[str, Any]) -> None:
    assert entity_text("note", data).startswith("note")
