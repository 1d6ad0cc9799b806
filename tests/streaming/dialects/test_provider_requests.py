"""The requests of the dialects other than chat completions, for one neutral request."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from streaming.chat import ChatRequest, Message, ToolCall, ToolSpec
from streaming.dialects import DIALECTS, Dialect, at_host, is_self_hosted, separates_reasoning

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
    mark = {"cache_control": {"type": "ephemeral"}}
    assert written["system"] == [{"type": "text", "text": "be brief", **mark}]
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
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call00003", "content": "gone", **mark}]},
    ]
    assert written["tools"] == [{"name": "list_tasks", "description": "Lists tasks.", "input_schema": SCHEMA, **mark}]
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


def test_openai_itself_gets_strict_tools_and_a_cache_key() -> None:
    parameters = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "status": {"type": "string", "enum": ["todo", "done"]}},
        "required": ["title"],
    }
    request = ChatRequest(
        (Message("user", "hi"),),
        tools=(ToolSpec("create_task", "Creates.", parameters),),
        cache_key="task_agent-home",
        thinking=False,
    )
    strict = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "status": {"type": ["string", "null"], "enum": ["todo", "done", None]},
        },
        "required": ["title", "status"],
        "additionalProperties": False,
    }
    for name in ("openai-chat", "openai-responses"):
        own = json.loads(at_host(DIALECTS[name], "https://api.openai.com/v1").body(request, "m"))
        tool = own["tools"][0].get("function", own["tools"][0])
        assert (tool["parameters"], tool["strict"], own["prompt_cache_key"]) == (strict, True, "task_agent-home")
        other = json.loads(at_host(DIALECTS[name], "https://openrouter.ai/api/v1").body(request, "m"))
        tool = other["tools"][0].get("function", other["tools"][0])
        assert tool["parameters"] == parameters
        assert not tool.get("strict")
        assert "prompt_cache_key" not in other
        assert "chat_template_kwargs" not in other
    local = json.loads(at_host(DIALECTS["openai-chat"], "http://127.0.0.1:8080/v1").body(request, "m"))
    assert local["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://127.0.0.1:11434/v1", True),
        ("http://[::1]:8080", True),
        ("http://192.168.1.20/v1", True),
        ("http://llama:8080/v1", True),
        ("https://models.internal/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
    ],
)
def test_self_hosted_addresses(url: str, own: bool) -> None:
    assert is_self_hosted(url) is own


@pytest.mark.parametrize(
    ("url", "model", "separate"),
    [
        ("https://api.openai.com/v1", "gpt-5-mini", True),
        ("https://eu.api.openai.com/v1", "o4-mini", True),
        ("https://api.anthropic.com/v1", "any", True),
        ("https://generativelanguage.googleapis.com/v1beta", "gemma-3-27b-it", True),
        ("https://europe-west1-aiplatform.googleapis.com/v1/x", "gemini-3-pro", True),
        ("https://openrouter.ai/api/v1", "anthropic/claude-haiku-4-5", True),
        ("https://openrouter.ai/api/v1", "google/gemini-3-pro", True),
        ("https://openrouter.ai/api/v1", "openai/gpt-oss-120b", False),
        ("https://openrouter.ai/api/v1", "qwen/qwen3-235b-a22b-thinking-2507", False),
        ("https://api.anthropic.com.example.net/v1", "any", False),
        ("http://127.0.0.1:8080/v1", "claude-3.7-sonnet-reasoning-gemma3-12B", False),
        ("http://vllm:8000/v1", "gpt-4-like", False),
    ],
)
def test_apis_that_are_known_to_send_reasoning_apart(url: str, model: str, separate: bool) -> None:
    assert separates_reasoning(url, model) is separate


@pytest.mark.parametrize(
    ("model", "mode", "keeps"),
    [("gemini-2.0-flash", None, False), ("gemini-2.5-pro", "VALIDATED", False), ("gemini-3-pro", "VALIDATED", True)],
)
def test_gemini_validates_calls_and_from_3_on_takes_tools_beside_a_schema(
    model: str, mode: str | None, keeps: bool
) -> None:
    request = ChatRequest((Message("user", "hi"),), tools=(ToolSpec("a", "b", SCHEMA),), response_schema=SCHEMA)
    written = json.loads(DIALECTS["gemini-native"].body(request, model))
    assert written.get("toolConfig", {}).get("functionCallingConfig", {}).get("mode") == mode
    silent = json.loads(DIALECTS["gemini-native"].body(replace(request, tool_choice="none"), model))
    assert ("tools" in silent) is keeps


def test_an_anthropic_history_is_marked_before_the_latest_message() -> None:
    messages = (Message("user", "one"), Message("assistant", "two"), Message("user", "three"))
    written = json.loads(
        DIALECTS["anthropic-messages"].body(
            ChatRequest(messages, tools=(ToolSpec("a", "b", SCHEMA),), parallel_calls=False), "m"
        )
    )
    marked = ["cache_control" in turn["content"][-1] for turn in written["messages"]]
    assert marked == [False, True, True]
    assert written["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
