"""The other dialects' decoders, for responses that are in no recording, and for invalid ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streaming.chat import (
    ContentDelta,
    Delta,
    ErrorDelta,
    FinishDelta,
    FinishReason,
    ProviderState,
    ReasoningDelta,
    StateDelta,
    ToolCall,
    ToolCallAssembler,
    ToolCallDelta,
    UsageDelta,
)
from streaming.dialects import DIALECTS
from streaming.dialects.sse import ServerSentEvent

RESPONSES, ANTHROPIC, GEMINI = "openai-responses", "anthropic-messages", "gemini-native"
STOP = FinishDelta(FinishReason.STOP)
CALLED = FinishDelta(FinishReason.TOOL_CALLS)


def run(dialect: str, *payloads: Any) -> list[Delta]:
    """The deltas of a response; a string is the event's data, an event is fed unchanged."""
    decoder = DIALECTS[dialect].decoder()
    deltas: list[Delta] = []
    for payload in payloads:
        if not isinstance(payload, ServerSentEvent):
            payload = ServerSentEvent(payload if isinstance(payload, str) else json.dumps(payload))
        deltas += decoder.feed(payload)
    return deltas + decoder.close()


def calls_in(deltas: list[Delta]) -> list[ToolCall]:
    assembler = ToolCallAssembler()
    for delta in deltas:
        if isinstance(delta, ToolCallDelta):
            assembler.add(delta)
    return assembler.calls()


def candidate(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish}], **more}


def completed(**fields: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"status": "completed", **fields}}


def item(event: str, place: int, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.output_item.{event}", "output_index": place, "item": fields}


# ---- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "payload", "code", "retryable"),
    [
        (ANTHROPIC, {"type": "error", "error": {"type": "overloaded_error"}}, "overloaded_error", True),
        (ANTHROPIC, {"type": "error", "error": {"type": "invalid_request_error"}}, "invalid_request_error", False),
        (ANTHROPIC, {"error": {"code": 503}}, "503", True),
        (RESPONSES, {"type": "error", "code": "server_error", "message": "x"}, "server_error", True),
        (RESPONSES, {"type": "error", "error": {"code": "rate_limit_exceeded"}}, "rate_limit_exceeded", True),
        (
            RESPONSES,
            {"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error"}}},
            "server_error",
            True,
        ),
        (RESPONSES, {"type": "response.failed", "response": {"status": "failed"}}, None, True),
        (RESPONSES, {"error": {"code": "bad"}}, "bad", False),
        (GEMINI, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, "resource_exhausted", True),
        (GEMINI, [{"error": {"code": 400, "status": "INVALID_ARGUMENT"}}], "invalid_argument", False),
        (GEMINI, candidate(finish="MALFORMED_FUNCTION_CALL"), "malformed_function_call", True),
        *((dialect, "[1, 2", "invalid_payload", True) for dialect in DIALECTS),
        *((dialect, '"text"', "invalid_payload", True) for dialect in DIALECTS),
        *((dialect, ServerSentEvent(error='{"code": "server_error"}'), "server_error", True) for dialect in DIALECTS),
        *((dialect, ServerSentEvent(error="no JSON"), None, False) for dialect in DIALECTS),
        *((dialect, ServerSentEvent('{"error": {"code": "x"}}', "error"), "x", False) for dialect in DIALECTS),
    ],
)
def test_errors_inside_a_response(dialect: str, payload: Any, code: str | None, retryable: bool) -> None:
    first, *rest = run(dialect, payload)
    assert isinstance(first, ErrorDelta)
    assert (first.code, first.retryable) == (code, retryable)
    assert rest == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_response_without_anything_was_cut(dialect: str) -> None:
    (error,) = run(dialect)
    assert isinstance(error, ErrorDelta)
    assert error.code == "cut"


# ---- Anthropic ------------------------------------------------------------------------------------------------------


