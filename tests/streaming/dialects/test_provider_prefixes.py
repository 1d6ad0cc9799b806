"""Strict tools within the limits of their provider, and the part of a request that the next call begins with."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from agents.block_format import blocks_schema
from agents.registry import AGENTS
from streaming.chat import ChatRequest, Message, ToolCall, ToolSpec
from streaming.dialects import DIALECTS, at_host

SCHEMA = {"type": "object", "properties": {"agent": {"type": "string"}}}


def anthropic(request: ChatRequest) -> dict[str, Any]:
    dialect = at_host(DIALECTS["anthropic-messages"], "https://api.anthropic.com/v1")
    written: dict[str, Any] = json.loads(dialect.body(request, "m"))
    return written


def counted(schema: Any) -> tuple[int, int]:
    """How many properties of a schema may be left out, and how many have several types."""
    if isinstance(schema, list):
        parts = [counted(one) for one in schema]
    elif isinstance(schema, dict):
        parts = [counted(one) for one in schema.values()]
        properties = schema.get("properties", {})
        unions = sum("anyOf" in one or isinstance(one.get("type"), list) for one in properties.values())
        parts.append((len(properties.keys() - set(schema.get("required", []))), unions))
    else:
        return 0, 0
    return sum(one for one, _ in parts), sum(other for _, other in parts)


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("schema", [None, blocks_schema()])
def test_strict_tools_and_the_answers_schema_are_within_anthropics_limits(agent: str, schema: Any) -> None:
    written = anthropic(
        ChatRequest((Message("user", "hi"),), tools=AGENTS[agent].specs(lean=True), response_schema=schema)
    )
    strict = [tool for tool in written["tools"] if tool.get("strict")]
    assert len(strict) <= 20
    assert {"hand_over"} <= {tool["name"] for tool in strict}
    assert schema is not None or len(strict) == len(written["tools"])
    assert all(tool["input_schema"]["additionalProperties"] is False for tool in strict)
    optional, unions = counted([tool["input_schema"] for tool in strict] + [written.get("output_config", {})])
    assert optional <= 24
    assert unions <= 16


def test_anthropic_gets_no_strict_tools_elsewhere_or_if_it_refused_them() -> None:
    request = ChatRequest((Message("user", "hi"),), tools=AGENTS["task_agent"].specs(lean=True))
    elsewhere = at_host(DIALECTS["anthropic-messages"], "https://gateway.example.com/v1").body(request, "m")
    assert b'"strict"' not in elsewhere
    assert "strict" not in json.dumps(anthropic(replace(request, strict=False))["tools"])


def test_a_self_hosted_server_gets_the_mark_and_the_schema_as_it_is() -> None:
    tool = ToolSpec("a", "b", SCHEMA)
    request = ChatRequest((Message("user", "hi"),), tools=(tool,))
    own = at_host(DIALECTS["openai-chat"], "http://vllm:8000/v1")
    (function,) = [one["function"] for one in json.loads(own.body(request, "m"))["tools"]]
    assert (function["strict"], function["parameters"]) == (True, SCHEMA)
    assert b'"strict"' not in own.body(replace(request, strict=False), "m")


@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "anthropic-messages", "gemini-native"])
def test_each_call_of_a_request_begins_with_the_one_before(name: str) -> None:
    """So a provider reads the tools, the system prompt and all earlier messages from its cache."""
    urls = {"openai-chat": "https://api.openai.com/v1", "anthropic-messages": "https://api.anthropic.com/v1"}
    dialect = at_host(DIALECTS[name], urls.get(name, "https://example.com"))
    rounds: list[tuple[Message, ...]] = [
        (Message("system", "You help."), Message("user", "old"), Message("assistant", "ok"))
    ]
    rounds[0] += (Message("user", "list my tasks"),)
    for number in (1, 2):
        call = ToolCall(f"c{number}", "list_tasks", "{}")
        result = Message("tool", f"result {number}", tool_call_id=call.id)
        rounds.append((*rounds[-1], Message("assistant", "", tool_calls=(call,)), result))
    tools = AGENTS["task_agent"].specs(lean=True)
    bodies = []
    for messages in rounds:
        written = json.loads(dialect.body(ChatRequest(messages, tools=tools, cache_key="k"), "gpt-5"))
        bodies.append({key: _unmarked(value) for key, value in written.items()})
    turns = next(key for key in ("messages", "input", "contents") if key in bodies[0])
    for earlier, later in itertools.pairwise(bodies):
        assert {k: v for k, v in earlier.items() if k != turns} == {k: v for k, v in later.items() if k != turns}
        assert later[turns][: len(earlier[turns])] == earlier[turns]


def _unmarked(value: Any) -> Any:
    """Without Anthropic's marks of the cache, which move on and do not belong to the prompt."""
    if isinstance(value, list):
        return [_unmarked(one) for one in value]
    return {k: _unmarked(v) for k, v in value.items() if k != "cache_control"} if isinstance(value, dict) else value


def test_anthropic_marks_the_ends_of_the_tools_the_system_prompt_the_history_and_the_latest_round() -> None:
    call = ToolCall("c1", "list_tasks", "{}")
    messages = (
        Message("system", "You help."),
        Message("user", "old"),
        Message("assistant", "ok"),
        Message("user", "new"),
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "result", tool_call_id="c1"),
    )
    written = anthropic(ChatRequest(messages, tools=AGENTS["task_agent"].specs(lean=True)))
    assert json.dumps(written).count("cache_control") == 4, "the API takes four marks"
    assert "cache_control" in written["tools"][-1]
    assert "cache_control" in written["system"][0]
    marked = ["cache_control" in turn["content"][-1] for turn in written["messages"]]
    assert marked == [False, True, False, False, True]
