"""JSON at the beginning of a text becomes lines; all other text stays unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.answer.readable_json import MAX_HELD, ReadableJson


def shown(*pieces: str) -> str:
    json = ReadableJson()
    return "".join([*(json.feed(piece) for piece in pieces), json.close()])


CASES = [
    ("It is due Friday.", "It is due Friday."),
    ('["a","b"]', "- a\n- b"),
    ('See {"x":[1]} there', 'See {"x":[1]} there'),
    ('{"answer":"It is due Friday"}', "It is due Friday"),
    ('{"greeting":"Hello"}', "greeting: Hello"),
    ('{"name":"x","arguments":{}}', "name: x"),
    ("[1] and [2]", "[1] and [2]"),
    ("[[1]] and [[2]]", "- 1 and [[2]]"),
    ("[ ] Walk\n[x] Read", "[ ] Walk\n[x] Read"),
    ("Dear {name}, use [brackets]", "Dear {name}, use [brackets]"),
    ("{name}, use [brackets]", "{name}, use [brackets]"),
    ('a ["quoted] b', 'a ["quoted] b'),
    ('["quoted] b', '["quoted] b'),
    ('{"broken": oops} go on and on', '{"broken": oops} go on and on'),
    ("ends with {", "ends with {"),
    ("{", "{"),
    ("[[1,2],[3.50]]", "- 1; 2\n- 3.50"),
    ('{"cut": "in the mid\\', '{"cut": "in the mid\\'),
    ('{"a":"x\\"}y","b":null,"c":true} {"d":[]}, {"e":{"f":"g"}} end', 'a: x"}y\nc: True\ne: f: g end'),
    ("{}", ""),
    ("[" * 40 + '"x"' + "]" * 40, "[" * 40 + '"x"' + "]" * 40),
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
    json = ReadableJson()
    out = json.feed('{"') + "".join(json.feed("x" * 1000) for _ in range(MAX_HELD // 1000 + 2))
    assert out == '{"' + "x" * 1000 * (MAX_HELD // 1000 + 2)
    json = ReadableJson()
    assert "".join(json.feed(" ") for _ in range(10_000)).strip() == ""
    assert json.feed("x").lstrip() == "x"
