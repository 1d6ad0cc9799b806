"""Blocks whose members are one object too deep, and Python literals with tuples."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parser.blocks import BlockType
from parser.nested_members import flattened
from tests.parser.shown import CHART, TABLE, seen

CELLS = {"headers": ["a"], "rows": [["x"]]}
CHART_MEMBERS = {key: value for key, value in CHART.items() if key != "type"}
TIMELINE = {"type": "timeline", "checkpoints": [{"id": "c", "title": "T", "date": 1, "projectId": "p"}]}
REFERENCE = {"type": "entity_ref", "entity": "task", "ids": ["t1"]}

CASES: dict[str, tuple[Any, list[Any]]] = {
    "a table in its data": ({"type": "table", "data": CELLS}, [TABLE]),
    "a table in its content": ([{"type": "table", "content": CELLS}], [TABLE]),
    "a table in its props, with an id": ({"type": "table", "id": "7", "props": CELLS}, [TABLE]),
    "a table in a member of its name": ({"type": "table", "table": CELLS}, [TABLE]),
    "a title outside": (
        {"type": "table", "title": "T", "data": CELLS},
        [{**TABLE, "title": "T"}],
    ),
    "a chart in its content": ({"type": "chart", "content": CHART_MEMBERS}, [CHART]),
    "a chart in its data": ({"type": "chart", "data": CHART_MEMBERS}, [CHART]),
    "a timeline in its data": ({"type": "timeline", "data": {"checkpoints": TIMELINE["checkpoints"]}}, [TIMELINE]),
    "a reference in its data": ({"type": "entity_ref", "data": {"entity": "task", "ids": ["t1"]}}, [REFERENCE]),
    "under the name of its type": ([{"text": "Hi"}, {"table": CELLS}, {"chart": CHART_MEMBERS}], ["Hi", TABLE, CHART]),
    "a reference under the name of its type": (
        {"entity_ref": {"entity": "task", "ids": ["t1"]}},
        [REFERENCE],
    ),
    "a chart under the name of its kind": (
        {"bar_chart": {key: value for key, value in CHART_MEMBERS.items() if key != "chartType"}},
        [CHART],
    ),
    "beside a text": ({"text": "Hi", "table": CELLS}, [TABLE, "Hi"]),
    "a foreign object with such a name": (
        {"chart": {"version": "1", "data": {"a": 1}}},
        [json.dumps({"chart": {"version": "1", "data": {"a": 1}}})],
    ),
    "next to members of something else": (
        {"table": CELLS, "plugins": ["x"]},
        [json.dumps({"table": CELLS, "plugins": ["x"]})],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    written, expected = CASES[name]
    assert seen(json.dumps(written)) == expected


@pytest.mark.parametrize(
    "members",
    [
        {"type": "table", **CELLS},
        {"type": "table", "a": CELLS, "b": CELLS},
        {"type": "table", "title": "A", "data": {**CELLS, "title": "B"}},
        {"type": "table", "data": {"other": 1}},
    ],
)
def test_at_any_doubt_the_members_are_left(members: dict[str, Any]) -> None:
    assert flattened(BlockType.TABLE, members) is members


def test_a_block_in_prose_under_the_name_of_its_type_is_a_sample() -> None:
    source = f"Write {json.dumps({'table': CELLS})} there."
    assert seen(source) == [source]


ROW_OF_TWO = {"type": "table", "headers": ["a", "b"], "rows": [["x (y)", 2.5], ["z", True]]}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[{'type':'table','headers':('a','b'),'rows':[('x (y)',2.50),('z',True)]}]", [ROW_OF_TWO]),
        ('{"type":"table","headers":["a","b"],"rows":(("x (y)",2.5),("z",True))}', [ROW_OF_TWO]),
        ("{'type':'table','headers':['a'],'rows':[('x' 'y',)]}", []),  # perhaps a comma is missing
        ("{'type':'table','headers':['a'],'rows':[(1j,)]}", []),
        ("{'type':'table','headers':['a'],'rows':[(1e999,)]}", []),
        ("{'type':'table','headers':['a'],'rows':[(f(1),)]}", []),
    ],
)
def test_tuples(source: str, expected: list[Any]) -> None:
    assert seen(source) == expected


@pytest.mark.parametrize("digits", ["42", "0.10", "12345678901234567890.5"])
def test_an_answer_that_is_a_number_is_shown_with_its_digits(digits: str) -> None:
    assert seen(f'{{"answer":{digits}}}') == [digits]


def test_a_number_in_a_sample_stays_in_it() -> None:
    assert seen('{"answer":42,"pages":7}') == ['{"answer":42,"pages":7}']


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
def test_the_answer_as_one_string_in_a_fence(fence: str) -> None:
    encoded = json.dumps(json.dumps([{"type": "text", "content": 'Say "hi"'}, TABLE]))
    assert seen(f"{fence}json\n{encoded}\n{fence}\nDone.") == ['Say "hi"', TABLE, "Done."]


def test_a_string_of_prose_in_a_fence_stays_code() -> None:
    assert seen('```json\n"Hello"\n```') == ['```json\n"Hello"\n```']
