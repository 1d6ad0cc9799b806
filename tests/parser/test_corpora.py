"""Public JSON corpora, each document the value of a block's field with another block after it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from parser import BlockReady, BlockRejected, Event, RejectReason, TextDelta, TimelineBlock
from tests.parser.feeds import assert_same_however_cut, parse, random_splits
from tests.parser.shared_data import JSON, needs_corpora, rows, suite_file

pytestmark = needs_corpora
SUITE = {row["file"]: row["expect"] for row in rows("jsontestsuite/index.jsonl")}
LONGEST_FOR_EVERY_SPLIT = 250


def embedded(value: str) -> str:
    """An answer of a timeline with `value` in a field that passes through, and a text block."""
    checkpoint = f'{{"id":"a","title":"b","date":1,"x":{value}}}'
    return f'[{{"type":"timeline","checkpoints":[{checkpoint}]}},{{"type":"text","content":"after"}}]'


def read(value: str) -> list[Event]:
    source = embedded(value)
    return assert_same_however_cut(source, single=len(source) < LONGEST_FOR_EVERY_SPLIT)


def accepted(events: list[Event]) -> Any:
    """The value that came through, when the block was accepted and so was the one after it."""
    ready = [event.block for event in events if isinstance(event, BlockReady)]
    assert events[-1] == TextDelta(1, "after")
    assert len(ready) == 1
    assert isinstance(ready[0], TimelineBlock)
    assert ready[0].checkpoints[0].model_extra is not None
    return ready[0].checkpoints[0].model_extra["x"]


def refused(events: list[Event]) -> RejectReason:
    """The reason, when the block was refused and the one after it was not."""
    rejected = [event for event in events if isinstance(event, BlockRejected)]
    assert events[-1] == TextDelta(1, "after")
    assert len(rejected) == 1
    assert not any(isinstance(event, BlockReady) for event in events)
    return rejected[0].reason


def assert_refused_or_repaired(text: str, events: list[Event]) -> None:
    """Wrong JSON is refused, or repaired without a change to a number. Nothing after it is lost."""
    shown = "".join(event.text for event in events if isinstance(event, TextDelta))
    sources = "".join(event.source for event in events if isinstance(event, BlockRejected))
    assert "after" in shown or "after" in sources or "after" in str(events)
    for event in events:
        if isinstance(event, BlockRejected):
            assert event.reason in REFUSALS
        if isinstance(event, BlockReady):
            assert event.repairs, text
            assert isinstance(event.block, TimelineBlock)
            for checkpoint in event.block.checkpoints:
                for number in numbers_in(checkpoint.model_extra):
                    assert number in written_numbers(text), (text, number)


REFUSALS = {
    RejectReason.INVALID_JSON,
    RejectReason.TOO_DEEP,
    RejectReason.INVALID_FIELD,
    RejectReason.INVALID_NUMBER,
    RejectReason.UNFINISHED,
}


def numbers_in(value: Any) -> set[float]:
    if isinstance(value, dict):
        return set().union(*map(numbers_in, value.values()))
    if isinstance(value, list):
        return set().union(*map(numbers_in, value))
    return {float(value)} if isinstance(value, int | float) and not isinstance(value, bool) else set()


def written_numbers(text: str) -> set[float]:
    return {float(written) for written in re.findall(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", text)}


def without_surrogates(value: Any) -> Any:
    """`value` as json.loads has it, with U+FFFD for the unpaired surrogates that it keeps and we do not."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types: 1, 1.0 and True are three things, and -0.0 is not 0.0."""
    return repr(left) == repr(right)


@pytest.mark.parametrize("name", [name for name, expect in SUITE.items() if expect == "accept"])
def test_what_must_be_accepted_is_what_json_loads_gives(name: str) -> None:
    text = suite_file(name)
    assert same(accepted(read(text)), without_surrogates(json.loads(text)))


@pytest.mark.parametrize("name", [name for name, expect in SUITE.items() if expect == "reject"])
def test_what_must_be_refused_is_refused_or_repaired(name: str) -> None:
    text = suite_file(name)
    source = embedded(text)
    events = read(text) if len(source) < 20_000 else parse([source])
    assert_refused_or_repaired(text, events)


