"""What holds for every answer, whole or spoiled, however it is cut."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import jiter
from hypothesis import given
from hypothesis import strategies as st

from parser import (
    BlockOpened,
    BlockParser,
    BlockReady,
    BlockType,
    ChartBlock,
    EntityRefBlock,
    Event,
    Limits,
    TableBlock,
    TextDelta,
    TimelineBlock,
)
from tests.parser.documents import answers, characters, chunked, spoiled
from tests.parser.feeds import assert_orderly, merged, parse
from tests.parser.test_corpora import without_surrogates

MODELS: Mapping[str, Any] = {
    "chart": ChartBlock,
    "table": TableBlock,
    "timeline": TimelineBlock,
    "entity_ref": EntityRefBlock,
}


def expected(made: list[dict[str, Any]]) -> list[Event]:
    """What must come of valid blocks, by json.loads and pydantic alone."""
    events: list[Event] = []
    for index, source in enumerate(made):
        block = without_surrogates(json.loads(json.dumps(source)))
        kind = block["type"]
        events.append(BlockOpened(index, BlockType(kind)))
        if kind != "text":
            events.append(BlockReady(index, MODELS[kind].model_validate(block)))
        elif block["content"]:
            events.append(TextDelta(index, block["content"]))
    return events


@given(answers(), st.data())
def test_what_comes_out_is_what_json_loads_gives(answer: tuple[str, list[dict[str, Any]]], data: st.DataObject) -> None:
    source, made = answer
    events = parse(data.draw(chunked(source)))
    assert repr(events) == repr(expected(made))


@given(answers(), st.data())
def test_a_fault_harms_nothing_before_it(answer: tuple[str, list[dict[str, Any]]], data: st.DataObject) -> None:
    source, made = answer
    broken, at = data.draw(spoiled(source))
    events = parse(data.draw(chunked(broken)))
    assert_orderly(events)
    assert events == parse([broken])
    # Blocks that were whole before the fault come out as from the good source.
    whole = merged(BlockParser().feed(source[:at]))
    last = max((event.index for event in whole), default=0)
    good = [event for event in whole if event.index < last]
    assert events[: len(good)] == good
    assert expected(made)[: len(good)] == good


@given(st.text(characters, max_size=200), st.data())
def test_any_text_at_all(source: str, data: st.DataObject) -> None:
    events = parse(data.draw(chunked(source)))
    assert_orderly(events)
    assert events == parse([source])
    if "{" not in source and "[" not in source and "`" not in source:
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        # U+FFFD for each unpaired surrogate; a byte-order mark and white space before the text are not prose.
        paired = source.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        assert text == paired.removeprefix("\ufeff").lstrip(" \t\r\n")


STRUCTURAL = ('{"type":"text"', '{"type":"table"', '{"blocks":[', '"content":"', '"rows":[[', '{"a":', '"type":"text"')
LEXICAL = (
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "\\u",
    "\\ud83d",
    "\\ude00",
    "d8",
    "1",
    "-",
    "1e999",
    "nul",
    "l",
    "true",
)
OTHER = (
    "1e999",
    "\n",
    " ",
    "```json\n",
    "```",
    "é",
    '"chartType":"x"',
    "\x0c",
    "\x0b",
    "\ud800",
    "\udc00",
    '"rows":[]}',
)
json_pieces = st.sampled_from((*STRUCTURAL, *LEXICAL, *OTHER))


@given(st.lists(json_pieces, max_size=40), st.data())
def test_any_tokens_at_all(pieces: list[str], data: st.DataObject) -> None:
    source = "".join(pieces)
    events = parse(data.draw(chunked(source)))
    assert_orderly(events)
    assert events == parse([source])
    assert events == parse(pieces)


SMALL = Limits(block_bytes=120, depth=4, rows=2, columns=2, points=2, string_chars=10, lookahead_chars=20)


@given(answers(), st.data())
def test_limits_are_seen_at_the_same_place_however_cut(
    answer: tuple[str, list[dict[str, Any]]], data: st.DataObject
) -> None:
    source, _ = answer
    events = parse(data.draw(chunked(source)), SMALL)
    assert_orderly(events)
    assert events == parse([source], SMALL)
    assert events == parse(source, SMALL)


# Where jiter's partial mode and ours differ, each by name.
JITER_UNDEFINED = {
    "a backslash, or an escape that is not complete": re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z"),
    "a first half of a surrogate pair that may get its second": re.compile(r"\\u[dD][89abAB]..(?:\\u?.{0,3})?\Z"),
    "a brace that may be the end of the text": re.compile(r"(?:\{\s*[\"']?\s*|\}[}\]\s,]*(?:\{\s*)?)\Z"),
    "an unpaired surrogate, which jiter refuses": re.compile(r"\\u[dD][89a-fA-F]"),
}


@given(st.text(characters.filter(lambda character: not "\ud800" <= character <= "\udfff"), max_size=20), st.booleans())
def test_text_so_far_is_what_jiter_has_of_every_prefix(content: str, ascii_only: bool) -> None:
    source = json.dumps({"type": "text", "content": content}, ensure_ascii=ascii_only)
    parser = BlockParser()
    events: list[Event] = []
    for end in range(1, len(source) + 1):
        events += parser.feed(source[end - 1])
        prefix = source[:end]
        if any(JITER_UNDEFINED[name].search(prefix) for name in list(JITER_UNDEFINED)[:3]):
            continue
        partial = jiter.from_json(prefix.encode(), partial_mode="trailing-strings")
        if partial.get("type") == "text":
            text = "".join(event.text for event in merged(events) if isinstance(event, TextDelta))
            assert text == partial.get("content", "")
