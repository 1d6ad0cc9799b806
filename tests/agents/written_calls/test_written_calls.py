"""Calls written as text: every form, at every cut, and text that only looks like a call."""

from __future__ import annotations

import json
import re
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.written_calls import WrittenCalls
from tests.agents.cases import CASES

NAMES = {"list_tasks", "create_task", "list_notes"}
LIST: tuple[str, Any] = ("list_tasks", {})
WALK: tuple[str, Any] = ("create_task", {"title": 'Walk "far" [now] {x}\n'})
ARGS = json.dumps(WALK[1])

Result = tuple[str, list[tuple[str, Any]]]

CALLS: dict[str, Result] = {
    (CASES / "04a_tool_call_as_text.txt").read_text("utf-8"): ("", [LIST]),
    f'{{"name": "create_task", "parameters": {ARGS}}}': ("", [WALK]),
    f'{{"name": "create_task", "arguments": {json.dumps(ARGS)}}}': ("", [WALK]),
    f'{{"arguments": {ARGS}, "name": "create_task"}}': ("", [WALK]),
    f'{{"type": "function", "name": "create_task", "parameters": {ARGS}}}': ("", [WALK]),
    f'{{"type":"function","function":{{"name":"create_task","arguments":{json.dumps(ARGS)}}}}}': ("", [WALK]),
    '{"type":"function","name":"list_tasks"}': ("", [LIST]),
    '{"tool_calls":[{"id":"a","type":"function","function":{"name":"list_tasks","arguments":"{}"}}]}': ("", [LIST]),
    '[{"name":"list_tasks","arguments":{}},{"name":"list_notes","arguments":{}}]': ("", [LIST, ("list_notes", {})]),
    f'<tool_call>\n{{"name": "create_task", "arguments": {ARGS}}}\n</tool_call>': ("", [WALK]),
    '<tool_call>{"name":"list_tasks","arguments":{}}</tool_call>\n<tool_call>{"name":"list_notes","arguments":{}}': (
        "",
        [LIST, ("list_notes", {})],
    ),
    '[TOOL_CALLS] [{"name": "list_tasks", "arguments": {}}]': ("", [LIST]),
    f"[TOOL_CALLS]create_task{ARGS}": ("", [WALK]),
    f"[TOOL_CALLS]create_task[ARGS]{ARGS}": ("", [WALK]),
    f'```json\n{{"name": "create_task", "parameters": {ARGS}}}\n```': ("", [WALK]),
    '```\n<tool_call>{"name":"list_tasks","arguments":{}}</tool_call>\n```': ("", [LIST]),
    'Let me look.\n\n{"name":"list_tasks","parameters":{}}\nYou have 7 tasks.': ("Let me look.\n\n", [LIST]),
    '[{"type":"text","content":"So: {a} [b]"},{"type":"function","name":"list_tasks","parameters":{}}]': (
        '[{"type":"text","content":"So: {a} [b]"},',
        [LIST],
    ),
    '{"name": "list_tasks", "parameters": {}': ("", [LIST]),
    '{"name": "list_ta': ("", []),
}
LOOKS_LIKE = [
    "",
    '[{"type":"text","content":"Three tasks."}]',
    '{"name": "Ann", "parameters": {}}',
    '{"name": "delete_everything", "parameters": {}}',
    '{"name": "list_tasks", "count": 3}',
    '{"name": "list_tasks"}',
    '{"name": "list_tasks", "parameters": [1]}',
    '{"type":"function","function":{"name":"list_tasks","description":"d","parameters":{"type":"object"}}}',
    '{"name":"list_tasks","parameters":{"type":"object","properties":{}}}',
    '{"type":"chart","data":[{"name":"list_tasks","parameters":{}}]}',
    '[{"type":"text","content":"Write {\\"name\\": \\"list_tasks\\", \\"parameters\\": {}}"}]',
    '```python\nprint({"name": 1})\n```',
    "Use <b>bold</b>, [1], {x} and `code`.",
    "<tool_call> is a tag.",
    "[TOOL_CALLS] is a mark.",
    "The tool is list_tasks.",
    '{"arguments": [1, 2], "winner": "Ann"}',
]


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


def test_forms_are_counted() -> None:
    source = (
        '<tool_call>{"name":"list_tasks","arguments":{}}</tool_call>```json\n{"name":"list_tasks","parameters":{}}```'
    )
    assert run([source])[1].forms == {"hermes": 1, "fence": 1}


@pytest.mark.parametrize("unit", ["{", "[", '{"input":', '[{"name":"x"},', "`", '{"type":"function",', "<tool_call>"])
def test_the_work_grows_with_the_length(unit: str) -> None:
    def seconds(count: int) -> float:
        tokens = [(unit * count)[at : at + 4] for at in range(0, len(unit) * count, 4)]
        written, began = WrittenCalls(NAMES), time.process_time()
        for token in tokens:
            written.feed(token)
        written.close()
        return time.process_time() - began

    assert seconds(8_000) < 40 * max(seconds(1_000), 0.005)
