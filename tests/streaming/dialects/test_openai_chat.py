"""The chat completions dialect: its requests, and every deviation in responses that it accepts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.chat import (
    ChatRequest,
    ContentDelta,
    Delta,
    ErrorDelta,
    FinishDelta,
    FinishReason,
    Message,
    ReasoningDelta,
    StateDelta,
    ToolCall,
    ToolSpec,
    UsageDelta,
)
from streaming.dialects import DIALECTS, OpenAIChat
from streaming.dialects.sse import ServerSentEvent
from tests.streaming.dialects.chat_payloads import call, delta, run

STOP = FinishDelta(FinishReason.STOP)
DETAILS = [{"type": "reasoning.text", "text": "r"}, {"type": "reasoning.encrypted"}]


# ---- requests -------------------------------------------------------------------------------------------------------


def test_the_least_request() -> None:
    body = json.loads(OpenAIChat().body(ChatRequest((Message("user", "hé"),)), "m"))
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hé"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_request_with_everything() -> None:
    schema = {"type": "object", "properties": {"agent": {"type": "string"}}}
    request = ChatRequest(
        (
            Message("system", "be brief"),
            Message("user", "list"),
            Message("assistant", "", tool_calls=(ToolCall("c1", "list_tasks", '{"limit": 3}'),)),
            Message("tool", '{"items": []}', tool_call_id="c1"),
            Message("assistant", "Looking.", tool_calls=(ToolCall("c2", "get_task", "{}"),)),
        ),
        tools=(ToolSpec("list_tasks", "Lists tasks.", schema),),
        max_tokens=100,
        temperature=0.0,
        stop=("END",),
        response_schema=schema,
        response_schema_name="intent",
    )
    body = json.loads(OpenAIChat().body(request, "m"))
    assert body["messages"][2:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call00001", "type": "function", "function": {"name": "list_tasks", "arguments": '{"limit": 3}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "call00001", "content": '{"items": []}'},
        {
            "role": "assistant",
            "content": "Looking.",
            "tool_calls": [
                {"id": "call00002", "type": "function", "function": {"name": "get_task", "arguments": "{}"}}
            ],
        },
    ]
    tool = {"name": "list_tasks", "description": "Lists tasks.", "parameters": schema}
    assert body["tools"] == [{"type": "function", "function": tool}]
    json_schema = {"name": "intent", "strict": True, "schema": schema}
    assert body["response_format"] == {"type": "json_schema", "json_schema": json_schema}
    assert (body["max_tokens"], body["temperature"], body["stop"]) == (100, 0.0, ["END"])


def test_the_name_of_the_token_limit_is_a_setting() -> None:
    dialect = OpenAIChat(max_tokens_field="max_completion_tokens")
    body = json.loads(dialect.body(ChatRequest((), max_tokens=5), "m"))
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


def test_metadata_is_sent_only_where_that_is_set() -> None:
    request = ChatRequest((), metadata={"tessera_call": "route"})
    assert "metadata" not in json.loads(OpenAIChat().body(request, "m"))
    assert json.loads(OpenAIChat(sends_metadata=True).body(request, "m"))["metadata"] == {"tessera_call": "route"}
    assert "metadata" not in json.loads(OpenAIChat(sends_metadata=True).body(ChatRequest(()), "m"))


def test_a_lone_surrogate_in_a_prompt_does_not_fail_the_request() -> None:
    body = OpenAIChat().body(ChatRequest((Message("user", "a\ud800b"),)), "m")
    assert json.loads(body)["messages"][0]["content"] == "a?b"


def test_headers() -> None:
    assert OpenAIChat().headers("sk-1")["Authorization"] == "Bearer sk-1"
    assert "Authorization" not in OpenAIChat().headers(None)
    assert "sk-1" not in repr(OpenAIChat())


def test_dialects_are_found_by_name() -> None:
    assert all(dialect.name == name and dialect.path("m").startswith("/") for name, dialect in DIALECTS.items())
    assert "openai-chat" in DIALECTS


# ---- responses ------------------------------------------------------------------------------------------------------

A_TEXT = delta(content="a")
RESPONSES: dict[str, tuple[list[dict[str, Any] | str], list[Delta]]] = {
    "text": ([delta(role="assistant", content=""), A_TEXT, delta("stop"), "[DONE]"], [ContentDelta("a"), STOP]),
    "no [DONE]": ([A_TEXT, delta("stop")], [ContentDelta("a"), STOP]),
    "no finish reason": ([A_TEXT, "[DONE]"], [ContentDelta("a"), STOP]),
    "finish with the last text": (
        [delta("length", content="a")],
        [ContentDelta("a"), FinishDelta(FinishReason.LENGTH)],
    ),
    "finish twice": ([delta("stop"), delta("length"), "[DONE]"], [STOP]),
    "an unknown finish reason": ([delta("hologram")], [FinishDelta(FinishReason.OTHER)]),
    "a finish reason of another server": ([delta("eos")], [STOP]),
    "an aborted answer": (
        [A_TEXT, delta("abort")],
        [ContentDelta("a"), ErrorDelta("The provider failed in the middle of the answer.", "abort", True)],
    ),
    "an error after the finish reason": ([A_TEXT, delta("stop"), {"error": {"code": 500}}], [ContentDelta("a"), STOP]),
    "a full context of Mistral": ([delta("model_length")], [FinishDelta(FinishReason.LENGTH)]),
    "a limit in the words of Gemini": ([delta("MAX_TOKENS")], [FinishDelta(FinishReason.LENGTH)]),
    "a limit in the words of Anthropic": ([delta("max_tokens")], [FinishDelta(FinishReason.LENGTH)]),
    "a filter in the words of Gemini": ([delta("SAFETY")], [FinishDelta(FinishReason.CONTENT_FILTER)]),
    "content filter": ([delta("content_filter")], [FinishDelta(FinishReason.CONTENT_FILTER)]),
    "nothing after [DONE]": ([A_TEXT, " [DONE]\n", delta(content="b"), "not json"], [ContentDelta("a"), STOP]),
    "empty data": (["", "  ", A_TEXT, delta("stop")], [ContentDelta("a"), STOP]),
    "no choices": ([{"choices": []}, {"choices": None}, {"id": "x"}, A_TEXT, delta("stop")], [ContentDelta("a"), STOP]),
    "the first choice only": (
        [
            {"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "B"}}]},
            {"choices": [{"index": 1, "delta": {"content": "C"}, "finish_reason": "length"}]},
            delta("stop", content="b"),
        ],
        [ContentDelta("a"), ContentDelta("b"), STOP],
    ),
    "message beside delta": (
        [{"choices": [{"delta": {"content": "a"}, "message": {"content": "a"}, "finish_reason": "stop"}]}],
        [ContentDelta("a"), STOP],
    ),
    "message instead of delta": (
        [{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}],
        [ContentDelta("a"), STOP],
    ),
    "reasoning_content": ([delta("stop", reasoning_content="r", content=None)], [ReasoningDelta("r"), STOP]),
    "reasoning and its details": (
        [delta("stop", reasoning="r", reasoning_details=DETAILS[:1])],
        [ReasoningDelta("r"), STOP],
    ),
    "reasoning_details alone": ([delta("stop", reasoning_details=DETAILS)], [ReasoningDelta("r"), STOP]),
    "content as parts": (
        [
            delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}]),
            delta(
                "stop", content=[{"type": "text", "text": "a"}, {"type": "image"}, 5, {"type": "text", "text": None}]
            ),
        ],
        [ReasoningDelta("r"), ContentDelta("a"), STOP],
    ),
    "refusal": ([delta(content=None, refusal="No."), delta("stop")], [ContentDelta("No."), STOP]),
    "usage after the finish": (
        [A_TEXT, delta("stop"), {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}, "[DONE]"],
        [ContentDelta("a"), STOP, UsageDelta(3, 1)],
    ),
    "usage in every payload": (
        [*({**A_TEXT, "usage": {"prompt_tokens": 3, "completion_tokens": n}} for n in (1, 1, 2)), delta("stop")],
        [ContentDelta("a"), UsageDelta(3, 1), ContentDelta("a"), ContentDelta("a"), UsageDelta(3, 2), STOP],
    ),
    "usage in the choice": (
        [{"choices": [{"delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 3, "completion_tokens": 1}}]}],
        [UsageDelta(3, 1), STOP],
    ),
    "usage of groq": (
        [{**delta("stop"), "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 1}}}],
        [UsageDelta(3, 1), STOP],
    ),
    "usage that counts nothing": (
        [{**delta("stop"), "usage": {"prompt_tokens": -1, "completion_tokens": True, "total_tokens": "3"}}],
        [STOP],
    ),
    "surrogates cut in two": (
        [
            '{"choices":[{"delta":{"content":"\\ud83d"}}]}',
            '{"choices":[{"delta":{"content":"\\ude00"}}]}',
            delta("stop"),
        ],
        [ContentDelta("\N{GRINNING FACE}"), STOP],
    ),
    "half a pair of reasoning": (
        ['{"choices":[{"delta":{"reasoning":"\\ud83d"}}]}', delta("stop")],
        [ReasoningDelta("\ufffd"), STOP],
    ),
    "a choice with nothing in it": ([{"choices": [5, {"index": 0}]}, delta("stop")], [STOP]),
    "half a pair at the end": (
        ['{"choices":[{"delta":{"content":"\\ud83d"}}]}', "[DONE]"],
        [ContentDelta("\ufffd"), STOP],
    ),
}


@pytest.mark.parametrize(("payloads", "deltas"), RESPONSES.values(), ids=RESPONSES.keys())
def test_responses(payloads: list[dict[str, Any] | str], deltas: list[Delta]) -> None:
    # What goes back to the provider is in test_provider_state.
    assert [delta for delta in run(*payloads) if not isinstance(delta, StateDelta)] == deltas


@pytest.mark.parametrize(
    ("payloads", "code", "retryable"),
    [
        (["{"], "invalid_payload", True),
        (["[1]"], "invalid_payload", True),
        (["[" * 100_000], "invalid_payload", True),
        ([{"error": {"message": "no", "code": "invalid_api_key", "type": "auth"}}], "invalid_api_key", False),
        ([{"error": {"message": "no", "code": None, "type": "server_error"}}], "server_error", True),
        ([{"error": {"message": "slow", "code": 429}}], "429", True),
        ([{"error": {"message": "no", "code": 400}, **delta()}], "400", False),
        ([{"error": "just words"}], None, False),
        ([{"object": "error", "message": "no", "code": 503}], "503", True),
        ([{"choices": [{"delta": {}, "error": {"message": "upstream", "code": 502}}]}], "502", True),
        ([delta("error")], None, True),
        ([ServerSentEvent('{"error": {"code": "overloaded"}}', event="error")], "overloaded", True),
        ([ServerSentEvent('{"code": "overloaded"}', event="error")], "overloaded", True),
        ([ServerSentEvent("words", event="error")], None, False),
        ([ServerSentEvent("", error='{"code": 500, "message": "no"}')], "500", True),
    ],
)
def test_errors_inside_a_response(payloads: list[Any], code: str | None, retryable: bool) -> None:
    deltas = run(*payloads)
    error = deltas[-1]
    assert isinstance(error, ErrorDelta)
    assert (error.code, error.retryable) == (code, retryable)
    assert not any(isinstance(delta, FinishDelta) for delta in deltas)
    # After an error, a finish reason, [DONE] or the end of the stream changes nothing.
    assert run(*payloads, delta("stop"), "[DONE]") == deltas


@pytest.mark.parametrize("payloads", [[], [A_TEXT], [call(0, id="a", name="f", arguments="{")]])
def test_a_response_that_was_cut(payloads: list[Any]) -> None:
    error = run(*payloads)[-1]
    assert isinstance(error, ErrorDelta)
    assert (error.code, error.retryable) == ("cut", True)


def test_a_list_of_errors_is_an_error() -> None:
    for errors in ([{"message": "quota"}], ["quota"]):
        error = run({"errors": errors})[-1]
        assert isinstance(error, ErrorDelta)
        assert "quota" in error.message
        assert error.code != "cut"
    assert run({**delta(content="A"), "errors": []}, delta("stop")) == [ContentDelta("A"), STOP]


# ---- anything -------------------------------------------------------------------------------------------------------

_keys = st.sampled_from(
    ["choices", "delta", "message", "content", "tool_calls", "function", "name", "arguments", "index", "id", "usage",
     "error", "code", "type", "text", "reasoning", "reasoning_details", "finish_reason", "x_groq", "object"]
)  # fmt: skip
_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["stop", "error"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=15,
)


@given(st.lists(_junk, max_size=4))
def test_no_payload_is_an_exception(payloads: list[Any]) -> None:
    deltas = run(*(json.dumps(payload) for payload in payloads))
    assert sum(isinstance(delta, FinishDelta) for delta in deltas) <= 1
    assert any(isinstance(delta, FinishDelta | ErrorDelta) for delta in deltas)
