"""Patterns of frames and states."""

from __future__ import annotations

from typing import Any

import pytest

from client.conformance.pattern import UnboundError, differences, filled


@pytest.mark.parametrize(
    ("pattern", "value", "found"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": None}, {"b": 2}, []),
        ({"a": None}, {"a": 0}, ["a is 0, not None"]),
        ({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1, {"c": "y"}]}}, ["a.b[1].c is 'y', not 'x'"]),
        ({"a": 1}, {"a": True}, ["a is True, not 1"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a is [1, 2], not a list of 1"]),
        ({"a": {}}, {"a": []}, ["a is [], not an object"]),
        ([], {}, ["the value is {}, not a list of 0"]),
        ({"a": "$any"}, {"a": False}, []),
        ({"a": "$any"}, {}, ["a is missing"]),
        ({"a": "$x", "b": "$x"}, {"a": 1, "b": 1}, []),
        ({"a": "$x", "b": "$x"}, {"a": 1, "b": 2}, ["b is 2, not 1 ($x)"]),
    ],
)
def test_differences_are_found(pattern: Any, value: Any, found: list[str]) -> None:
    assert list(differences(pattern, value, {})) == found


def test_a_variable_is_bound_once_and_filled_in() -> None:
    variables: dict[str, Any] = {}
    assert not list(differences({"id": "$a"}, {"id": "one"}, variables))
    assert list(differences({"id": "$a"}, {"id": "two"}, variables)) == ["id is 'two', not 'one' ($a)"]
    assert filled({"of": ["$a", 1, {"x": "$a"}]}, variables) == {"of": ["one", 1, {"x": "one"}]}
    with pytest.raises(UnboundError, match=r"\$b has no value"):
        filled(["$b"], variables)
