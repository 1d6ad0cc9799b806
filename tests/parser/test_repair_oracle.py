"""The oracle of repairs for every block type and every damage: the person sees the values of the undamaged block."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import json_repair
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parser import BlockReady, BlockRejected, TitledTable, degraded
from parser.repair import keeps_numbers
from tests.parser.documents import spoiled
from tests.parser.feeds import parse
from tests.parser.shown import seen

SMALL = settings(max_examples=40)
words = st.text("abc xyz", min_size=1, max_size=6).filter(lambda word: word == word.strip())
numbers = st.one_of(st.integers(-(10**15), 10**15), st.decimals(-1000, 1000, places=2).map(float))
series = {"n": {"label": "N", "color": "c"}, "m": {"label": "M", "color": "d"}}
charts = st.lists(st.tuples(words, numbers, numbers), min_size=1, max_size=4).map(
    lambda points: {
        "type": "chart",
        "chartType": "bar",
        "title": "T",
        "data": [{"s": name, "n": first, "m": second} for name, first, second in points],
        "config": series,
    }
)
tables = st.lists(st.tuples(words, numbers, st.booleans()), min_size=1, max_size=4).map(
    lambda rows: {"type": "table", "headers": ["s", "n", "late"], "rows": [list(row) for row in rows]}
)
timelines = st.lists(st.tuples(words, st.integers(0, 10**13)), min_size=1, max_size=4).map(
    lambda items: {
        "type": "timeline",
        "checkpoints": [{"id": str(at), "title": title, "date": date} for at, (title, date) in enumerate(items, 1)],
    }
)
references = st.lists(st.integers(1, 99).map(str), min_size=1, max_size=3).map(
    lambda ids: {"type": "entity_ref", "entity": "task", "ids": ids}
)
blocks = st.one_of(charts, tables, timelines, references)

SYNTAX: dict[str, Callable[[str], str]] = {
    "trailing comma in a list": lambda source: source.replace("]", ",]"),
    "trailing comma in the block": lambda source: source[:-1] + ",}",
    "block comment": lambda source: source.replace(", ", ", /* more */ ", 1),
    "line comment": lambda source: source.replace(", ", ", // more\n", 1),
    "single quotes": lambda source: source.replace('"', "'"),
    "keys without quotes": lambda source: re.sub(r'"(\w+)": ', r"\1: ", source),
    "Python": lambda source: source.replace("true", "True").replace("false", "False"),
    "no closing brace": lambda source: source[:-1],
}


def renamed(before: str, after: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda block: {after if key == before else key: value for key, value in block.items()}


SCHEMA: dict[str, tuple[st.SearchStrategy[dict[str, Any]], Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "numbers as strings": (
        charts,
        lambda block: {
            **block,
            "data": [{**point, "n": str(point["n"]), "m": str(point["m"])} for point in block["data"]],
        },
    ),
    "rows as objects": (
        tables,
        lambda block: {**block, "rows": [dict(zip(block["headers"], row, strict=True)) for row in block["rows"]]},
    ),
    "columns for headers": (tables, renamed("headers", "columns")),
    "integer ids": (references, lambda block: {**block, "ids": [int(one) for one in block["ids"]]}),
    "integer ids of items": (
        timelines,
        lambda block: {**block, "checkpoints": [{**item, "id": int(item["id"])} for item in block["checkpoints"]]},
    ),
    "milestones for checkpoints": (timelines, renamed("checkpoints", "milestones")),
    "name for title": (charts, renamed("title", "name")),
}


def ready(source: str) -> list[dict[str, Any]]:
    return [event.block.model_dump(mode="json") for event in parse([source]) if isinstance(event, BlockReady)]


@pytest.mark.parametrize("damage", SYNTAX)
@SMALL
@given(block=blocks)
def test_damaged_syntax_shows_the_same_values(damage: str, block: dict[str, Any]) -> None:
    whole = json.dumps(block)
    broken = SYNTAX[damage](whole)
    shown = ready(broken)
    assert len(shown) == 1
    assert repr(shown) == repr(ready(whole))
    expected = json_repair.loads(broken, skip_json_loads=True)
    if isinstance(expected, dict) and keeps_numbers(broken, expected):
        assert repr(ready(json.dumps(expected))) == repr(shown)


@pytest.mark.parametrize("damage", SCHEMA)
@SMALL
@given(data=st.data())
def test_another_schema_shows_the_same_values(damage: str, data: st.DataObject) -> None:
    strategy, spoil = SCHEMA[damage]
    block = data.draw(strategy)
    assert spoil(block) != block
    assert repr(ready(json.dumps(spoil(block)))) == repr(ready(json.dumps(block)))


@SMALL
@given(charts, st.sampled_from([None, "NaN"]))
def test_a_gap_stays_a_gap(chart: dict[str, Any], gap: str | None) -> None:
    with_gap = {**chart, "data": [*chart["data"], {"s": "gap", "n": gap, "m": 1}]}
    (block,) = ready(json.dumps(with_gap).replace('"NaN"', "NaN"))
    assert repr(block["data"]) == repr([*chart["data"], {"s": "gap", "n": None, "m": 1}])


@SMALL
@given(charts)
def test_a_missing_title_and_colour_change_no_value(chart: dict[str, Any]) -> None:
    bare = {**chart, "config": {key: {"label": one["label"]} for key, one in series.items()}}
    del bare["title"]
    (block,) = ready(json.dumps(bare))
    assert repr(block["data"]) == repr(chart["data"])
    assert block["title"] == ""


@SMALL
@given(tables)
def test_a_short_row_gets_an_empty_cell(table: dict[str, Any]) -> None:
    short = {**table, "rows": [row[:2] for row in table["rows"]]}
    (block,) = ready(json.dumps(short))
    assert repr(block["rows"]) == repr([[*row[:2], None] for row in table["rows"]])


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]


@settings(max_examples=100)
@given(blocks, st.data())
def test_every_number_that_is_shown_was_written(block: dict[str, Any], data: st.DataObject) -> None:
    """Also in what replaces a block that stays invalid."""
    broken, _ = data.draw(spoiled(json.dumps(block)))
    written = {float(match) for match in re.findall(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", broken)}
    kind = str(block["type"])
    for event in parse([broken]):
        shown: Any = None
        if isinstance(event, BlockReady):
            shown = event.block.model_dump(mode="json")
        elif isinstance(event, BlockRejected):
            shown = degraded(kind, event.source, "")
            shown = shown.model_dump(mode="json") if isinstance(shown, TitledTable) else None
        for leaf in leaves(shown):
            if isinstance(leaf, int | float) and not isinstance(leaf, bool):
                assert float(leaf) in written


@pytest.mark.parametrize("damage", [name for name in SYNTAX if name != "no closing brace"])
def test_a_damaged_text_shows_its_words(damage: str) -> None:
    source = '{"type": "text", "content": "It costs 2.50, or 7."}'
    assert seen(SYNTAX[damage](source)) == ["It costs 2.50, or 7."]
