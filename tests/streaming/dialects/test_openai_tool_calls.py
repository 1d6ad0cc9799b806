"""Tool calls of the chat completions dialect, in every deviation that is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from streaming.chat import FinishDelta, FinishReason, ToolCallAssembler, ToolCallDelta
from tests.streaming.dialects.chat_payloads import call, delta, run

TOOL_CALLS: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str, str]]]] = {
    "in pieces": (
        [call(0, id="a", name="f", arguments=""), call(0, arguments='{"x"'), call(0, arguments=":1}")],
        [("a", "f", '{"x":1}')],
    ),
    "two, interleaved": (
        [call(0, id="a", name="f"), call(1, id="b", name="g"), call(0, arguments="1"), call(1, arguments="2")],
        [("a", "f", "1"), ("b", "g", "2")],
    ),
    "indexes from one": ([call(1, id="a", name="f", arguments="{}")], [("a", "f", "{}")]),
    "no index": (
        [
            call(id="a", name="f", arguments="1"),
            call(arguments="2"),
            call(id="b", name="g"),
            call(id="a", arguments="3"),
        ],
        [("a", "f", "123"), ("b", "g", "{}")],
    ),
    "no index and no id": ([call(name="f", arguments="{"), call(arguments="}")], [("call_0", "f", "{}")]),
    "the id is empty later": (
        [call(0, id="a", name="f"), call(0, id="", name="", arguments="{}")],
        [("a", "f", "{}")],
    ),
    "id and name are repeated": (
        [call(0, id="a", name="f", arguments=""), call(0, id="a", name="f", arguments="{}")],
        [("a", "f", "{}")],
    ),
    "every call has index 0": (
        [call(0, id="a", name="f", arguments="1"), call(0, id="b", name="f", arguments="2"), call(0, arguments="3")],
        [("a", "f", "1"), ("b", "f", "23")],
    ),
    "the id comes after the name": ([call(0, name="f"), call(0, id="a", arguments="{}")], [("a", "f", "{}")]),
    "arguments as an object": ([call(0, id="a", name="f", arguments={"x": 1})], [("a", "f", '{"x": 1}')]),
    "junk": (
        [delta(tool_calls=[None, 5, {"index": "0", "id": 3, "function": None}, {"function": {"name": []}}])],
        [],
    ),
    "not a list": ([delta(tool_calls={"0": {}})], []),
    "arguments before the name": (
        [call(0, id="a", arguments='{"x":1}'), call(0, id="a", name="f")],
        [("a", "f", '{"x":1}')],
    ),
    "an object instead of a list": (
        [delta(tool_calls={"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}})],
        [("a", "f", "{}")],
    ),
    "name and arguments next to the id": (
        [delta(tool_calls=[{"index": 0, "id": "a", "name": "f", "arguments": '{"x"'}]), call(0, arguments=":1}")],
        [("a", "f", '{"x":1}')],
    ),
    "one call as an object, name and arguments next to the id": (
        [delta(tool_calls={"id": "a", "name": "f", "arguments": {"x": 1}})],
        [("a", "f", '{"x": 1}')],
    ),
    "calls by number": (
        [delta(tool_calls={"0": {"id": "a", "function": {"name": "f", "arguments": "{}"}}})],
        [("a", "f", "{}")],
    ),
    "a name in two pieces": (
        [
            call(0, id="a", name="list_", arguments=""),
            call(0, name="tasks", arguments='{"x"'),
            call(0, arguments=":1}"),
        ],
        [("a", "list_tasks", '{"x":1}')],
    ),
    "a name in pieces that repeat the ones before": (
        [
            call(0, id="a", name="list_"),
            call(0, id="a", name="list_ta"),
            call(0, id="a", name="list_tasks", arguments="{}"),
        ],
        [("a", "list_tasks", "{}")],
    ),
}


@pytest.mark.parametrize(("payloads", "expected"), TOOL_CALLS.values(), ids=TOOL_CALLS.keys())
def test_tool_calls(payloads: list[dict[str, Any]], expected: list[tuple[str, str, str]]) -> None:
    deltas = run(*payloads, delta("tool_calls"))
    pieces = [delta for delta in deltas if isinstance(delta, ToolCallDelta)]
    assembler = ToolCallAssembler()
    for piece in pieces:
        assembler.add(piece)
    assert [(made.id, made.name, made.arguments) for made in assembler.calls()] == expected
    for index in {piece.index for piece in pieces}:
        mine = [piece for piece in pieces if piece.index == index]
        assert sum(piece.id is not None for piece in mine) <= 1
        assert "".join(piece.name or "" for piece in mine) in {name for _, name, _ in expected}


@pytest.mark.parametrize("ending", [[delta("stop")], ["[DONE]"]])
def test_stop_after_tool_calls_means_tool_calls(ending: list[Any]) -> None:
    assert run(call(0, id="a", name="f"), *ending)[-1] == FinishDelta(FinishReason.TOOL_CALLS)
