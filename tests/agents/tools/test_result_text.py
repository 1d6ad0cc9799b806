from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.tools.error import ToolError
from agents.tools.result_text import render_result

MARCH_9 = 1_773_014_400_000


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"id": "t1", "title": "Zürich"}, '{"id":"t1","title":"Zürich"}'),
        (
            {"id": "t1", "dueDate": MARCH_9, "points": 3},
            '{"id":"t1","dueDate":"2026-03-09T00:00Z","points":3}',
        ),
        ({"id": "t1", "dueDate": "2026-03-09"}, '{"id":"t1","dueDate":"2026-03-09"}'),
        ({"id": "t1", "dueDate": None, "date": True}, '{"id":"t1","dueDate":null,"date":true}'),
        ({"id": "t1", "date": 1e300}, '{"id":"t1","date":1e+300}'),
        ({"items": []}, '{"items":[]}'),
        (
            {"items": [{"id": "c1", "date": MARCH_9}], "truncated": True},
            '{"columns":["id","date"],"rows":[["c1","2026-03-09T00:00Z"]],"truncated":true}',
        ),
        (
            {"items": [{"id": "c1"}], "truncated": True, "total": 312},
            '{"columns":["id"],"rows":[["c1"]],"truncated":true,"total":312}',
        ),
        ({"items": [{"id": "c1"}], "total": 1}, '{"columns":["id"],"rows":[["c1"]]}'),
        (ToolError("denied", "No."), '{"error":{"code":"denied","message":"No. Nothing was changed."}}'),
    ],
)
def test_a_result_is_compact_json(result: Any, text: str) -> None:
    assert render_result(result, 10_000) == text


def test_a_long_list_loses_whole_items_and_says_so() -> None:
    items = [{"id": str(number), "title": "x" * 80} for number in range(100)]
    rendered = json.loads(render_result({"items": items}, 1000))
    assert 5 < len(rendered["rows"]) < 15
    assert rendered["columns"] == ["id", "title"]
    assert rendered["count"] == 100
    assert rendered["rows"] == [list(item.values()) for item in items[: len(rendered["rows"])]]
    assert rendered["note"].startswith(f"{len(rendered['rows'])} of 100 items")


def test_fields_that_no_item_has_are_left_out_and_missing_ones_are_null() -> None:
    items = [{"id": "t1", "status": "todo", "points": None}, {"id": "t2", "priority": "high"}]
    assert render_result({"items": items}, 1000) == (
        '{"count":2,"columns":["id","status","priority"],"rows":[["t1","todo",null],["t2",null,"high"]]}'
    )


@pytest.mark.parametrize(
    ("code", "changes", "told"),
    [
        ("deadline", True, "read the item first"),
        ("device_gone", True, "may or may not have been made"),
        ("malformed_result", True, "may or may not have been made"),
        ("deadline", False, "Nothing was changed."),
        ("not_found", True, "Nothing was changed."),
        ("denied", True, "Nothing was changed."),
    ],
)
def test_an_error_says_whether_something_was_changed(code: str, changes: bool, told: str) -> None:
    message = json.loads(render_result(ToolError(code, "Why."), 1000, changes=changes))["error"]["message"]
    assert message.startswith("Why. ")
    assert told in message
    assert ("Nothing was changed" in message) is (told == "Nothing was changed.")


def test_a_long_note_is_cut_inside_its_text() -> None:
    rendered = json.loads(render_result({"id": "n1", "title": "Long", "content": "word " * 10_000}, 1000))
    assert (rendered["id"], rendered["title"]) == ("n1", "Long")
    assert rendered["content"].endswith("[cut]")


@pytest.mark.parametrize("result", [{"id": "x", "deep": [["y" * 5000]]}, ["y" * 5000], "y" * 5000])
def test_data_without_long_strings_is_cut_at_its_end(result: Any) -> None:
    assert render_result(result, 1000).endswith("[cut]")


def test_a_long_error_is_cut() -> None:
    text = render_result(ToolError("c" * 5000, "m" * 5000), 1000)
    assert len(text) < 1200
    assert json.loads(text)["error"]["message"].endswith("[cut]")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=30,
)
objects = st.dictionaries(st.sampled_from(["id", "title", "date", "dueDate", "content", "x"]), values, max_size=6)


@settings(max_examples=40)
@given(objects | st.fixed_dictionaries({"items": st.lists(objects, max_size=20)}) | values, st.integers(200, 2000))
def test_the_text_of_any_result_has_a_length_limit(result: Any, most: int) -> None:
    text = render_result(result, most)
    # The limit does not count the note, the brackets and the mark of a cut.
    assert 0 < len(text) <= most + 150
