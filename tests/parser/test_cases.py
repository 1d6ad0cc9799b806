"""What models write and what a person must see: the shared cases, fences, syntax and members of blocks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.parser.feeds import single_splits
from tests.parser.shown import CHART, CHART_HEAD, TABLE, TABLE_CELLS, N, seen, text

SHARED = Path(os.environ.get("TESSERA_SHARED_CASES") or Path(__file__).parents[2].parent / "shared" / "cases")
needs_cases = pytest.mark.skipif(not (SHARED / "answers").is_dir(), reason=f"the shared cases are not at {SHARED}")

FILES: dict[str, list[Any]] = {
    "01_newline_in_text": ["You have three tasks:\n- Water the plants\n- Pay rent\n- Call Sam"],
    "02_backslash_in_text": ["Rent is $900 and it's due on Friday."],
    "03_quote_in_text": ['The note "Groceries" is open, and rent is due on Friday.'],
    "04a_tool_call_as_text": ['{"name": "list_tasks", "parameters": {}}'],
    "04b_wrapped_block": ["You have two tasks."],
    "04c_capital_type": ["You have two tasks."],
    "18_ref_int_ids": ["Here:", {"type": "entity_ref", "entity": "task", "ids": ["7"]}],
    "21_double_encoded": ["You have two tasks."],
    "22_chart_gap": [
        {
            "type": "chart",
            "chartType": "line",
            "title": "t",
            "data": [{"d": "a", "n": 3}, {"d": "b", "n": None}],
            "config": {"n": {"label": "N", "color": "#111111"}},
        }
    ],
    "p01_raw_newline_in_content": ["Today:\n- call Bob"],
    "p03_inner_quote_in_content": ['the "big" one is late'],
    "p04_text_under_wrong_key": ["Hello there"],
    "p05_unknown_text_type": ["Hello there"],
    "p06_case_of_type": ["Hello there"],
    "p07_answer_object": ["Hello there"],
    "p08_trailing_comma": [TABLE],
    "p09_single_quotes": ["Hello"],
    "p10_python_none": [{"type": "table", "headers": ["a"], "rows": [[None]]}],
    "p11_json_sample_in_prose": ['Your config:\n\n```json\n{"title": "app", "version": 1}\n```\nDone.'],
    "p12_our_block_in_code": ['```python\nd = {"type": "text", "content": "x"}\n```'],
    "p13_nested_wrapper": ["Hello"],
    "p15_fence_with_attributes": ["Hello"],
    "p17_numbers_as_strings": [CHART],
}


@needs_cases
@pytest.mark.parametrize("name", FILES)
def test_shared_case(name: str) -> None:
    assert seen((SHARED / "answers" / f"{name}.txt").read_text("utf-8").removesuffix("\n")) == FILES[name]


@needs_cases
def test_every_shared_case_has_its_value() -> None:
    assert {path.stem for path in (SHARED / "answers").glob("*.txt")} == FILES.keys()


LABELLED: dict[str, Any] = {
    **CHART,
    "data": [{"label": "a", "value": 3}, {"label": "b", "value": 4.5}],
    "config": {"value": {"label": "value", "color": "var(--chart-1)"}},
}

CASES: dict[str, tuple[str, list[Any]]] = {
    # fences
    "fence with spaces": ("``` json\n" + text("Hi") + "\n```", ["Hi"]),
    "fence, jsonc": ("```jsonc\n" + text("Hi") + "\n```\n", ["Hi"]),
    "fence with a name": (
        "```json:answer.json\n" + text("Hi") + "\n```",
        ["```json:answer.json\n" + text("Hi") + "\n```"],
    ),
    "four backticks": ("````json\n" + text("Hi") + "\n````", ["Hi"]),
    "four backticks without a word": ("````\n" + text("Hi") + "\n````\n", ["Hi"]),
    "five backticks in prose": ("Here:\n`````json\n" + text("Hi") + "\n`````\nBye", ["Here:\n", "Hi", "Bye"]),
    "tildes": ("~~~json\n" + text("Hi") + "\n~~~", ["Hi"]),
    "four tildes, a wrapper": ('~~~~\n{"answer":"Hi"}\n~~~~\n', ["Hi"]),
    "two fences": (
        "````json\n" + text("a") + "\n````\n~~~\n" + text("b") + "\n~~~\n",
        ["a", "b"],
    ),
    "a fence in a longer one": (
        "````md\n```json\n" + text("x") + '\n```\n````\n{"type":"text","content":"b"}',
        ["````md\n```json\n" + text("x") + "\n```\n````\n", "b"],
    ),
    "a sample in four backticks": (
        '````json\n{"a": 1}\n```\n````\n' + text("b"),
        ['````json\n{"a": 1}\n```\n````\n', "b"],
    ),
    "code in tildes": (
        '~~~py\n{"type":"text","content":"x"}\n```\n~~~\n' + text("b"),
        ['~~~py\n{"type":"text","content":"x"}\n```\n~~~\n', "b"],
    ),
    "tildes in prose": ("a ~ b ~~c~~ d\n" + text("b"), ["a ~ b ~~c~~ d\n", "b"]),
    "a fence, then code": (
        "```json\n" + text("a") + "\n```\n```py\n" + text("x") + "\n```\n" + text("b"),
        ["a", "```py\n" + text("x") + "\n```\n", "b"],
    ),
    "tildes first": ("~5 tasks", ["~5 tasks"]),
    # syntax
    "trailing comma in an object": ('{"type":"table","headers":["a"],"rows":[["x"]],}', [TABLE]),
    "comments": ('{"type":"table", // the table\n"headers":["a"], /* one */ "rows":[["x"]]}', [TABLE]),
    "keys without quotes": ('{type:"table",headers:["a"],rows:[["x"]]}', [TABLE]),
    "single quotes in a table": ("{'type':'table','headers':['a'],'rows':[['x']]}", [TABLE]),
    "True and False": (TABLE_CELLS + "[[True,False]]}", [{**TABLE, "headers": ["a", "b"], "rows": [[True, False]]}]),
    "NaN": (TABLE_CELLS + "[[NaN,1]]}", [{**TABLE, "headers": ["a", "b"], "rows": [[None, 1]]}]),
    "missing closers": ('[{"type":"table","headers":["a"],"rows":[["x"]]', [TABLE]),
    "missing closers, then a block": (
        '[{"type":"table","headers":["a"],"rows":[["x"]],{"type":"text","content":"b"}]',
        [TABLE, "b"],
    ),
    "inner quotes in a cell": (
        TABLE_CELLS + '[["the "x" one",1]]}',
        [{**TABLE, "headers": ["a", "b"], "rows": [['the "x" one', 1]]}],
    ),
    # members
    "negative number as text": (
        CHART_HEAD + '"data":[{"s":"a","n":"-3.5"}],' + N + "}",
        [{**CHART, "data": [{"s": "a", "n": -3.5}]}],
    ),
    "columns": ('{"type":"table","columns":["a"],"rows":[["x"]]}', [TABLE]),
    "columns as objects": ('{"type":"table","columns":[{"key":"k","label":"a"}],"rows":[{"k":"x"}]}', [TABLE]),
    "rows as objects": ('{"type":"table","rows":[{"a":"x"}]}', [TABLE]),
    "short row": (TABLE_CELLS + '[["x"]]}', [{**TABLE, "headers": ["a", "b"], "rows": [["x", None]]}]),
    "no type": ('{"headers":["a"],"rows":[["x"]]}', [TABLE]),
    "integer ids": (
        '{"type":"entity_ref","entity":"tasks","ids":[1,22]}',
        [{"type": "entity_ref", "entity": "task", "ids": ["1", "22"]}],
    ),
    "one id": (
        '{"type":"entity_ref","entity":"Note","id":7}',
        [{"type": "entity_ref", "entity": "note", "ids": ["7"]}],
    ),
    "integer id of a checkpoint": (
        '{"type":"timeline","checkpoints":[{"id":1,"title":"a","date":5}]}',
        [{"type": "timeline", "checkpoints": [{"id": "1", "title": "a", "date": 5}]}],
    ),
    "milestones": (
        '{"type":"timeline","milestones":[{"id":"1","name":"a","date":5}]}',
        [{"type": "timeline", "checkpoints": [{"id": "1", "title": "a", "date": 5, "name": "a"}]}],
    ),
    "no title": (
        CHART_HEAD.replace('"title":"T",', "") + '"data":[{"s":"a","n":3}],' + N + "}",
        [{**CHART, "title": ""}],
    ),
    "no colour": (
        CHART_HEAD + '"data":[{"s":"a","n":3}],"config":{"n":{"label":"N"}}}',
        [{**CHART, "config": {"n": {"label": "N", "color": "var(--chart-1)"}}}],
    ),
    "no config": (
        CHART_HEAD + '"data":[{"s":"a","n":3}]}',
        [{**CHART, "config": {"n": {"label": "n", "color": "var(--chart-1)"}}}],
    ),
    "series as a list": (
        CHART_HEAD + '"data":[{"s":"a","n":3}],"config":[{"key":"n","label":"N","color":"c"}]}',
        [CHART],
    ),
    "labels and datasets": (
        CHART_HEAD + '"data":{"labels":["a"],"datasets":[{"label":"n","data":[3]}]}}',
        [{**CHART, "data": [{"label": "a", "n": 3}], "config": {"n": {"label": "n", "color": "var(--chart-1)"}}}],
    ),
    "categories and series": (
        CHART_HEAD + '"categories":["a"],"series":[{"name":"n","data":[3]}]}',
        [{**CHART, "data": [{"label": "a", "n": 3}], "config": {"n": {"label": "n", "color": "var(--chart-1)"}}}],
    ),
    "labels and values": (CHART_HEAD + '"labels":["a","b"],"values":[3,4.5]}', [LABELLED]),
    "labels and values in a chart of a known kind": (
        '{"type":"bar_chart","title":"T","labels":["a","b"],"values":[3,4.5]}',
        [LABELLED],
    ),
    "labels and values under data": (CHART_HEAD + '"data":{"labels":["a","b"],"values":[3,4.5]}}', [LABELLED]),
    "pairs of a label and a number": (CHART_HEAD + '"data":[["a",3],["b",4.5]]}', [LABELLED]),
    "fewer labels than values": (CHART_HEAD + '"labels":["a"],"values":[3,4]}', []),
    "pairs of which one is no number": (CHART_HEAD + '"data":[["a",3],["b","c"]]}', []),
    "gap at the beginning": (
        CHART_HEAD + '"data":[{"s":"a","n":null},{"s":"b","n":1}],' + N + "}",
        [{**CHART, "data": [{"s": "a", "n": None}, {"s": "b", "n": 1}]}],
    ),
    "gap as a word": (
        CHART_HEAD + '"data":[{"s":"a","n":"N/A"},{"s":"b","n":1}],' + N + "}",
        [{**CHART, "data": [{"s": "a", "n": None}, {"s": "b", "n": 1}]}],
    ),
    "gap as NaN": (
        CHART_HEAD + '"data":[{"s":"a","n":NaN},{"s":"b","n":1}],' + N + "}",
        [{**CHART, "data": [{"s": "a", "n": None}, {"s": "b", "n": 1}]}],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    source, expected = CASES[name]
    assert seen(source) == expected


def test_the_cases_are_cut_everywhere() -> None:
    assert list(single_splits("abc")) == [["a", "bc"], ["ab", "c"]]
