from __future__ import annotations

import pytest

from agents.tool_results import ToolResults


@pytest.fixture
def results() -> ToolResults:
    kept = ToolResults()
    kept.add("task", [{"id": "a", "v": 1}, {"id": "b", "v": 1}, {"id": "c", "v": 1}])
    kept.add("task", [{"id": "b", "v": 2}, {"title": "no id"}, {"id": 7}])
    kept.add("note", [{"id": "a", "note": True}])
    return kept


def test_all_of_an_entity_in_the_order_first_seen_the_newest_version_of_each(results: ToolResults) -> None:
    assert results.resolve("task") == [{"id": "a", "v": 1}, {"id": "b", "v": 2}, {"id": "c", "v": 1}, {"id": 7}]


def test_named_ones_in_the_order_named_without_doubles_and_strangers(results: ToolResults) -> None:
    assert [item["id"] for item in results.resolve("task", ["c", "x", "a", "7", "c"])] == ["c", "a", 7]
    assert results.resolve("task", []) == []


def test_entities_are_apart_and_an_unknown_one_is_empty(results: ToolResults) -> None:
    results.remove("task", "a")
    results.remove("task", "x")
    results.remove("project", "a")
    assert results.resolve("note") == [{"id": "a", "note": True}]
    assert results.resolve("project") == []
    assert results.resolve("task", ["a"]) == []


def test_what_is_resolved_is_a_copy(results: ToolResults) -> None:
    results.resolve("task")[0]["v"] = 99
    assert results.resolve("task")[0] == {"id": "a", "v": 1}