def test_anthropic_counts_cached_input_and_keeps_what_a_later_count_leaves_out() -> None:
    start = {"input_tokens": 3, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 7, "output_tokens": 1}
    deltas = run(
        ANTHROPIC,
        {"type": "message_start", "message": {"usage": start}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )
    assert deltas == [UsageDelta(20, 1, 10), UsageDelta(20, 9, 10), FinishDelta(FinishReason.LENGTH)]


def test_anthropic_whole_message_of_a_server_that_does_not_stream() -> None:
    message = {
        "type": "message",
        "content": [
            {"type": "thinking", "thinking": "hm"},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "t1", "name": "get", "input": {"id": 1}},
            {"type": "server_tool_use", "id": "t2", "name": "search", "input": {}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
    deltas = run(ANTHROPIC, message)
    assert deltas[:2] == [ReasoningDelta("hm"), ContentDelta("Hi")]
    assert calls_in(deltas) == [ToolCall("t1", "get", '{"id": 1}')]
    assert deltas[-2:] == [UsageDelta(1, 2), CALLED]


def test_anthropic_call_that_is_never_closed() -> None:
    block = {"type": "tool_use", "id": "t1", "name": "get", "input": {}}
    deltas = run(
        ANTHROPIC,
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    )
    assert calls_in(deltas) == [ToolCall("t1", "get", "{}")]
    assert deltas[-1] == CALLED


def test_anthropic_nothing_counts_after_the_message_stopped() -> None:
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}
    assert run(ANTHROPIC, text, {"type": "message_stop"}, text) == [ContentDelta("x"), STOP]


# ---- responses ------------------------------------------------------------------------------------------------------


def test_responses_done_events_fill_in_what_no_delta_brought() -> None:
    place = {"output_index": 0, "content_index": 0}
    deltas = run(
        RESPONSES,
        {"type": "response.output_text.done", **place, "text": "whole"},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "pie"},
        {"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "pie"},
        {"type": "response.refusal.done", "output_index": 2, "content_index": 0, "refusal": "no"},
        item("done", 3, type="function_call", id="f", call_id="c1", name="get", arguments='{"a":1}'),
        completed(usage={"input_tokens": 5, "output_tokens": 6}),
    )
    assert [delta.text for delta in deltas if isinstance(delta, ContentDelta)] == ["whole", "pie", "no"]
    assert calls_in(deltas) == [ToolCall("c1", "get", '{"a":1}')]
    assert deltas[-2:] == [UsageDelta(5, 6), CALLED]


def test_responses_parallel_calls_whose_items_change_their_ids() -> None:
    def piece(place: int, identity: str, text: str) -> dict[str, Any]:
        kind = "response.function_call_arguments.delta"
        return {"type": kind, "output_index": place, "item_id": identity, "delta": text}

    deltas = run(
        RESPONSES,
        item("added", 0, type="function_call", id="x0", call_id="c0", name="a", arguments=""),
        item("added", 1, type="function_call", id="x1", call_id="c1", name="b", arguments=""),
        piece(0, "y0", '{"n"'),
        piece(1, "y1", "{"),
        piece(0, "z0", ":0}"),
        piece(1, "z1", "}"),
        item("done", 1, type="function_call", id="w1", call_id="c1", name="b", arguments="{}"),
        completed(),
    )
    assert calls_in(deltas) == [ToolCall("c0", "a", '{"n":0}'), ToolCall("c1", "b", "{}")]


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, FinishReason.LENGTH),
        ({"reason": "content_filter"}, FinishReason.CONTENT_FILTER),
        ({"reason": "news"}, FinishReason.OTHER),
        (None, FinishReason.OTHER),
    ],
)
def test_responses_that_are_incomplete(details: Any, reason: FinishReason) -> None:
    response = {"status": "incomplete", "incomplete_details": details}
    assert run(RESPONSES, {"type": "response.incomplete", "response": response}) == [FinishDelta(reason)]


def test_responses_document_of_a_server_that_does_not_stream() -> None:
    output = [
        {"type": "reasoning", "summary": []},
        {"type": "message", "content": [{"type": "output_text", "text": "Hi"}, {"type": "refusal", "refusal": "!"}]},
        {"type": "function_call", "call_id": "c", "name": "get", "arguments": "{}"},
    ]
    deltas = run(RESPONSES, {"object": "response", "status": "completed", "output": output, "error": None})
    assert deltas[:2] == [ContentDelta("Hi"), ContentDelta("!")]
    assert calls_in(deltas) == [ToolCall("c", "get", "{}")]
    assert deltas[-1] == CALLED


# ---- Gemini ---------------------------------------------------------------------------------------------------------


def test_gemini_parts_usage_and_signature() -> None:
    deltas = run(
        GEMINI,
        candidate({"text": "hm", "thought": True}, {"text": "Hi"}),
        candidate({"functionCall": {"id": "f1", "name": "get", "args": {"id": 1}}, "thoughtSignature": "sig"}),
        candidate({"functionCall": {"name": "all"}}, {"text": ""}),
        candidate(
            finish="STOP", usageMetadata={"promptTokenCount": 4, "candidatesTokenCount": 2, "thoughtsTokenCount": 3}
        ),
    )
    assert deltas[:2] == [ReasoningDelta("hm"), ContentDelta("Hi")]
    assert calls_in(deltas) == [
        ToolCall("f1", "get", '{"id": 1}', {"thoughtSignature": "sig"}),
        ToolCall("call_1", "all", "{}"),
    ]
    assert deltas[-3:] == [UsageDelta(4, 5), StateDelta(ProviderState("")), CALLED]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (candidate(finish="MAX_TOKENS"), FinishReason.LENGTH),
        (candidate(finish="SAFETY"), FinishReason.CONTENT_FILTER),
        (candidate(finish="NEWS"), FinishReason.OTHER),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, FinishReason.CONTENT_FILTER),
    ],
)
def test_gemini_finish_reasons(payload: dict[str, Any], reason: FinishReason) -> None:
    assert run(GEMINI, payload) == [FinishDelta(reason)]


