"""The work grows in proportion to the input, whatever it is. Counted in characters and steps, not in seconds."""

from __future__ import annotations

import pytest

from parser import BlockParser
from parser.repair import MOST_WORK, work

TEXT = '{"type":"text","content":"b"}'
INPUTS = {
    # the repeated part, the part before it, the part after it
    "content before type": ("word ", '{"content":"', '","type":"text"}'),
    "data before type": ('{"a":1},', '{"data":[', '{"a":1}],"type":"chart"}'),
    "broken blocks": ('{"type":"table","headers":["a",],"rows":[["x"],]},', "[", "]"),
    "blocks without an end": ('{"type":"table","headers":["a"],"rows":[', "", ""),
    "texts without an end": ('{"type":"text","content":"a', "", ""),
    "strings without an end": ('{"type":"table","x":"a},', "", ""),
    "foreign objects": ('{"a":1},', "[", "]"),
    "foreign objects without an end": ('{"a":', "", ""),
    "foreign heads": ('{"type":"x","y":', "", ""),
    "wrappers": ('{"blocks":[' + TEXT + "]},", "[", "]"),
    "wrappers in wrappers": ('{"blocks":[', "", TEXT),
    "types without content": ('{"type":"text",', "", ""),
    "brackets": ("[", "", ""),
    "brackets and spaces": ("[ ", "x", ""),
    "braces": ('{"', "", ""),
    "backticks": ("`", "", ""),
    "fences": ("```\n", "", ""),
    "fences of blocks": ("```json\n" + TEXT + "\n```\n", "", ""),
    "quotes in text": ('"} ', '{"type":"text","content":"', '"}'),
    "braces in text": ('}]{"', '{"type":"text","content":"', '"}'),
    "quotes and commas in text": ('", "x', '{"type":"text","content":"', '"}'),
    "escapes": ("\\", '{"type":"text","content":"', ""),
    "half escapes": ("\\ud83d", '{"type":"text","content":"', ""),
    "tails": ('{"type":"text","content":"b","x":[{"y":1}]},', "[", "]"),
    "an encoded answer": ('{\\"type\\":\\"text\\",\\"content\\":\\"b\\"},', '"[', ']"'),
    "prose": ("words and [1] {x} ", "", ""),
    "separators": (",", TEXT, ""),
    "members of a block": (',"x":"}{"', '{"type":"table"', "}"),
    "typographic quotes": ("{“type”:“text”,“content”:“b”},", "[", "]"),
    "typographic quotations": ("“a”, b ", "{“type”:“text”,“content”:“", "”}"),
    "typographic heads": ("{“", "", ""),
    "typographic quotes without an end": ("{“type”:“", "", ""),
    "titles": ('{"type":"text","title":"a","content":"b"},', "[", "]"),
    "members before a text": ('"x":{"y":"z"},', '{"type":"text",', '"content":"b"}'),
    "items": ('{"text":"a","items":[', '{"type":"list","items":[', ""),
    "empty fences": ("```json\n```\n", "", ""),
    "quotes in cells": ('["the "x" one",1],', '{"type":"table","headers":["a","b"],"rows":[', "]}"),
}


def counted(name: str, size: int, chunk: int) -> int:
    more, head, tail = INPUTS[name]
    source = head + more * (size // len(more)) + tail
    parser = BlockParser()
    for at in range(0, len(source), chunk):
        parser.feed(source[at : at + chunk])
    parser.close()
    return parser.work


@pytest.mark.parametrize("chunk", [1, 7, 1_000_000])
@pytest.mark.parametrize("name", INPUTS)
def test_twice_the_input_is_twice_the_work(name: str, chunk: int) -> None:
    once, twice = counted(name, 6_000, chunk), counted(name, 12_000, chunk)
    assert twice <= 2.2 * once + 500
    # Every character is looked at a bounded number of times.
    assert twice <= 8 * 12_000


def test_the_work_of_repairs_is_bounded_for_an_answer() -> None:
    broken = '{"type":"table","headers":["a"],"rows":[["' + '"x" y' * 400 + '",]]},'
    assert work(broken) > MOST_WORK / 8
    parser = BlockParser()
    parser.feed("[" + broken * 100 + "]")
    assert parser.repair_work <= MOST_WORK
