"""State that a provider wants back with the second round. The scripted providers refuse a round without it.

Each case has the first answer's stream, and what the provider looks for in the second request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from agents.model import read_reply
from streaming.chat import ChatRequest, Message, ToolCall, ToolSpec, Usage
from streaming.dialects import DIALECTS, Dialect
from streaming.dialects.openai_responses import OpenAIResponses
from streaming.model import ChatModel, ModelError
from tests.model_server import ModelServer, ReceivedRequest, Send, Step, error_status
from tests.streaming.model_requests import ModelFactory

TOOL = ToolSpec("get_task", "Gets a task.", {"type": "object", "properties": {}})
OPENING = (Message("user", "Which tasks?"),)


def events(*payloads: Any) -> list[Step]:
    """The stream of these payloads, each an event of its type."""
    lines = []
    for payload in payloads:
        kind = payload.get("type")
        lines.append((f"event: {kind}\n" if kind else "") + f"data: {json.dumps(payload)}\n\n")
    return [Send(line.encode()) for line in lines]


def chat(*deltas: dict[str, Any]) -> list[Step]:
    payloads = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    return events(*payloads, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})


def stopped(*deltas: dict[str, Any]) -> list[Step]:
    """An answer without a tool call of the API: the model writes the call as text."""
    payloads = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    return events(*payloads, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})


def opened(identity: str, arguments: str = "{}", **more: Any) -> dict[str, Any]:
    call = {"index": 0, "id": identity, "type": "function", "function": {"name": "get_task", "arguments": arguments}}
    return {"tool_calls": [{**call, **more}]}


def assistant(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(turn for turn in body["messages"] if turn["role"] == "assistant")
    return found


@dataclass(frozen=True)
class Case:
    """One provider: its dialect, its first answer, and the state it looks for in a request (None: it is not there)."""

    first: Sequence[Step]
    state: Callable[[dict[str, Any]], Any]
    expected: Any
    dialect: Dialect = DIALECTS["openai-chat"]
    name: str = "m"


SIGNATURE = {"google": {"thought_signature": "c2ln"}}
CASES = {
    "deepseek": Case(
        chat({"reasoning_content": "I should "}, {"reasoning_content": "look."}, opened("call_00_x")),
        lambda body: assistant(body).get("reasoning_content"),
        "I should look.",
        name="deepseek-v4-pro",
    ),
    "kimi": Case(
        chat({"content": "", "reasoning_content": "Hm."}, opened("get_task:0")),
        lambda body: assistant(body).get("reasoning_content"),
        "Hm.",
        name="kimi-k2.6",
    ),
    "deepseek, written call": Case(
        stopped({"reasoning_content": "I should look."}, {"content": "get_task()"}),
        lambda body: assistant(body).get("reasoning_content"),
        "I should look.",
        name="deepseek-reasoner",
    ),
    "openrouter, written call": Case(
        stopped({"reasoning_details": [{"type": "reasoning.text", "text": "Let", "index": 0}]}, {"content": "x"}),
        lambda body: assistant(body).get("reasoning_details"),
        [{"type": "reasoning.text", "text": "Let", "index": 0}],
    ),
    "anthropic, written call": Case(
        events(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "Look."}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQ"}},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "get_task()"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ),
        lambda body: body["messages"][1]["content"][0],
        {"type": "thinking", "thinking": "Look.", "signature": "EqQ"},
        DIALECTS["anthropic-messages"],
    ),
    "responses, written call": Case(
        events(
            {
                "type": "response.output_item.done",
                "output_index": 0,
                "item": {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
            },
            {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "get_task()"},
            {"type": "response.completed", "response": {"status": "completed", "output": []}},
        ),
        lambda body: [item["type"] for item in body["input"] if "type" in item][:2],
        ["reasoning", "function_call"],
        OpenAIResponses(returns_reasoning=True),
    ),
    "openrouter, signed": Case(
        chat(
            {"reasoning": "Let", "reasoning_details": [{"type": "reasoning.text", "text": "Let", "index": 0}]},
            {"reasoning": " me.", "reasoning_details": [{"type": "reasoning.text", "text": " me.", "index": 0}]},
            {"reasoning_details": [{"type": "reasoning.text", "signature": "Et8", "format": "a-v1", "index": 0}]},
            {"reasoning_details": [{"type": "reasoning.summary", "summary": "S", "index": 1}]},
            opened("toolu_1"),
        ),
        lambda body: assistant(body).get("reasoning_details"),
        [
            {"type": "reasoning.text", "text": "Let me.", "index": 0, "signature": "Et8", "format": "a-v1"},
            {"type": "reasoning.summary", "summary": "S", "index": 1},
        ],
    ),
    "openrouter, encrypted for one call": Case(
        chat(
            opened("tool_0_get_task"),
            {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "id": "tool_0_get_task", "index": 0}]},
        ),
        lambda body: assistant(body).get("reasoning_details"),
        [{"type": "reasoning.encrypted", "data": "x", "id": "call00001", "index": 0}],
    ),
    "gemini over OpenAI's API": Case(
        chat(opened("function-call-1", extra_content=SIGNATURE)),
        lambda body: assistant(body)["tool_calls"][0].get("extra_content"),
        SIGNATURE,
        name="gemini-3-flash",
    ),
    "gemini over OpenAI's API, in a separate piece": Case(
        chat(opened("function-call-1"), {"tool_calls": [{"extra_content": SIGNATURE}]}),
        lambda body: assistant(body)["tool_calls"][0].get("extra_content"),
        SIGNATURE,
        name="gemini-3-flash",
    ),
    "gemini over OpenAI's API, signed text": Case(
        chat({"content": "So."}, opened("function-call-1"), {"content": "", "extra_content": SIGNATURE}),
        lambda body: assistant(body).get("extra_content"),
        SIGNATURE,
        name="gemini-3-flash",
    ),
    "gemini": Case(
        events(
            {"candidates": [{"content": {"parts": [{"text": "So.", "thoughtSignature": "dGV4dA=="}]}}]},
            {
                "candidates": [
                    {
                        "content": {
                            "parts": [{"functionCall": {"name": "get_task", "args": {}}, "thoughtSignature": "c2ln"}]
                        },
                        "finishReason": "STOP",
                    }
                ]
            },
        ),
        lambda body: [part.get("thoughtSignature") for part in body["contents"][1]["parts"]],
        ["dGV4dA==", "c2ln"],
        DIALECTS["gemini-native"],
    ),
    "responses": Case(
        events(
            {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}},
            {
                "type": "response.output_item.done",
                "output_index": 0,
                "item": {
                    "type": "reasoning",
                    "id": "rs_1",
                    "status": "completed",
                    "summary": [{"type": "summary_text", "text": "Look"}],
                    "encrypted_content": "gAAAA",
                },
            },
            {
                "type": "response.output_item.done",
                "output_index": 1,
                "item": {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "get_task", "arguments": "{}"},
            },
            {"type": "response.completed", "response": {"status": "completed", "output": []}},
        ),
        lambda body: [item for item in body["input"] if item.get("type") in ("reasoning", "function_call")],
        [
            {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "Look"}],
                "encrypted_content": "gAAAA",
            },
            {"type": "function_call", "call_id": "call00001", "name": "get_task", "arguments": "{}"},
        ],
        OpenAIResponses(returns_reasoning=True),
    ),
    "anthropic": Case(
        events(
            {"type": "message_start", "message": {"content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Look."}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQ"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": "Em"}},
            {"type": "content_block_stop", "index": 1},
            {
                "type": "content_block_start",
                "index": 2,
                "content_block": {"type": "tool_use", "id": "toolu_1", "name": "get_task", "input": {}},
            },
            {"type": "content_block_stop", "index": 2},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
            {"type": "message_stop"},
        ),
        lambda body: body["messages"][1]["content"],
        [
            {"type": "thinking", "thinking": "Look.", "signature": "EqQ"},
            {"type": "redacted_thinking", "data": "Em"},
            {"type": "tool_use", "id": "call00001", "name": "get_task", "input": {}},
        ],
        DIALECTS["anthropic-messages"],
    ),
    "anthropic, thinking between text and calls": Case(
        events(
            {"type": "message_start", "message": {"content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "redacted_thinking", "data": "A"}},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "I look."}},
            {"type": "content_block_start", "index": 2, "content_block": {"type": "redacted_thinking", "data": "B"}},
            {
                "type": "content_block_start",
                "index": 3,
                "content_block": {"type": "tool_use", "id": "toolu_1", "name": "get_task", "input": {}},
            },
            {"type": "content_block_stop", "index": 3},
            {"type": "content_block_start", "index": 4, "content_block": {"type": "redacted_thinking", "data": "C"}},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
            {"type": "message_stop"},
        ),
        lambda body: body["messages"][1]["content"],
        [
            {"type": "redacted_thinking", "data": "A"},
            {"type": "text", "text": "I look."},
            {"type": "redacted_thinking", "data": "B"},
            {"type": "tool_use", "id": "call00001", "name": "get_task", "input": {}},
            {"type": "redacted_thinking", "data": "C"},
        ],
        DIALECTS["anthropic-messages"],
    ),
}
DONE = {
    "openai-chat": events({"choices": [{"index": 0, "delta": {"content": "Two."}, "finish_reason": "stop"}]}),
    "openai-responses": events(
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Two."},
        {"type": "response.completed", "response": {"status": "completed", "output": []}},
    ),
    "anthropic-messages": events(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Two."}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ),
    "gemini-native": events({"candidates": [{"content": {"parts": [{"text": "Two."}]}, "finishReason": "STOP"}]}),
}


def strict(case: Case) -> Callable[[ReceivedRequest], Sequence[Step]]:
    """A provider that refuses a second round that lacks its state, as the real ones do."""

    def answer(request: ReceivedRequest) -> Sequence[Step]:
        if case.state(request.body) != case.expected:
            return error_status(400, {"error": {"message": "the state must be passed back", "code": "missing_state"}})
        return DONE[case.dialect.name]

    return answer


async def first_round(model: ChatModel) -> tuple[Message, ...]:
    """The conversation after the first answer and the result of its tool call."""
    reply = await read_reply(model, ChatRequest(OPENING, (TOOL,)), Usage())
    calls = tuple(reply.tool_calls()) or (ToolCall("written_0", "get_task", "{}"),)
    asked = Message("assistant", reply.text, tool_calls=calls, state=reply.state)
    return (*OPENING, asked, *(Message("tool", "[]", tool_call_id=call.id) for call in calls))


async def answer_to(model: ChatModel, messages: tuple[Message, ...]) -> str:
    return (await read_reply(model, ChatRequest(messages, (TOOL,)), Usage())).text


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_the_second_round_has_the_state_of_the_first(
    server: ModelServer, model: ModelFactory, case: Case
) -> None:
    server.reply(case.first, strict(case))
    asked = model(name=case.name, dialect=case.dialect)
    assert await answer_to(asked, await first_round(asked)) == "Two."


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_the_scripted_providers_refuse_a_round_without_the_state(
    server: ModelServer, model: ModelFactory, case: Case
) -> None:
    server.reply(case.first, strict(case))
    asked = model(name=case.name, dialect=case.dialect)
    messages = await first_round(asked)
    bare = tuple(
        Message(message.role, message.content, message.tool_calls, message.tool_call_id) for message in messages
    )
    with pytest.raises(ModelError, match="missing_state"):
        await answer_to(asked, bare)


def strings_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for pair in value.items() for part in pair for text in strings_in(part)}
    if isinstance(value, list):
        return {text for part in value for text in strings_in(part)}
    return {value} if isinstance(value, str) else set()


@pytest.mark.parametrize("second", ["openai-chat", "openai-responses", "anthropic-messages", "gemini-native"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_another_model_that_takes_over_gets_no_foreign_state(
    server: ModelServer, model: ModelFactory, case: Case, second: str
) -> None:
    """The first model fails after the first round; the request goes on with another one, on the same address."""
    server.reply(case.first, DONE[second])
    messages = await first_round(model(name=case.name, dialect=case.dialect))
    other = model(name="other", dialect=DIALECTS[second])
    assert await answer_to(other, messages) == "Two."
    sent = strings_in(server.requests[1].body)
    state = messages[1].state
    assert state is not None
    foreign = strings_in([state.data, *(call.state for call in messages[1].tool_calls)]) - {"get_task"}
    foreign -= {"type", "index", "id", "data", "google", "thinking", "text", "arguments", "name", "thoughtSignature"}
    assert not foreign & sent
    ids = {call.id for call in messages[1].tool_calls}
    assert not ids & sent