# What the suite leaves open and we refuse. The rest we accept, with U+FFFD for a wrong character, or repair.
FREE_REFUSED = {
    "i_number_huge_exp": RejectReason.INVALID_NUMBER,
    "i_number_neg_int_huge_exp": RejectReason.INVALID_NUMBER,
    "i_number_pos_double_huge_exp": RejectReason.INVALID_NUMBER,
    "i_number_real_neg_overflow": RejectReason.INVALID_NUMBER,
    "i_number_real_pos_overflow": RejectReason.INVALID_NUMBER,
    "i_structure_500_nested_arrays": RejectReason.TOO_DEEP,
}


FREE_REPAIRED = {
    "i_string_UTF-16LE_with_BOM",
    "i_string_utf16BE_no_BOM",
    "i_string_utf16LE_no_BOM",
    "i_structure_UTF-8_BOM_empty_object",
}


@pytest.mark.parametrize("name", [name for name, expect in SUITE.items() if expect not in ("accept", "reject")])
def test_what_is_free(name: str) -> None:
    text = suite_file(name)
    stem = name.rpartition("/")[2].removesuffix(".json")
    if stem in FREE_REFUSED:
        assert refused(read(text)) is FREE_REFUSED[stem]
    elif stem in FREE_REPAIRED:
        assert_refused_or_repaired(text, read(text))
    else:
        assert same(accepted(read(text)), without_surrogates(json.loads(text)))


@pytest.mark.parametrize("row", rows("jsonorg-checker.jsonl"), ids=lambda row: str(row["name"]))
def test_jsonorg(row: dict[str, str]) -> None:
    events = read(row["input"])
    if row["name"] in {"fail7", "fail10"}:
        # What follows the value belongs to the field's object here: a comma or a string is wrong there all the same.
        assert_refused_or_repaired(row["input"], events)
        return
    try:
        expected = json.loads(row["input"])
    except ValueError:
        assert_refused_or_repaired(row["input"], events)
    else:
        assert same(accepted(events), expected)


@pytest.mark.parametrize("path", sorted(JSON.glob("documents/*.json")), ids=lambda path: str(path.name))
def test_document(path: Any) -> None:
    text = path.read_text("utf-8")
    events = read(text)
    assert same(accepted(events), json.loads(text))


def test_four_thousand_values() -> None:
    path = JSON / "valid-values-jsonriver-a.txt"
    for number, line in enumerate(path.read_text("utf-8").splitlines()):
        source = embedded(line)
        events = parse([source])
        assert same(accepted(events), json.loads(line)), line
        assert parse(random_splits(source, number)) == events, line


def test_fragments_as_providers_cut_them() -> None:
    for row in rows("real-fragments.jsonl"):
        whole = "".join(row["fragments"])
        assert parse(row["fragments"]) == parse([whole])
        head, _, tail = embedded("\0").partition("\0")
        events = parse([head, *row["fragments"], tail])
        assert events == parse([head + whole + tail])
        if row["valid_json"]:
            assert same(accepted(events), without_surrogates(json.loads(whole)))


@pytest.mark.parametrize("name", ["real-outputs.jsonl", "partial-vercel-fixjson.jsonl", "partial-jiter.jsonl"])
def test_anything_as_an_answer_and_as_a_value(name: str) -> None:
    key = "text" if name.startswith("real") else "input"
    for text in sorted({row[key] for row in rows(name) if row.get(key) is not None}):
        assert_same_however_cut(text, single=len(text) < LONGEST_FOR_EVERY_SPLIT)
        events = read(text)
        try:
            expected = json.loads(text)
        except (ValueError, RecursionError):
            assert_refused_or_repaired(text, events)
            continue
        if isinstance(events[1], BlockRejected):
            assert events[1].reason in {RejectReason.TOO_DEEP, RejectReason.INVALID_NUMBER}, text
            continue
        assert same(accepted(events), without_surrogates(expected)), text
