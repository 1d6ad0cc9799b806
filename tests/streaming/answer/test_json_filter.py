"""JSON that a model wrote by mistake is not shown; text that only looks like JSON is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.answer.json_filter import MAX_HELD, JsonFilter


def shown(*pieces: str) -> str:
    json = JsonFilter()
    return "".join([*(json.feed(piece) for piece in pieces), json.close()])


CASES = [
    ("It is due Friday.", "It is due Friday."),
    ('["a","b"]', ""),
    ('See {"x":[1]} there', "See  there"),
    ('{"answer":"It is due Friday"}', "It is due Friday"),
    ('{"name":"x","arguments":{}}', ""),
    ("[1] and [2]", "[1] and [2]"),
    ("Dear {name}, use [brackets]", "Dear {name}, use [brackets]"),
    ('a ["quoted] b', "a "),
    ('{"broken": oops} go on and on', '{"broken": oops} go on and on'),
    ("ends with {", "ends with {"),
    ("[[1,2],[3]]", ""),
    ('{"cut": "in the mid', ""),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_the_shown_text_for_every_cut(text: str, expected: str) -> None:
    assert shown(text) == expected
    assert shown(*text) == expected
    for at in range(len(text)):
        assert shown(text[:at], text[at:]) == expected


@given(st.lists(st.text(alphabet="ab {}[]1,.", max_size=8)))
def test_text_without_quotes_comes_out_once_and_in_order_however_it_is_cut(pieces: list[str]) -> None:
    assert shown(*pieces) == shown("".join(pieces))


def test_held_back_text_is_bounded() -> None:
    json = JsonFilter()
    out = json.feed('{"') + "".join(json.feed("x" * 1000) for _ in range(MAX_HELD // 1000 + 2))
    assert len(out) > MAX_HELD