def test_gemini_first_candidate_only_and_a_list_of_responses() -> None:
    two = {
        "candidates": [
            {"index": 1, "content": {"parts": [{"text": "no"}]}},
            {"index": 0, "content": {"parts": [{"text": "yes"}]}, "finishReason": "STOP"},
        ]
    }
    assert run(GEMINI, [two]) == [ContentDelta("yes"), STOP]


def streamed(*pieces: dict[str, Any]) -> str:
    begun = {"functionCall": {"name": "f", "willContinue": True}}
    parts = [{"functionCall": {"partialArgs": [piece], "willContinue": True}} for piece in pieces]
    (call,) = calls_in(run(GEMINI, candidate(begun, *parts, finish="STOP")))
    return call.arguments


@pytest.mark.parametrize(
    ("pieces", "arguments"),
    [
        ([{"jsonPath": "$.a", "stringValue": "x"}, {"jsonPath": "$.a", "stringValue": "y"}], {"a": "xy"}),
        (
            [{"jsonPath": "$.a[0].b", "boolValue": True}, {"jsonPath": "$.a[1]", "numberValue": 2}],
            {"a": [{"b": True}, 2]},
        ),
        ([{"jsonPath": "$['a b'].c", "nullValue": None}], {"a b": {"c": None}}),
        ([{"jsonPath": "$.a[3]", "stringValue": "gap"}], {"a": []}),
        ([{"jsonPath": "$.a", "stringValue": "x"}, {"jsonPath": "$.a.b", "stringValue": "y"}], {"a": "x"}),
        ([{"jsonPath": "$", "stringValue": "x"}, {"jsonPath": "a", "stringValue": "x"}, {"stringValue": "x"}], {}),
        ([{"jsonPath": "$.a[", "stringValue": "x"}, {"jsonPath": "$" + "[0]" * 999, "stringValue": "x"}], {}),
    ],
)
def test_gemini_arguments_by_json_paths(pieces: list[dict[str, Any]], arguments: dict[str, Any]) -> None:
    assert json.loads(streamed(*pieces)) == arguments


@pytest.mark.parametrize(
    ("dialect", "payload", "expected"),
    [
        (
            "openai-chat",
            {"choices": [], "usage": {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 8}}},
            UsageDelta(9, 0, 8),
        ),
        (
            "openai-chat",
            {"choices": [], "usage": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}},
            UsageDelta(9, 0, 4),
        ),
        (
            "openai-chat",
            {"choices": [], "usage": {"prompt_tokens": 9}, "timings": {"cache_n": 3}},
            UsageDelta(9, 0, 3),
        ),
        ("openai-chat", {"choices": [], "usage": {"prompt_tokens": 9}}, UsageDelta(9, 0, None)),
        (
            RESPONSES,
            completed(usage={"input_tokens": 9, "output_tokens": 1, "input_tokens_details": {"cached_tokens": 8}}),
            UsageDelta(9, 1, 8),
        ),
        (
            GEMINI,
            {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 1, "cachedContentTokenCount": 8}},
            UsageDelta(9, 1, 8),
        ),
    ],
)
def test_cached_tokens_are_read_from_every_dialect(dialect: str, payload: Any, expected: UsageDelta) -> None:
    assert [delta for delta in run(dialect, payload) if isinstance(delta, UsageDelta)] == [expected]


@pytest.mark.parametrize(("written", "arguments"), [('{"id":"t1"}', '{"id": "t1"}'), ('{"id', '{"id'), ("[1]", "[1]")])
def test_gemini_arguments_as_text(written: str, arguments: str) -> None:
    deltas = run("gemini-native", candidate({"functionCall": {"name": "f", "args": written}}, finish="STOP"))
    assert [call.arguments for call in calls_in(deltas)] == [arguments]


@pytest.mark.parametrize(
    "of_delta", [{}, {"item_id": "m"}, {"output_index": 0}, {"output_index": 0, "content_index": 0}]
)
@pytest.mark.parametrize("of_done", [{}, {"item_id": "m"}, {"output_index": 0}, {"item_id": "m", "content_index": 0}])
def test_responses_done_event_with_other_fields_than_its_deltas(of_delta: Any, of_done: Any) -> None:
    deltas = run(
        "openai-responses",
        {"type": "response.output_text.delta", "delta": "Tw", **of_delta},
        {"type": "response.output_text.delta", "delta": "o.", **of_delta},
        {"type": "response.output_text.done", "text": "Two.", **of_done},
        {"type": "response.output_text.done", "text": " Three.", "output_index": 1, "content_index": 0},
        completed(),
    )
    assert "".join(delta.text for delta in deltas if isinstance(delta, ContentDelta)) == "Two. Three."


@pytest.mark.parametrize(("content", "shown"), [(5, "5"), (0, "0"), (2.5, "2.5"), (True, ""), (None, "")])
def test_chat_content_that_a_gateway_took_for_a_number(content: Any, shown: str) -> None:
    deltas = run(
        "openai-chat",
        {"choices": [{"index": 0, "delta": {"content": "In "}}]},
        {"choices": [{"index": 0, "delta": {"content": content}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    )
    assert "".join(delta.text for delta in deltas if isinstance(delta, ContentDelta)) == f"In {shown}"
