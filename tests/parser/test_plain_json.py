"""The reader of plain blocks takes only what ijson takes, with the same values, and a block is the same either way."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parser import BlockParser, BlockReady, BlockType, Limits
from parser.block_reader import ReadBlock, read_block, strict_block
from parser.plain_json import plain_object
from parser.yajl import Decoder
from tests.parser.feeds import parse

PIECES = (
    *('"', "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "\x0b", "\x0c", "\x00", "\x7f", "\\", "\\u", "\\n", "\\/"),
    *("\\x", "\\ud83d", "\\ude00", "\\u0000", "é", "😀", "\ufeff", "/", "//", "/*", "#", "'", "a", '"a":', '"b"'),
    *("0", "1", "-", "+", ".", "e", "E", "e+", "01", "-0", "-0.0", "1.", ".5", "1e5", "1E-2", "1e99", "1e308", "1e309"),
    *("1e400", "-1e400", "1e+0400", "9" * 19, "9" * 20, "9" * 99, "9" * 320, "9" * 4301, "0." + "3" * 120, "5e-324"),
    *("true", "false", "null", "tru", "NaN", "Infinity", "-Infinity", "nan", "True", "None", "undefined"),
)
sources = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
numbers = st.one_of(
    st.integers(-(10**25), 10**25).map(str),
    st.floats().map(repr),
    st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
)


def exactly(value: Any) -> Any:
    """`value` so that 1, 1.0 and True differ, as do 0.0 and -0.0, and the order of members."""
    return repr(value)


def assert_a_part_of_ijson(source: str) -> None:
    plain = plain_object(source.encode("utf-8", "surrogatepass"))
    if plain is not None:
        assert exactly(plain) == exactly(Decoder().decode(source))


@given(sources, st.booleans())
@example("1e400", True)
@example("9" * 310 + ".0", True)
@example("9" * 290 + "e90", True)
@example("-" + "9" * 320 + ".5e-3", True)
@example('{"a":1,"a":2},"b":3,"a":4', True)
@example('"\\ud800"', True)
@example("1}\x0b", True)
def test_whatever_it_takes_ijson_takes_with_the_same_values(source: str, wrapped: bool) -> None:
    assert_a_part_of_ijson('{"x":' + source + "}" if wrapped else source)


@given(st.lists(numbers, max_size=5))
def test_numbers_are_the_same(written: list[str]) -> None:
    assert_a_part_of_ijson('{"x":[' + ",".join(written) + "]}")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists), st.booleans())
def test_what_json_dumps_is_the_same(value: Any, ascii_only: bool) -> None:
    assert_a_part_of_ijson(json.dumps({"x": value}, ensure_ascii=ascii_only))


@pytest.mark.parametrize("source", ["-0", "12", "-0.0", "1.5", "1e5", "9" * 40, '"é\\n"', "null", '{"a":1,"a":2}'])
def test_plain_values_are_taken(source: str) -> None:
    value = plain_object(('{"x":' + source + "}").encode())
    assert value is not None
    assert exactly(value["x"]) == exactly(json.loads(source))


@pytest.mark.parametrize(
    "source",
    [
        *("NaN", "Infinity", "-Infinity", "1e400", "-1E+400", "1e0400", "9" * 310 + ".0", "9" * 250 + "e99"),
        *("1.", "01", '"\\ud800"', '"\x01"', "[1,]", "1 2", "/**/1"),
    ],
)
def test_doubts_are_refused(source: str) -> None:
    assert plain_object(('{"x":' + source + "}").encode()) is None


@pytest.mark.parametrize("source", ["[]", "1", "null", '"x"', ""])
def test_only_an_object_is_taken(source: str) -> None:
    assert plain_object(source.encode()) is None


cells = st.one_of(
    st.sampled_from(
        ("1", "-0", "-0.0", "1.5", "1e5", "1e400", "NaN", "9" * 25, "true", "null", '"a"', '"\\ud800"', "[]", "{}")
    ),
    st.sampled_from(('"2024-05-01"', "1700000000000", '"task"', '"n"', '""', '"7"', "1700000000000.0", '{"n":1}')),
    numbers,
)
SHAPES = (
    '{"type":"table","headers":["a",%s],"rows":[[%s,%s]]}',
    '{"type":"table","headers":["a"],"headers":["a","b"],"rows":[[%s,%s]],"items":[%s]}',
    '{"type":"table","headers":["a"],"rows":[[1],[2,%s]],"rows":[[%s],%s]}',
    '{"type":"chart","chartType":"bar","title":"t","data":[{"n":%s,"s":%s}],"config":{"n":{"label":"","color":%s}}}',
    '{"type":"chart","chartType":"pie","title":%s,"from":{"entity":"task","limit":%s,"filter":{"a":%s}}}',
    '{"type":"timeline","checkpoints":[{"id":%s,"title":"b","date":%s,"x":%s}]}',
    '{"type":"timeline","from":%s,"checkpoints":[{"id":"a","title":"b","date":%s,"date":%s}]}',
    '{"type":"entity_ref","entity":%s,"ids":["a",%s],"more":%s}',
    '{"type":"entity_ref","entity":"task","entity":%s,"ids":null,"n":{"a":%s,"a":%s}}',
)


@given(st.sampled_from(SHAPES), st.tuples(cells, cells, cells))
@example(SHAPES[0], ('"b"', "1", '"x"'))
@example(SHAPES[3], ("1", '"a"', '"c"'))
@example(SHAPES[5], ('"a"', '"2024-05-01"', "1e400"))
@example(SHAPES[7], ('"task"', '"b"', "1"))
def test_a_block_is_the_same_as_through_ijson(shape: str, written: tuple[str, str, str]) -> None:
    source = shape % written
    kind = BlockType(json.loads(source.partition(",")[0] + "}")["type"])
    limits = Limits()
    block = strict_block(kind, source, limits)
    read = read_block(kind, source, limits, Decoder(), budget=10**6)
    if block is not None:
        assert isinstance(read, ReadBlock)
        assert read.repairs == ()
        assert exactly(block.model_dump()) == exactly(read.block.model_dump())
    elif isinstance(read, ReadBlock) and not read.repairs:
        # Only these doubts cost a second reading.
        assert "\\ud800" in source or any(len(number) > 99 or "e" in number.lower() for number in written)
    assert parse([source]) == parse(source)


@pytest.mark.parametrize("number", ["1e400", "9" * 310 + ".5", "NaN"])
def test_no_block_has_a_number_that_is_not_finite(number: str) -> None:
    for shape in SHAPES:
        for event in parse(shape % (number, number, number)):
            if isinstance(event, BlockReady):
                assert "inf" not in repr(event.block)
                assert not math.isinf(float(str(event.block.model_dump().get("title", 0)) or 0))


@pytest.mark.parametrize(
    ("source", "limits"),
    [
        ('{"type":"table","headers":["a"],"rows":[["b"]],"items":[1,2,3]}', Limits(rows=2)),
        ('{"type":"table","headers":["a"],"rows":[["b"]],"config":{"a":1,"b":2}}', Limits(columns=1)),
        ('{"type":"table","headers":["a"],"rows":[["b"]],"data":[1,2,3]}', Limits(points=2)),
        ('{"type":"table","headers":["a"],"rows":[["b"]],"data":[1,{"a":1,"b":2}]}', Limits(columns=1)),
        ('{"type":"table","headers":["a"],"rows":[["b"]],"x":[[[1]]]}', Limits(depth=3)),
    ],
)
def test_a_limit_on_a_member_of_another_block_holds_however_the_text_is_cut(source: str, limits: Limits) -> None:
    assert parse(source, limits) == parse([source], limits)
    assert not any(isinstance(event, BlockReady) for event in parse(source, limits))


@pytest.mark.parametrize("begin", ["", "x", "[", '[{"type":"table"', '[{"type":"text","content":"a'])
@pytest.mark.parametrize("text", ["x", "[", "é", "}", '[{"type":"table"'])
def test_no_fast_path_takes_text_after_close(begin: str, text: str) -> None:
    parser = BlockParser()
    parser.feed(begin)
    parser.close()
    with pytest.raises(ValueError, match="after close"):
        parser.feed(text)
