"""The requests of the dialects other than chat completions, for one neutral request."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from streaming.chat import ChatRequest, Message, ToolCall, ToolSpec
from streaming.dialects import DIALECTS, Dialect

SCHEMA = {"type": "object", "properties": {"agent": {"type": "string"}}}
ASKED = (
    Message("system", "be brief"),
    Message("system", ""),
    Message("user", "list"),
    Message(
        "assistant",
        "",
        tool_calls=(
            ToolCall("c1", "list_tasks", '{"limit": 3}', {"thoughtSignature": "sig"}),
            ToolCall("c2", "get_task", "{}"),
        ),
    ),
    Message("tool", '{"items": []}', tool_call_id="c1"),
    Message("tool", "none", tool_call_id="c2"),
    Message("assistant", "Looking.", tool_calls=(ToolCall("c3", "get_task", "not JSON"),)),
    Message("tool", "gone", tool_call_id="c3"),
)
FULL = ChatRequest(
    ASKED,
    tools=(ToolSpec("list_tasks", "Lists tasks.", SCHEMA),),
    max_tokens=100,
    temperature=0.0,
    stop=("END",),
    response_schema=SCHEMA,
    response_schema_name="intent",
)
LEAST = ChatRequest((Message("user", "hé"),))


def body(dialect: str, request: ChatRequest) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(DIALECTS[dialect].body(request, "m"))
    return parsed


def test_the_least_requests() -> None:
    assert body("openai-responses", LEAST) == {
        "model": "m",
        "input": [{"role": "user", "content": "hé"}],
        "stream": True,
        "store": False,
    }
    assert body("anthropic-messages", LEAST) == {
        "model": "m",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hé"}]}],
        "stream": True,
    }
    assert body("gemini-native", LEAST) == {"contents": [{"role": "user", "parts": [{"text": "hé"}]}]}


def test_a_responses_request_with_everything() -> None:
    written = body("openai-responses", FULL)
    assert written["input"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "list"},
        {"type": "function_call", "call_id": "call00001", "name": "list_tasks", "arguments": '{"limit": 3}'},
        {"type": "function_call", "call_id": "call00002", "name": "get_task", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call00001", "output": '{"items": []}'},
        {"type": "function_call_output", "call_id": "call00002", "output": "none"},
        {"role": "assistant", "content": "Looking."},
        {"type": "function_call", "call_id": "call00003", "name": "get_task", "arguments": "not JSON"},
        {"type": "function_call_output", "call_id": "call00003", "output": "gone"},
    ]
    tool = {"type": "function", "name": "list_tasks", "description": "Lists tasks.", "parameters": SCHEMA}
    assert written["tools"] == [{**tool, "strict": False}]
    assert written["text"]["format"] == {"type": "json_schema", "name": "intent", "strict": True, "schema": SCHEMA}
    assert (written["max_output_tokens"], written["temperature"]) == (100, 0.0)
    assert not written.keys() & {"stop", "tool_choice", "max_tokens"}


def test_an_anthropic_request_with_everything() -> None:
    written = body("anthropic-messages", FULL)
    assert written["system"] == "be brief"
    assert written["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "list"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "call00001", "name": "list_tasks", "input": {"limit": 3}},
                {"type": "tool_use", "id": "call00002", "name": "get_task", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call00001", "content": '{"items": []}'},
                {"type": "tool_result", "tool_use_id": "call00002", "content": "none"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Looking."},
                {"type": "tool_use", "id": "call00003", "name": "get_task", "input": {}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call00003", "content": "gone"}]},
    ]
    assert written["tools"] == [{"name": "list_tasks", "description": "Lists tasks.", "input_schema": SCHEMA}]
    assert written["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert (written["max_tokens"], written["temperature"], written["stop_sequences"]) == (100, 0.0, ["END"])
    assert "tool_choice" not in written


def test_a_gemini_request_with_everything() -> None:
    written = body("gemini-native", FULL)
    assert written["systemInstruction"] == {"parts": [{"text": "be brief"}]}
    unsigned = "skip_thought_signature_validator"
    assert written["contents"] == [
        {"role": "user", "parts": [{"text": "list"}]},
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "list_tasks", "args": {"limit": 3}}, "thoughtSignature": "sig"},
                {"functionCall": {"name": "get_task", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "list_tasks", "response": {"output": '{"items": []}'}}},
                {"functionResponse": {"name": "get_task", "response": {"output": "none"}}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "Looking."},
                {"functionCall": {"name": "get_task", "args": {}}, "thoughtSignature": unsigned},
            ],
        },
        {"role": "user", "parts": [{"functionResponse": {"name": "get_task", "response": {"output": "gone"}}}]},
    ]
    declaration = {"name": "list_tasks", "description": "Lists tasks.", "parametersJsonSchema": SCHEMA}
    assert written["tools"] == [{"functionDeclarations": [declaration]}]
    assert written["generationConfig"] == {
        "maxOutputTokens": 100,
        "temperature": 0.0,
        "stopSequences": ["END"],
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }
    assert "toolConfig" not in written


def test_tools_that_may_not_be_called_are_still_named_where_the_provider_insists() -> None:
    request = replace(FULL, tool_choice="none")
    assert body("anthropic-messages", request)["tool_choice"] == {"type": "none"}
    assert len(body("anthropic-messages", request)["tools"]) == 1
    assert body("openai-responses", request)["tool_choice"] == "none"
    without_schema = body("gemini-native", replace(request, response_schema=None))
    assert without_schema["toolConfig"] == {"functionCallingConfig": {"mode": "NONE"}}
    assert not body("gemini-native", request).keys() & {"tools", "toolConfig"}  # its models take one or the other
    assert not body("openai-chat", request).keys() & {"tools", "tool_choice"}


def test_no_tool_choice_without_tools() -> None:
    request = ChatRequest(LEAST.messages, tool_choice="none")
    for dialect in DIALECTS:
        assert not body(dialect, request).keys() & {"tools", "tool_choice", "toolConfig"}


def test_anthropic_turns_begin_with_the_person_and_hold_no_empty_text() -> None:
    history = (
        Message("assistant", "Hello."),
        Message("user", "a"),
        Message("assistant", " "),
        Message("user", "b"),
    )
    written = body("anthropic-messages", ChatRequest(history, temperature=1.7))
    assert written["messages"] == [{"role": "user", "content": [{"type": "text", "text": "a\n\nb"}]}]
    assert written["temperature"] == 1.0


@pytest.mark.parametrize(
    ("dialect", "model", "path"),
    [
        ("openai-chat", "gpt", "/chat/completions"),
        ("openai-responses", "gpt", "/responses"),
        ("anthropic-messages", "claude", "/messages"),
        ("gemini-native", "gemini-3", "/models/gemini-3:streamGenerateContent?alt=sse"),
        ("gemini-native", "tunedModels/my one", "/tunedModels/my%20one:streamGenerateContent?alt=sse"),
    ],
)
def test_paths(dialect: str, model: str, path: str) -> None:
    assert DIALECTS[dialect].path(model) == path


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=str)
def test_the_key_is_in_a_header_and_nowhere_else(dialect: Dialect) -> None:
    key = "sk-very-secret"
    headers = dialect.headers(key)
    assert sum(key in value for value in headers.values()) == 1
    assert not any(key in value for value in dialect.headers(None).values())
    assert headers["Accept"] == "text/event-stream"
    assert key not in dialect.path("m")


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=str)
def test_a_lone_surrogate_in_a_prompt_does_not_fail_the_request(dialect: Dialect) -> None:
    assert b"a?b" in dialect.body(ChatRequest((Message("user", "a\ud800b"),)), "m")


def test_a_required_tool_call() -> None:
    request = replace(FULL, tool_choice="required", response_schema=None)
    assert body("openai-chat", request)["tool_choice"] == "required"
    assert body("openai-responses", request)["tool_choice"] == "required"
    assert body("anthropic-messages", request)["tool_choice"] == {"type": "any"}
    assert body("gemini-native", request)["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
