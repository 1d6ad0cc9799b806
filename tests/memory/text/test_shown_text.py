"""What a person reads of a memory is one line without JSON syntax, cut between words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.text import shown, shown_title, shown_value


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("My sister Clara moved to Lisbon.", "My sister Clara moved to Lisbon."),
        ("Milk\n\n  and   eggs\t", "Milk and eggs"),
        ('He said "yes", "no" and left.', 'He said "yes", "no" and left.'),
        ('The film "Arrival" [2016] is good', 'The film "Arrival" [2016] is good'),
        ("Note: it costs {5}", "Note: it costs {5}"),
        # Parts of stored JSON, as an earlier release recalled them.
        ('hello\\n", "What is overdue? "', "hello, What is overdue?"),
        ('hello\n", "What is overdue? "', "hello, What is overdue?"),
        ('["hello\\n", "What is overdue? "]', "hello, What is overdue?"),
        ('{"type": "text", "content": "Two tasks are due."}', "Two tasks are due."),
        ('{"type": "text", "content": "Two tasks', "Two tasks"),
        ('e": "text", "content": "Two tasks are due today', "text, Two tasks are due today"),
        ('"She said \\"hi\\" to me", "caf\\u00e9"]}', 'She said "hi" to me, café'),
        ('{"id": "0191e3a8-aaaa-7bbb-8ccc-123456789abc", "done": true, "title": "Pay rent"}', "Pay rent"),
        ("[]", "[]"),
        ("", ""),
    ],
)
def test_json_is_read_as_its_texts(stored: str, read: str) -> None:
    assert shown(stored) == read


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [
        ("one two three", 13, "one two three"),
        ("one two three", 12, "one two…"),
        ("one two, three", 13, "one two…"),
        ("東京へ引っ越しました", 6, "東京へ引っ…"),
        ("unbreakable" * 3, 10, "unbreakab…"),
    ],
)
def test_a_long_text_is_cut_after_a_word(text: str, most: int, cut: str) -> None:
    assert shown(text, most) == cut


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("Annie", "Annie"),
        (["nuts", "milk"], "nuts, milk"),
        ({"home_city": "Rome", "dogs": 2}, "home city: Rome, dogs: 2"),
        (True, "yes"),
        (None, "no"),
        (7.5, "7.5"),
    ],
)
def test_the_value_of_a_preference_is_read_without_its_syntax(value: Any, read: str) -> None:
    assert shown_value(value, "yes", "no") == read


def test_an_item_is_called_by_its_title() -> None:
    assert shown_title({"status": "open", "content": "Call Ann\nand Bob", "title": "Water the ficus"}) == (
        "Water the ficus"
    )
    assert shown_title({"status": "open", "content": "Call Ann\nand Bob"}) == "Call Ann and Bob"
    assert shown_title({"status": "open", "title": "  "}) is None
    assert shown_title(None) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100)
@given(_JSON, st.integers(0, 40), st.integers(0, 40), st.integers(2, 30))
def test_any_part_of_any_json_is_one_bounded_line(value: object, start: int, end: int, most: int) -> None:
    stored = json.dumps(value)
    for text in (stored, stored[start : start + end], stored[start:]):
        read = shown(text, most)
        assert len(read) <= most
        assert "\n" not in read
        assert bool(read) == bool(text.strip())
