"""Limits: each is reached, then passed. A block's size is watched while it arrives, the others when it is whole."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from parser import (
    BlockOpened,
    BlockParser,
    BlockReady,
    BlockRejected,
    BlockType,
    Event,
    Limits,
    RejectReason,
    TextDelta,
)
from tests.parser.feeds import assert_same_however_cut, parse

R = RejectReason
LIMITS = Limits(block_bytes=300, depth=4, rows=2, columns=2, points=2, string_chars=11, lookahead_chars=20)
TABLE = '{"type":"table","headers":["a"],"rows":['
CHART = '{"type":"chart","chartType":"bar","title":"t","config":{"a":{"label":"","color":""}},"data":['
PASSED = {
    "depth": (TABLE, "[", "]]}", R.TOO_DEEP),
    "rows": (TABLE, '["a"],', '["a"]]}', R.TOO_MANY_ROWS),
    "checkpoints": ('{"type":"timeline","checkpoints":[', "{},", "{}]}", R.TOO_MANY_ROWS),
    "ids": ('{"type":"entity_ref","entity":"task","ids":[', '"a",', '"a"]}', R.TOO_MANY_ROWS),
    "headers": ('{"type":"table","rows":[],"headers":[', '"a",', '"a"]}', R.TOO_MANY_COLUMNS),
    "cells": (TABLE + "[", "1,", "1]]}", R.TOO_MANY_COLUMNS),
    "points": (CHART, '{"a":1},', '{"a":1}]}', R.TOO_MANY_POINTS),
    "string": ('{"type":"table","x":"', "é", '"}', R.STRING_TOO_LONG),
    "escapes": ('{"type":"table","x":"', r"\ud83d\ude00", '"}', R.STRING_TOO_LONG),
    "key": ('{"type":"table","', "k", '":1}', R.STRING_TOO_LONG),
}


@pytest.mark.parametrize("space", range(8, 24))
def test_the_look_ahead_is_as_long_however_the_text_is_cut(space: int) -> None:
    events = assert_same_however_cut("{" + " " * space + '"type":"text","content":"x"}', LIMITS)
    assert (events[1].text == "x") is (space < 13)  # type: ignore[union-attr]  # the text of one block


@pytest.mark.parametrize("name", PASSED)
def test_a_limit_is_enforced_however_the_text_is_cut(name: str) -> None:
    head, more, tail, reason = PASSED[name]
    events = assert_same_however_cut(head + more * 12 + tail + '{"type":"text","content":"next"}', LIMITS, single=False)
    rejected = next(event for event in events if isinstance(event, BlockRejected))
    assert rejected.reason is reason
    assert events[-1] == TextDelta(1, "next")


@pytest.mark.parametrize("name", PASSED)
def test_no_block_is_held_beyond_its_bytes(name: str) -> None:
    head, more, _, _ = PASSED[name]
    parser = BlockParser(LIMITS)
    events: list[Event] = []
    fed = 0
    for chunk in (head, *repeat(more, 400)):
        if any(isinstance(event, BlockRejected) for event in events):
            break
        events += parser.feed(chunk)
        fed += len(chunk)
    assert isinstance(events[-1], BlockRejected)
    assert events[-1].reason is R.TOO_LARGE
    assert fed <= LIMITS.block_bytes + len(more)
    assert len(events[-1].source.encode()) <= LIMITS.block_bytes + len(more.encode())
    assert parser.close() == []


def test_an_object_that_is_too_large_to_be_told_is_text() -> None:
    source = '{"content":"' + "abcd" * 100
    events = assert_same_however_cut(source, LIMITS, single=False)
    assert events == [BlockOpened(0, BlockType.TEXT), TextDelta(0, source)]


def test_a_limit_may_be_reached() -> None:
    answer = '{"type":"table","headers":["aaaaaaaaaa","b"],"rows":[["😀😀😀😀😀😀😀😀😀😀",2],["c",4]],"x":[[[]]]}'
    for chunks in ([answer], list(answer)):
        assert isinstance(parse(chunks, LIMITS)[-1], BlockReady)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(block_bytes=62), R.TOO_LARGE),
        (Limits(depth=3), R.TOO_DEEP),
        (Limits(rows=2), R.TOO_MANY_ROWS),
        (Limits(columns=1), R.TOO_MANY_COLUMNS),
        (Limits(string_chars=7), R.STRING_TOO_LONG),
    ],
)
def test_one_more_than_a_limit_is_too_much(limits: Limits, reason: RejectReason) -> None:
    good = '{"type":"table","headers":["éa"],"rows":[["b"],["c"]],"x":""}'
    more = {
        R.TOO_LARGE: good.replace('""', '"é"'),
        R.TOO_DEEP: good.replace('"b"', "[]"),
        R.TOO_MANY_ROWS: good.replace('["b"]', '["b"],["b"]'),
        R.TOO_MANY_COLUMNS: good.replace('"b"', '"b","b"'),
        R.STRING_TOO_LONG: good.replace('"b"', '"bbbbbbbb"'),
    }[reason]
    for chunks in ([good], list(good)):
        assert isinstance(parse(chunks, limits)[-1], BlockReady)
    for chunks in ([more], list(more)):
        last = parse(chunks, limits)[-1]
        assert isinstance(last, BlockRejected)
        assert last.reason is reason


def test_an_open_block_is_too_large_with_the_first_byte_past_the_limit() -> None:
    for chunks in (["{" + '"type":"table","x":[' + "1," * 300], ['{"type":"table","x":[', *"1," * 300]):
        last = parse(chunks, LIMITS)[-1]
        assert isinstance(last, BlockRejected)
        assert (last.reason, last.offset) == (R.TOO_LARGE, LIMITS.block_bytes)


def test_limits_are_positive() -> None:
    with pytest.raises(ValueError, match="depth must be at least 1"):
        Limits(depth=0)


ENDLESS = {
    "string": ('{"type":"table","x":"', "abc"),
    "one character": ('{"type":"table","x":"', "a"),
    "escapes": ('{"content":"', "\\"),
    "arrays": ('{"type":"table","x":', "["),
    "objects": ('{"type":"chart","data":[', '{"a":'),
    "white space": ('{"type":"table"', "    "),
    "digits": ('{"type":"table","x":', "9"),
    "members": ('{"type":"table"', ',"x":1'),
    "text": ('{"type":"text","content":"', "word "),
    "prose": ("", "[ "),
    "broken": ('{"type":"table",!', '{"'),
    "refused": ('{"type":"video"', ',"x":[1'),
    "wrappers": ("", '{"blocks":['),
    "separators": ('{"type":"text","content":""}', ","),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_memory_is_bounded_whatever_is_fed(name: str) -> None:
    head, more = ENDLESS[name]
    limits = Limits(block_bytes=2_000, string_chars=1_000)
    stream: Iterator[str] = chain([head], repeat(more, 8_000))
    parser = BlockParser(limits)
    for chunk in stream:
        parser.feed(chunk)
        if not tracemalloc.is_tracing():
            tracemalloc.start()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Built values take more room than their source, and a refused block's brackets one byte each.
    assert peak < 300_000
