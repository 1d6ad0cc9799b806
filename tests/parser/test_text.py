"""Text is prose in a wrapper: whatever the model forgets to escape, every character of it reaches the person."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parser import BlockOpened, BlockParser, BlockReady, BlockRejected, TextDelta
from tests.parser.documents import chunked
from tests.parser.feeds import parse

# Words that can be distinguished wherever they come out.
marks = st.integers(0, 10**6).map(lambda number: f"w{number:07}")
joints = st.sampled_from(
    (
        " ",
        "\n",
        "\t",
        ' "',
        '" ',
        '", ',
        '"',
        " {",
        "} ",
        "[",
        "]",
        "\\$",
        "\\'",
        "\\",
        ": ",
        ", ",
        '"}',
        '" }',
        "'",
        '":',
    )
)
prose = st.lists(st.tuples(joints, marks), min_size=1, max_size=8).map(
    lambda parts: "".join(joint + mark for joint, mark in parts)
)
MARK = re.compile(r"w[0-9]{7}")
HEADS = (
    '{"type":"text","content":"',
    '[{"type":"text","content":"',
    '[{"type": "Markdown",\n "text": "',
    '{"blocks":[{"id":1,"type":"text","content":"',
    '```json\n[{"type":"text","content":"',
)
TAILS = (
    '"}]',
    '"}',
    '","id":1}]',
    '"}]}',
    "",
    '"',
    "}",
    '"}\n```',
    '"},{"type":"table","headers":["a"],"rows":[["x"]]}]',
)
OTHER_PIECES = (
    *('{"a":', "[1,", '"x":', "```\n", "```json ", "[[", '"],', "}}"),
    *('{"type":"text"', '{"type":"list","items":["', "{'type':'text','content':'"),
    *('{"answer":"', '{"message":', '{"title":"', '","note":"', '","content":"', '","'),
)


def where_marks_are(source: str) -> list[str]:
    """Every mark that came out, in texts or in the source of blocks."""
    out: list[str] = []
    for event in parse([source]):
        match event:
            case TextDelta(_, text):
                out += MARK.findall(text)
            case BlockReady(_, block):
                out += MARK.findall(json.dumps(block.model_dump(mode="json")))
            case BlockRejected(source=held):
                out += MARK.findall(held)
            case BlockOpened():
                pass
    return out


@given(st.sampled_from(HEADS), prose, st.sampled_from(TAILS), st.data())
def test_every_word_of_a_text_reaches_the_person(head: str, content: str, tail: str, data: st.DataObject) -> None:
    source = head + content + tail
    assert where_marks_are(source) == MARK.findall(content)
    assert parse(data.draw(chunked(source))) == parse([source])


@example(['{"type":"text","content":"', " w0000001", '"}\n```', "} w0000000", '"}\n```'])
@example(
    [
        '{"type":"text","content":"',
        " w0000001",
        '"}\n```json',
        " w0000000\n",
        '{"type":"text","content":"w0000002"}\n```',
    ]
)
@example(['{"answer":"Use {"type":"text"] for it, please w0000001"}'])
@example(["w0000001", '{"message":', "\nw0000002", HEADS[0]])
@given(st.lists(st.one_of(prose, st.sampled_from((*HEADS, *TAILS, *OTHER_PIECES))), max_size=8))
def test_nothing_after_the_first_shown_word_is_lost(pieces: list[str]) -> None:
    source = "".join(pieces)
    shown = where_marks_are(source)
    written = MARK.findall(source)
    if shown:
        first = written.index(shown[0])
        missing = [mark for mark in written[first:] if mark not in shown]
        assert not missing


@given(st.text(max_size=60))
def test_a_text_that_is_escaped_is_the_text(content: str) -> None:
    whole = content.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    for ascii_only in (True, False):
        source = json.dumps([{"type": "text", "content": content}], ensure_ascii=ascii_only)
        assert "".join(event.text for event in parse([source]) if isinstance(event, TextDelta)) == whole


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('[{"type":"text","content":{"text":"hi"}}]', "hi"),
        ('[{"type":"text","content":{"a":1.10,"b":[2]}}]', '[{"type":"text","content":{"a":1.10,"b":[2]}}]'),
        ('{"content":{"foo":"hi"},"type":"text"}', '{"content":{"foo":"hi"},"type":"text"}'),
        ('{"type":"text","content":[{"x":"y"}]}', '{"type":"text","content":[{"x":"y"}]}'),
        ('{"type":"text","content":[["a"],["b"]]}', '{"type":"text","content":[["a"],["b"]]}'),
        ('{"type":"text","content":true}', '{"type":"text","content":true}'),
        ('{"type":"text","content":{"a":"b"}', '{"type":"text","content":{"a":"b"}'),
        ('{"type":"text","content":42.10}', "42.10"),
        ('{"type":"text","content":12345678901234567890.10}', "12345678901234567890.10"),
        ('{"type":"text","value":-7.50,"id":"7"}', "-7.50"),
        ('{"type":"text","content":null}', ""),
        ('{"type":"text","content":[]}', ""),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_content_that_is_not_a_string_is_shown_with_its_values(source: str, shown: str, size: int) -> None:
    parser = BlockParser()
    events = [event for at in range(0, len(source), size) for event in parser.feed(source[at : at + size])]
    events += parser.close()
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('```json Here it is:\n[{"type":"text","content":"Due."}]\n```', ["Here it is:\n", "Due."]),
        ('{"type":"text","content":"Due."}\n```\n} Pay now.\n```', ["Due.", "```\n} Pay now.\n```"]),
        ('{"type":"text","content":"Due."}\n```} Pay now.\n```', ["Due.", "Pay now.\n"]),
        ("```json Nothing.\n```", ["Nothing.\n"]),
        ('```json title="a b" answer.json {.x}\n[{"type":"text","content":"Due."}]\n```', ["Due."]),
        ("```json\n```", []),
    ],
)
def test_words_on_the_line_of_a_fence_are_shown(source: str, shown: list[str]) -> None:
    for size in (1, 3, 1000):
        texts: dict[int, str] = {}
        for event in parse([source[at : at + size] for at in range(0, len(source), size)]):
            if isinstance(event, TextDelta):
                texts[event.index] = texts.get(event.index, "") + event.text
        assert list(texts.values()) == shown
