"""The text that is embedded for a turn: the previous turn and the turn itself."""

from __future__ import annotations

import pytest

from memory.embedding.embedder import passage


@pytest.mark.parametrize(
    ("previous", "expected"),
    [
        (None, "Yes, on Friday."),
        ("  ", "Yes, on Friday."),
        ("Shall we meet?", "Shall we meet?\nYes, on Friday."),
        ("x" * 300, "x" * 300 + "\nYes, on Friday."),
        ("x" * 301, "Yes, on Friday."),
    ],
)
def test_the_turn_before_helps_to_understand_this_one(previous: str | None, expected: str) -> None:
    assert passage("Yes, on Friday.", previous) == expected
