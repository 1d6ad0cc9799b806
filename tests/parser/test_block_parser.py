"""Inputs and their events: one table, each case fed whole, by character and at every split."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parser import BlockOpened, BlockParser, BlockReady, BlockRejected, Event, RejectReason, TextDelta
from tests.parser.feeds import assert_same_however_cut

TABLE = '{"type":"table","headers":["a","b"],"rows":[["x}]",1],["y",2.5]]}'
CHART = (
    '{"type":"chart","chartType":"bar","title":"Tasks","data":[{"week":"1","open":2}],'
    '"config":{"open":{"label":"Open","color":"#123"}}}'
)
TIMELINE = '{"type":"timeline","checkpoints":[{"id":"c1","title":"Ship","date":1700000000000}]}'
REFERENCE = '{"type":"entity_ref","entity":"task"}'
TEXT = '{"type":"text","content":"Hi"}'

Short = tuple[Any, ...]


def short(event: Event) -> Short:
    match event:
        case BlockOpened(index, block_type):
            return (index, "opened", str(block_type))
        case TextDelta(index, text):
            return (index, text)
        case BlockReady(index, block):
            return (index, "ready", type(block).__name__)
        case BlockRejected(index, reason):
            return (index, reason)
    raise AssertionError(event)


def text(index: int, content: str) -> list[Short]:
    return [(index, "opened", "text"), (index, content)]


def ready(index: int, block_type: str, model: str) -> list[Short]:
    return [(index, "opened", block_type), (index, "ready", model)]


HI = text(0, "Hi")
FORMS = {
    "array": (f"[{TEXT},{TABLE}]", HI + ready(1, "table", "TableBlock")),
    "every type": (
        f"[{TEXT}, {CHART}, {TABLE}, {TIMELINE}, {REFERENCE}]",
        HI
        + ready(1, "chart", "ChartBlock")
        + ready(2, "table", "TableBlock")
        + ready(3, "timeline", "TimelineBlock")
        + ready(4, "entity_ref", "EntityRefBlock"),
    ),
    "one per line": (f"{TEXT}\n{TABLE}\r\n", HI + ready(1, "table", "TableBlock")),
    "concatenated": (f"{TEXT}{TABLE}", HI + ready(1, "table", "TableBlock")),
    "spread out": (' [\n { "type" : "text" ,\n "content" : "Hi" }\n ]\n', HI),
    "fenced": (f"```json\n[{TEXT}]\n```\n", HI),
    "fenced, nothing said": (f"```\n[{TEXT}]\n```", HI),
    "fenced, prose around": (
        f"Here:\n```json\n[{TEXT}]\n```\nDone.",
        [*text(0, "Here:\n"), *text(1, "Hi"), *text(2, "Done.")],
    ),
    "prose only": ("Hello, world.\nBye.", text(0, "Hello, world.\nBye.")),
    "prose before, same line": (f"Sure: {REFERENCE}", text(0, "Sure: ") + ready(1, "entity_ref", "EntityRefBlock")),
    "prose between": (f"{TEXT}\nand\n{TEXT}", [*HI, *text(1, "and\n"), *text(2, "Hi")]),
    "byte-order mark": (f"\ufeff[{TEXT}]", HI),
    "trailing commas": (f"[{TEXT},\n,{TEXT},]", [*HI, *text(1, "Hi")]),
    "extra brackets": (f"[{TEXT}]]}}", HI),
    "array in array": (f"[[{TEXT}]]", HI),
    "empty array": (" [ ] ", []),
    "nothing": ("", []),
    "white space": (" \n\t ", []),
    "wrapper": (f'{{"blocks":[{TEXT},{TEXT}]}}', [*HI, *text(1, "Hi")]),
    "wrapper of another name": (f'{{"answer": [ {TEXT} ] }}', HI),
    "wrapper with other members": (
        f'{{"version":1,"blocks":[{TEXT}],"done":true,"x":{{"y":["}}"]}}}} bye',
        [*HI, *text(1, "bye")],
    ),
    "empty wrapper": ('{"blocks":[]}', []),
    "wrapper with an empty list": ('{"answer":"Hi","blocks":[]}', HI),
    "wrapper with nothing in its members": ('{"answer":[],"data":{},"choices":[[],{}],"content":"Hi"}', HI),
    "wrapper with a list of numbers": ('{"answer":"Hi","data":[1]}', text(0, '{"answer":"Hi","data":[1]}')),
    "unclosed text before a block with a long title": (
        (
            f'[{{"type":"text","content":"Hi}},{{"type":"chart","title":"{"A long title " * 6}","chartType":"bar",'
            '"data":[{"day":"Monday","open":3}],"config":{"open":{"label":"Open"}}}]'
        ),
        HI + ready(1, "chart", "ChartBlock"),
    ),
    "content before type": ('{"content":"Hi","type":"text"}', HI),
    "members around": ('{"id":{"a":[{}]},"type":"text","x":{"y":"z"},"content":"Hi","z":[1,2]}', HI),
    "escaped names": ('{"\\u0074ype":"te\\u0078t","con\\u0074ent":"Hi"}', HI),
    "escapes": (
        r'{"type":"text","content":"\"\\\/\b\f\n\r\t\u00e9 \ud83d\ude00 \ud83d \ude00 \ud83d\ud83d\ude00\u0000"}',
        text(0, '"\\/\b\f\n\r\té 😀 � � �😀\x00'),
    ),
    "surrogates as characters": ('{"type":"text","content":"\ud83d\ude00 \ud83d \ude00"}', text(0, "😀 � �")),
    "empty text": ('{"type":"text","content":""}', [(0, "opened", "text")]),
    "placeholder": ("{ADDRESS} is the capital", text(0, "{ADDRESS} is the capital")),
    "footnote": ("[1] see below", text(0, "[1] see below")),
    "check box": ("- [ ] one\n- [x] two", text(0, "- [ ] one\n- [x] two")),
    "set": ("{} and {1, 2} and {a: b}", text(0, "{} and {1, 2} and {a: b}")),
    "set of strings": ('{"a", "b"}', text(0, '{"a", "b"}')),
    "object in prose": ('Send {"id": 1} to it', text(0, 'Send {"id": 1} to it')),
    "almost": (f'{{"{TEXT}', [*text(0, '{"'), *text(1, "Hi")]),
    "link": ("[a](b) [[c]]", text(0, "[a](b) [[c]]")),
    "code": ("```python\nprint([1])\n```", text(0, "```python\nprint([1])\n```")),
    "ticks": ("`a` ``b`` ```c", text(0, "`a` ``b`` ```c")),
    "held at the end": ('Look: [{"type"', text(0, 'Look: [{"type"')),
}


@pytest.mark.parametrize("name", FORMS)
def test_form(name: str) -> None:
    source, expected = FORMS[name]
    assert [short(event) for event in assert_same_however_cut(source)] == expected


R = RejectReason
TAIL = f",{TEXT}]"
REFUSED = {
    # source, reason, offset of the fault, type
    "second type": ('{"type":"table","type":"table"}', R.INVALID_FIELD, 30, "table"),
    "unknown chart type": (
        '{"type":"chart","chartType":"hologram","title":"t","data":[{"a":1}],"config":{"a":{"label":"A","color":"c"}}}',
        R.UNKNOWN_CHART_TYPE,
        108,
        "chart",
    ),
    "chart without numbers": ('{"type":"chart","chartType":"bar","data":[{"a":"]}"}]}', R.INVALID_FIELD, 53, "chart"),
    "missing field": ('{"type":"table","headers":["a"]}', R.INVALID_FIELD, 31, "table"),
    "long row": ('{"type":"table","headers":["a"],"rows":[["x","y"]]}', R.INVALID_FIELD, 50, "table"),
    "row that is no row": ('{"type":"table","headers":["a","b"],"rows":["x"]}', R.INVALID_FIELD, 48, "table"),
    "unclosed string": ('{"type":"table","x":"a}', R.INVALID_JSON, 20, "table"),
    "unclosed array": ('{"type":"table","x":[1,}', R.INVALID_JSON, 23, "table"),
    "extra bracket": ('{"type":"table","x":1]}', R.INVALID_JSON, 21, "table"),
    "bad escape": (r'{"type":"table","x":"\q"}', R.INVALID_JSON, 21, "table"),
    "1e999": ('{"type":"table","headers":["a"],"rows":[[1e999]]}', R.INVALID_NUMBER, 48, "table"),
    "5000 digits": ('{"type":"table","headers":["a"],"rows":[[' + "9" * 5000 + "]]}", R.INVALID_NUMBER, 5043, "table"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_reason_and_a_place_and_the_next_block_is_unharmed(name: str) -> None:
    source, reason, offset, opened = REFUSED[name]
    events = assert_same_however_cut(f"[{source}{TAIL}", single=len(source) < 1000)
    assert [short(event) for event in events] == [(0, "opened", opened), (0, reason), *text(1, "Hi")]
    rejected = events[1]
    assert isinstance(rejected, BlockRejected)
    assert rejected.offset == offset + 1
    assert rejected.excerpt == f"[{source}{TAIL}"[1 : offset + 2][-80:]
    assert rejected.source.rstrip(",") == source


def test_feeding_after_close_is_misuse_and_closing_twice_is_not() -> None:
    parser = BlockParser()
    parser.feed('{"type":"table","rows":[["a')
    assert [short(event) for event in parser.close()] == [(0, R.UNFINISHED)]
    assert parser.close() == []
    with pytest.raises(ValueError, match="after close"):
        parser.feed("")


def test_every_character_of_text_leaves_with_its_chunk() -> None:
    for head in ('{"type":"text","content":"', '[{"type" : "text", "x": {"y": [1]}, "content" : "'):
        for size in range(1, 9):
            parser = BlockParser()
            for at in range(0, len(head), size):
                parser.feed(head[at : at + size])
            for chunk in ("a", " b", "\\n", "\\u00e9", "é😀", "c" * 200, "]", ",", ":", "'"):
                delta = parser.feed(chunk)
                assert [type(event) for event in delta] == [TextDelta], (head, size, chunk)
    parser = BlockParser()
    events = parser.feed('{"type":"text","content":"one') + parser.feed(r"\u00") + parser.feed("e9 two")
    assert [short(event) for event in events] == [(0, "opened", "text"), (0, "one"), (0, "é two")]


def test_a_block_is_ready_with_the_chunk_that_closes_it() -> None:
    for source in (TABLE, CHART, TIMELINE, REFERENCE):
        parser = BlockParser()
        assert not any(isinstance(event, BlockReady) for character in source[:-1] for event in parser.feed(character))
        assert [type(event) for event in parser.feed(source[-1])] == [BlockReady]


def test_a_string_that_was_not_closed_does_not_delay_the_next_block() -> None:
    parser = BlockParser()
    opened = parser.feed('[{"type":"table","headers":["a"],"rows":[["x]]},')
    assert [short(event) for event in opened] == [(0, "opened", "table")]
    events = [
        event for token in ('{"', "type", '":"text"', ',"content":"', "now", " and") for event in parser.feed(token)
    ]
    assert [short(event) for event in events] == [
        (0, "ready", "TableBlock"),
        *text(1, "now"),
        (1, " and"),
    ]


def test_the_last_of_duplicate_keys_counts() -> None:
    source = '{"type":"table","headers":["x"],"headers":["a"],"rows":[],"x":{"y":1,"y":2}}'
    ready = assert_same_however_cut(source)[-1]
    assert isinstance(ready, BlockReady)
    assert ready.block.model_dump()["headers"] == ["a"]


def test_a_fault_after_a_block_is_placed_in_the_stream() -> None:
    source = f'[{TABLE},{{"type":"table"}}]'
    last = assert_same_however_cut(source)[-1]
    assert isinstance(last, BlockRejected)
    assert (last.index, last.reason, last.offset) == (1, R.INVALID_FIELD, len(source) - 2)


def test_a_series_with_a_number_that_no_float_holds_is_refused() -> None:
    chart = {"type": "chart", "chartType": "bar", "title": "t", "config": {"n": {"label": "N", "color": "red"}}}
    source = json.dumps(chart | {"data": [{"n": 10**400}]})
    for chunks in ([source], list(source)):
        parser = BlockParser()
        events = [event for chunk in chunks for event in parser.feed(chunk)]
        rejected = events[-1]
        assert isinstance(rejected, BlockRejected)
        assert rejected.reason is RejectReason.INVALID_FIELD
