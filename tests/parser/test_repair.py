"""Repairs in place: no readable number changes, nothing is made up, and what json-repair reads the person sees."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import json_repair
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parser import BlockReady, BlockRejected, Repair
from parser.repair import MOST_CHARACTERS, MOST_WORK, keeps_numbers, repaired, work
from tests.parser.documents import spoiled
from tests.parser.feeds import parse

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
words = st.text("abc xyz-", min_size=1, max_size=6)
numbers = st.one_of(
    st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda n: n + 0.0)
)
cells = st.one_of(words, numbers, st.none(), st.booleans())
tables = st.integers(1, 4).flatmap(
    lambda width: st.builds(
        lambda headers, rows: {"type": "table", "headers": headers, "rows": rows},
        st.lists(words, min_size=width, max_size=width),
        st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=4),
    )
)
FAULTS = {
    "trailing comma in rows": lambda source: source.replace("]]", "],]"),
    "trailing comma in the block": lambda source: source[:-1] + ",}",
    "comment": lambda source: source.replace('"rows"', '/* the rows */ "rows"'),
    "keys without quotes": lambda source: source.replace('"rows"', "rows").replace('"headers"', "headers"),
    "Python": lambda source: source.replace("null", "None").replace("true", "True").replace("false", "False"),
    "single quotes": lambda source: source.replace('"', "'"),
    "no comma between rows": lambda source: source.replace("], [", "] ["),
}


def ready(source: str) -> BlockReady | None:
    return next((event for event in parse([source]) if isinstance(event, BlockReady)), None)


@given(tables, st.sampled_from(sorted(FAULTS)))
def test_a_table_with_a_fault_of_syntax_is_the_table(table: dict[str, Any], fault: str) -> None:
    source = json.dumps(table)
    broken = FAULTS[fault](source)
    block = ready(broken)
    assert block is not None
    assert repr(block.block.model_dump(mode="json")) == repr(table)
    if broken != source:
        assert block.repairs == (Repair.SYNTAX,)


CHART = '{"type":"chart","chartType":"bar","title":"T","config":{"n":{"label":"N","color":"c"}},'


@pytest.mark.parametrize("data", ['[{"s":"a","n":null}]', '[{"s":"a","n":"N/A"},{"s":"b"}]'])
def test_a_series_without_a_number_is_refused(data: str) -> None:
    rejected = parse([f'{CHART}"data":{data}}}'])[-1]
    assert isinstance(rejected, BlockRejected)
    assert "names no number" in rejected.detail


@pytest.mark.parametrize(
    ("source", "repairs"),
    [
        (
            CHART + '"data":[{"n":"3"}]}',
            (Repair.NUMBER,),
        ),
        ('{"type":"table","headers":["a","b"],"rows":[["x"]]}', (Repair.ROW,)),
        ('{"type":"table","columns":["a"],"rows":[{"A":1}]}', (Repair.MEMBER_NAME, Repair.ROW)),
        ('{"type":"entity_ref","entity":"tasks","ids":[1]}', (Repair.ENTITY, Repair.ID)),
    ],
)
def test_each_repair_is_named(source: str, repairs: tuple[Repair, ...]) -> None:
    block = ready(source)
    assert block is not None
    assert block.repairs == repairs


def test_a_row_with_a_name_of_no_column_is_not_repaired() -> None:
    source = '{"type":"table","headers":["a"],"rows":[{"a":1,"other":2}]}'
    rejected = parse([source])[-1]
    assert isinstance(rejected, BlockRejected)
    assert rejected.source == source


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]


@given(tables, st.data())
def test_no_repair_changes_a_number(table: dict[str, Any], data: st.DataObject) -> None:
    broken, _ = data.draw(spoiled(json.dumps(table)))
    for event in parse([broken]):
        if isinstance(event, BlockReady):
            written = {float(match.group()) for match in NUMBER.finditer(broken)}
            for leaf in leaves(event.block.model_dump(mode="json")):
                if isinstance(leaf, int | float) and not isinstance(leaf, bool):
                    assert float(leaf) in written


@pytest.mark.parametrize(
    "written",
    ["10%", "1,234", "007", "1_000", "1.5.3", "1/2", "12abc", "5-3", "-Infinity", "1e999", "- 5", "2024-01-02", "$5"],
)
def test_what_looks_like_a_number_is_kept_as_written_or_refused(written: str) -> None:
    value = repaired('{"a": ' + written + ', "b": 1}')
    if value is not None and value["a"] is not None:
        assert isinstance(value["a"], str)
        assert value["a"].strip() == written
        assert value["b"] == 1


@pytest.mark.parametrize(
    ("source", "value", "kept"),
    [
        ('{"a": 1}', {"a": 1}, True),
        ('{"a": 1}', {"a": 2}, False),
        ('{"a": 1, "b": 1}', {"a": 1}, False),
        ('{"a": 1}', {"a": 1, "b": 1}, False),
        ('{"a": 1}', {"a": "1"}, True),
        ('{"a": "1"}', {"a": 1}, False),
        ('{"a": 1.50}', {"a": 1.5}, True),
        ('{"a": 12345678901234567890}', {"a": 12345678901234567890}, True),
        ('{"a": 12345678901234567890}', {"a": 12345678901234567891}, False),
    ],
)
def test_numbers_are_compared(source: str, value: Any, kept: bool) -> None:
    assert keeps_numbers(source, value) is kept


def unambiguous(source: str, value: Any) -> bool:
    """Whether the source can only mean `value`: it holds every word of it, and nothing that looks like another."""
    return isinstance(value, dict) and keeps_numbers(source, value)


@given(tables, st.data())
def test_the_person_sees_what_json_repair_reads(table: dict[str, Any], data: st.DataObject) -> None:
    """The oracle of repairs: of a source that json-repair reads as a valid table, without a number lost."""
    fault = data.draw(st.sampled_from(sorted(FAULTS)))
    broken = FAULTS[fault](json.dumps(table))
    expected = json_repair.loads(broken, skip_json_loads=True)
    block = ready(broken)
    if unambiguous(broken, expected) and block is not None:
        assert repr(block.block.model_dump(mode="json")["rows"]) == repr(expected["rows"])  # type: ignore[index,call-overload]
    assert block is not None


def test_a_long_or_hard_source_is_not_repaired() -> None:
    assert repaired('{"a": [' + "1," * MOST_CHARACTERS + "]}") is None
    assert repaired('{"a": ["' + '"x" y' * 3_000 + '"]}') is None


def test_a_block_that_was_cut_inside_a_value_is_unfinished() -> None:
    for cut in ('"rows":[["x"],["y', '"rows":[["x"],[12', '"rows":[["x"],[nul', '"rows":[["x"],["y"'):
        last = parse(['{"type":"table","headers":["a"],' + cut])[-1]
        assert isinstance(last, BlockRejected)
        assert last.reason == "unfinished"
    for cut in ('"rows":[["x"],["y"]', '"rows":[["x"],["y"],', '"rows":[["x"],["y"]] '):
        last = parse(['{"type":"table","headers":["a"],' + cut])[-1]
        assert isinstance(last, BlockReady)
        assert last.block.model_dump()["rows"] == [["x"], ["y"]]
        assert last.repairs == (Repair.CLOSERS,)


@pytest.mark.parametrize("number", ["2.50", "0.10", "1e3", "-1.20E2", "10.0"])
def test_a_number_in_another_spelling_does_not_prevent_a_repair(number: str) -> None:
    for source in (f"{{'rows':[[{number}],['x']]}}", f'{{"rows":[[{number}],["x"],]}}'):
        assert repaired(source) == {"rows": [[float(number)], ["x"]]}


def test_strings_that_only_open_are_work() -> None:
    assert work('{"a":["b"],"c":{"d":"e"}}') == 0
    source = '{"answer":["' * 1_000
    assert work(source) == len(source) * 1_000 > MOST_WORK
    assert repaired(source) is None


@pytest.mark.parametrize("unit", ["(", "((1,", "[(", '{"a":(', "{", "{'a': (", "["])
def test_brackets_that_only_open_are_not_repaired(unit: str) -> None:
    source = "{'a': " + unit * 10_000
    began = time.process_time()
    assert repaired(source) is None
    assert time.process_time() - began < 0.3  # 1 to 3 seconds in json-repair


def test_brackets_in_strings_and_next_to_one_another_are_repaired() -> None:
    assert repaired('{"a":["' + "((" * 100 + '",],}') == {"a": ["(" * 200]}
    assert repaired("{'a': [" + "(1,)," * 200 + "]}") == {"a": [[1]] * 200}
