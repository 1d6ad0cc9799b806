"""Calls written as text: every form, at every cut, and text that only looks like a call."""

from __future__ import annotations

import json
import re
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.written_calls import WrittenCalls
from tests.agents.written_calls.texts import CALLS, LOOKS_LIKE, NAMES, Result


def run(pieces: list[str], quoted: tuple[str, ...] = ()) -> tuple[Result, WrittenCalls]:
    written = WrittenCalls(NAMES, quoted)
    shown = "".join([written.feed(piece) for piece in pieces]) + written.close()
    return (shown, [(name, json.loads(arguments)) for name, arguments in written.calls]), written


@pytest.mark.parametrize("source", CALLS)
def test_a_call_is_found_wherever_the_text_is_cut(source: str) -> None:
    for at in range(len(source) + 1):
        assert run([source[:at], source[at:]])[0] == CALLS[source]
    assert run(list(source))[0] == CALLS[source]


@pytest.mark.parametrize("source", LOOKS_LIKE)
def test_what_only_looks_like_a_call_is_shown_unchanged(source: str) -> None:
    for at in range(len(source) + 1):
        assert run([source[:at], source[at:]])[0] == (source, [])
    assert run(list(source))[0] == (source, [])


PARTS = st.sampled_from([*CALLS, *LOOKS_LIKE, "\n", " ", ",", "[", "]", "{", "}", '"', "\\", "```", "<", '{"name":'])


@given(st.lists(PARTS, max_size=5).map("".join), st.lists(st.integers(0, 400), max_size=8))
@example('{"tool_calls":["\\', [3])
def test_the_cuts_never_matter(source: str, cuts: list[int]) -> None:
    ends = [0, *sorted(cut for cut in cuts if cut <= len(source)), len(source)]
    pieces = [source[start:end] for start, end in pairwise(ends)]
    whole, in_pieces = WrittenCalls(NAMES), WrittenCalls(NAMES)
    shown = whole.feed(source) + whole.close()
    assert "".join([in_pieces.feed(piece) for piece in pieces]) + in_pieces.close() == shown
    assert (in_pieces.calls, in_pieces.cut, in_pieces.forms) == (whole.calls, whole.cut, whole.forms)


@given(st.text(max_size=200).filter(lambda source: not re.search(r"<\|?\w+\|?>|\[TOOL_CALLS\]", source)))
def test_any_text_is_shown(source: str) -> None:
    assert run(list(source))[0] == (source, [])


@given(st.sampled_from([source for source, (_, calls) in CALLS.items() if calls]), st.integers(1, 200))
@example('{"arguments": {"title": "Walk"}, "name": "create_task"}', 46)
@example('{"tool_calls":[{"id":"a","type":"function","function":{"name":"list_tasks","arguments":"{}"}}]}', 68)
def test_nothing_of_a_cut_call_is_shown(source: str, cut: int) -> None:
    written = WrittenCalls(NAMES)
    shown = written.feed(source[:cut]) + written.close()
    assert "list_" not in shown
    assert "create_" not in shown


def test_a_cut_call_is_marked() -> None:
    written = WrittenCalls(NAMES)
    assert written.feed('{"name":"create_task","parameters":{"title":"Wal') + written.close() == ""
    assert (written.calls, written.cut) == ([("create_task", '{"title":"Wal')], True)


def test_broken_json_is_a_call_whose_arguments_the_model_reads_about() -> None:
    written = WrittenCalls(NAMES)
    assert written.feed('{"name":"create_task","parameters":{"title":Walk}}') + written.close() == ""
    assert [name for name, _ in written.calls] == ["create_task"]


def test_the_first_characters_of_text_wait_no_longer_than_needed() -> None:
    written = WrittenCalls(NAMES)
    assert written.feed('[{"type":"tex') == '[{"type":"tex'
    assert written.feed('t","content":"Hi') == 't","content":"Hi'


@pytest.mark.parametrize("escaped", [False, True])
def test_a_call_that_the_model_only_repeats_is_text(escaped: bool) -> None:
    source = '{"name":"create_task","parameters":{"title":"x"}}'
    note = json.dumps({"content": f"Run {source}"}) if escaped else f"Run {source}"
    assert run([f"The note says: {source}"], (note,))[0] == (f"The note says: {source}", [])


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("<function=create_task><parameter=title>Wal", "create_task"),
        ("<function=create_task>", "create_task"),
        ('<function=create_task>{"title": "Wal', "create_task"),
        ("create_task(title='Wal", "create_task"),
        ("```tool_code\ncreate_task(title='Wal", "create_task"),
        ("<｜tool▁call▁begin｜>create_task<｜tool▁sep｜>", "create_task"),
        ('[{"type":"text","content":"create_task(title=', "create_task"),
    ],
)
def test_a_cut_call_has_no_whole_arguments(source: str, name: str) -> None:
    written = WrittenCalls(NAMES)
    shown = "".join([written.feed(character) for character in source]) + written.close()
    assert "create" not in shown
    assert [called for called, _ in written.calls] == [name]
    assert written.cut
    with pytest.raises(json.JSONDecodeError):
        json.loads(written.calls[0][1])


@pytest.mark.parametrize("arguments", ["'t1'", "title=walk", "**x", "title=1+1", "title=open('x')", "{1, 2}", "t=b'x'"])
def test_arguments_that_are_not_literals_are_told_to_the_model(arguments: str) -> None:
    written = WrittenCalls(NAMES)
    assert written.feed(f"create_task({arguments})") + written.close() == ""
    ((name, given),) = written.calls
    assert name == "create_task"
    assert given.startswith("create_task(")


@pytest.mark.parametrize("unit", ["print(", "x = ", "x=print("])
def test_a_text_that_begins_like_calls_in_one_another(unit: str) -> None:
    source = unit * 5_000 + "list_tasks()"
    assert run([source[at : at + 1_000] for at in range(0, len(source), 1_000)])[0] == (source, [])


def test_many_calls_are_compared_with_what_was_quoted_in_time() -> None:
    written = WrittenCalls(NAMES, ("a word " * 5_000,))
    began = time.process_time()
    written.feed("<function=list_tasks>" * 1_000)
    written.close()
    assert time.process_time() - began < 1  # 4 s while each call folded all texts again


def test_forms_are_counted() -> None:
    source = (
        '<tool_call>{"name":"list_tasks","arguments":{}}</tool_call>```json\n{"name":"list_tasks","parameters":{}}```'
    )
    assert run([source])[1].forms == {"hermes": 1, "fence": 1}


UNITS = [
    "\n",
    "list_",
    'list_tasks("',
    "\nlist_tasks(",
    '"content":"',
    "<function=",
    "<tool_call>list_tasks",
    "```python\n",
    '"',
]


@pytest.mark.parametrize(
    "unit", [*UNITS, "{", "[", '{"input":', '[{"name":"x"},', "`", '{"type":"function",', "<tool_call>"]
)
def test_the_work_grows_with_the_length(unit: str) -> None:
    def seconds(count: int) -> float:
        tokens = [(unit * count)[at : at + 4] for at in range(0, len(unit) * count, 4)]
        written, began = WrittenCalls(NAMES), time.process_time()
        for token in tokens:
            written.feed(token)
        written.close()
        return time.process_time() - began

    assert seconds(4_000) < 40 * max(seconds(500), 0.0025)
