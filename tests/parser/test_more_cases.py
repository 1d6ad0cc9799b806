"""More answers of the kinds of the shared cases: letter case, single quotes, numbers as text, and JSON in a string."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.parser.shown import CHART, TABLE, seen, text

ANSWER = json.dumps([{"type": "text", "content": 'Say "hi"\nnow.'}])

CASES: dict[str, tuple[str, list[Any]]] = {
    # the letter case of a type
    "Text": ('{"type":"Text","content":"Hi"}', ["Hi"]),
    "TABLE": ('{"type":"TABLE","headers":["a"],"rows":[["x"]]}', [TABLE]),
    "Table and TEXT": (
        '[{"type":"Table","headers":["a"],"rows":[["x"]]},{"type":"TEXT","content":"Hi"}]',
        [TABLE, "Hi"],
    ),
    "Markdown": ('[{"type":"Markdown","content":"**Hi**"}]', ["**Hi**"]),
    # single quotes
    "single quotes, a list": ("[{'type':'text','content':'Hi'},{'type':'text','content':'you'}]", ["Hi", "you"]),
    "single quotes, an apostrophe": ("[{'type':'text','content':\"it's\"}]", ["it's"]),
    "single quotes in a fence": ("```json\n{'type':'table','headers':['a'],'rows':[['x']]}\n```", [TABLE]),
    # numbers as text
    "an integer as text": (json.dumps({**CHART, "data": [{"s": "a", "n": "3"}]}), [CHART]),
    "a decimal as text": (
        json.dumps({**CHART, "data": [{"s": "a", "n": "2.5"}]}),
        [{**CHART, "data": [{"s": "a", "n": 2.5}]}],
    ),
    "zero as text": (json.dumps({**CHART, "data": [{"s": "a", "n": "0"}]}), [{**CHART, "data": [{"s": "a", "n": 0}]}]),
    # the whole answer in a string
    "a block in a string": (json.dumps(text("Hi")), ["Hi"]),
    "quotes and a line break in a string": (json.dumps(ANSWER), ['Say "hi"\nnow.']),
    "a table in a string": (json.dumps(json.dumps({"type": "table", "headers": ["a"], "rows": [["x"]]})), [TABLE]),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    source, expected = CASES[name]
    assert seen(source) == expected
