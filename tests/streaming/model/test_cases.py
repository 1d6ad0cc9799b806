"""Streams that deviate from the documentation, with their right values: small ones, read from the shared cases."""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streaming.chat import (
    ContentDelta,
    Delta,
    ErrorDelta,
    FinishDelta,
    FinishReason,
    ReasoningDelta,
    ToolCallAssembler,
    ToolCallDelta,
    UsageDelta,
)
from streaming.dialects import DIALECTS
from streaming.model.decoder import ResponseDecoder
from tests.streaming import recordings

RECORDED = (
    "openai-chat/openrouter-minimax-m2-free-openrouter-stream-error.sse",
    "openai-chat/openrouter-muse-spark-1.1-tools-streaming-variant-d.sse",
    "local-llamacpp/smollm2_tools_required.sse",
)


def decode(data: bytes, places: list[int] | None = None, dialect: str = "openai-chat") -> list[Delta]:
    """The deltas of a body that arrives in pieces, with adjacent texts joined."""
    decoder = ResponseDecoder(DIALECTS[dialect].decoder(), max_bytes=1 << 24, max_event_bytes=1 << 20)
    cuts = [0, *sorted(places or []), len(data)]
    deltas: list[Delta] = []
    for begin, end in pairwise(cuts):
        deltas += decoder.feed(data[begin:end])
    joined: list[Delta] = []
    for delta in deltas + decoder.close():
        last = joined[-1] if joined else None
        if isinstance(delta, ContentDelta) and isinstance(last, ContentDelta):
            joined[-1] = ContentDelta(last.text + delta.text)
        elif isinstance(delta, ReasoningDelta) and isinstance(last, ReasoningDelta):
            joined[-1] = ReasoningDelta(last.text + delta.text)
        else:
            joined.append(delta)
    return joined


def case(name: str) -> bytes:
    file: Path = recordings.path("").parent.parent / "cases" / "streams" / name
    if not file.is_file():
        pytest.skip("the shared cases are not here")
    return file.read_bytes()


def calls_in(deltas: list[Delta]) -> list[tuple[str, str]]:
    assembler = ToolCallAssembler()
    for delta in deltas:
        if isinstance(delta, ToolCallDelta):
            assembler.add(delta)
    return [(call.name, call.arguments) for call in assembler.calls()]


LIST = ("list_tasks", '{"status":["done"]}')
GET = [("get_task", '{"id":"t1"}'), ("get_task", '{"id":"t2"}')]
CALLS = {
    "08_unstable_call_id.sse": ("openai-chat", [LIST]),
    "09_calls_without_index_and_id.sse": ("openai-chat", GET),
    "09b_calls_same_index_no_id.sse": ("openai-chat", GET),
    "10_arguments_under_another_index.sse": ("openai-chat", [LIST]),
    "11_llamacpp_responses.sse": ("openai-responses", [("get_task", '{"id":"a"}')]),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name: str) -> None:
    dialect, expected = CALLS[name]
    data = case(name)
    for at in range(0, len(data), 7):
        deltas = decode(data, [at], dialect)
        assert calls_in(deltas) == expected
        assert deltas[-1] == FinishDelta(FinishReason.TOOL_CALLS)


def test_reasoning_tokens_that_are_in_the_total_only() -> None:
    assert UsageDelta(12, 329) in decode(case("12_grok_usage.sse"))


@pytest.mark.parametrize(
    ("written", "reasoning", "total", "expected"),
    [(10, 20, 35, 30), (30, 20, 35, 30), (30, 20, None, 30), (10, 20, 40, 10), (0, 20, 25, 20), (30, 0, 35, 30)],
    ids=["xAI", "OpenAI", "no total", "another total", "nothing but reasoning", "no reasoning"],
)
def test_reasoning_tokens_are_counted_once(written: int, reasoning: int, total: int | None, expected: int) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": written, "total_tokens": total}
    payload = {"choices": [], "usage": usage | {"completion_tokens_details": {"reasoning_tokens": reasoning}}}
    assert UsageDelta(5, expected) in decode(f"data: {json.dumps(payload)}\n\n".encode())


WORD = 'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
STOPPED = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
CUTS: dict[str, tuple[str, Delta | str]] = {
    "inside the text's event": (WORD[:40], "cut"),
    "inside the finish reason's event": (WORD + STOPPED[:50], "cut"),
    "inside the finish reason": (WORD + STOPPED[:-10], "cut"),
    "after the finish reason": (WORD + STOPPED, FinishDelta(FinishReason.STOP)),
    "inside the end mark": (WORD + STOPPED + "data: [DO", FinishDelta(FinishReason.STOP)),
    "inside the usage": (WORD + STOPPED + 'data: {"choices":[],"usage":{"prompt', FinishDelta(FinishReason.STOP)),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_cut_is_a_failure_only_before_the_finish_reason(name: str) -> None:
    body, last = CUTS[name]
    for at in range(len(body)):
        delta = decode(body.encode(), [at])[-1]
        assert (delta.code if isinstance(delta, ErrorDelta) else delta) == last


THINKING = {
    "13_think_without_opening.sse": "The user wants tasks.\n",
    "13b_mistral_think.sse": "secret",
    "13c_harmony.sse": "secret",
}


@pytest.mark.parametrize("name", THINKING)
def test_reasoning_in_other_spellings(name: str) -> None:
    data = case(name)
    for at in range(0, len(data), 7):
        assert decode(data, [at])[:2] == [
            ReasoningDelta(THINKING[name]),
            ContentDelta('[{"type":"text","content":"Two."}]'),
        ]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("cut_inside_data_done_.sse", FinishDelta(FinishReason.STOP)),
        ("cut_inside_the_usage_event_after_finish_reason.sse", FinishDelta(FinishReason.STOP)),
        ("cut_between_events.sse", "cut"),
        ("exc_A.sse", "cut"),
        ("exc_B.sse", None),
    ],
)
def test_cut_and_broken_streams(name: str, last: Delta | str | None) -> None:
    data = case(name)
    for at in range(len(data)):
        delta = decode(data, [at])[-1]
        if isinstance(last, FinishDelta):
            assert delta == last
        else:
            assert isinstance(delta, ErrorDelta)
            assert delta.code == last


# ---- bodies that are not event streams -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"error": {"message": "no", "code": "rate_limited"}}', "rate_limited"),
        ('[{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}]', None),
        ('{"detail": "Not Found"}', None),
        ('{"message": "upstream failed", "code": 503}', "503"),
        (' \n{"object": "error", "message": "no", "code": 40303}', "40303"),
        ("<!DOCTYPE html><html><title>Sign in</title></html>", "web_page"),
        ('{"error": {"message": "cut h', "cut"),
        ("{nonsense}", "invalid_payload"),
        ("upstream connect error", "plain_text"),
        ("Bad Gateway", "bad_gateway"),
        ("502 Bad Gateway\n", "bad_gateway"),
        ("error code: 504", "gateway_timeout"),
        ("Unauthorized", "unauthorized"),
        ("dat", "cut"),
        (": keep-alive\n", "cut"),
        ("event", "cut"),
        ("", "cut"),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_body_is_shows_its_first_byte(dialect: str, body: str, code: str | None) -> None:
    for text in (body, "\ufeff" + body):
        data = text.encode()
        for at in range(len(data)):
            (error,) = decode(data, [at], dialect)
            assert isinstance(error, ErrorDelta)
            if code is not None:
                assert error.code == code


# ---- anything ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=4))
@example(b'data: \xc2\xa0{"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n', [])
def test_no_bytes_raise(dialect: str, data: bytes, places: list[int]) -> None:
    deltas = decode(data, [min(place, len(data)) for place in places], dialect)
    assert sum(isinstance(delta, FinishDelta | ErrorDelta) for delta in deltas) >= 1


@pytest.mark.parametrize("name", RECORDED)
@given(st.data())
def test_no_mutation_of_a_recording_raises(name: str, data: st.DataObject) -> None:
    body = bytearray(recordings.path(name).read_bytes()[:4000])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        piece = data.draw(st.sampled_from([b"", b"\n", b"\n\n", b"}", b'"', b"null", b"[1]", b"\xff", b"\xc2\xa0"]))
        body[at : at + data.draw(st.integers(0, 9))] = piece
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=4))
    deltas = decode(bytes(body), places)
    assert any(isinstance(delta, FinishDelta | ErrorDelta) for delta in deltas)


# ---- every recording, cut ------------------------------------------------------------------------------------------

FINISHED = {
    "openai-chat": re.compile(rb'"finish_reason": ?"'),
    "anthropic-messages": re.compile(rb'"type": ?"message_delta"'),
    "gemini-native": re.compile(rb'"finishReason": ?"'),
    "openai-responses": re.compile(rb'"type": ?"response\.(completed|incomplete)"'),
}


@pytest.mark.parametrize("api", FINISHED)
def test_a_recording_that_is_cut_is_complete_after_its_finish_reason_and_cut_before_it(api: str) -> None:
    rows = [row for row in recordings.rows("index.jsonl") if row["api"] == api]
    cuts = 0
    for number, row in enumerate(rows):
        data = recordings.path(row["file"]).read_bytes()
        whole = decode(data, None, api)
        if any(isinstance(delta, ErrorDelta) for delta in whole) or not FINISHED[api].search(data):
            continue
        chosen = random.Random(number)
        for at in chosen.sample(range(1, len(data)), min(6, len(data) - 1)):
            deltas = decode(data[:at], None, api)
            finished = any(isinstance(delta, FinishDelta) for delta in deltas)
            errors = [delta.code for delta in deltas if isinstance(delta, ErrorDelta)]
            assert errors == ([] if finished else ["cut"]), (row["file"], at)
            # The event with the finish reason is whole: its line ended before the cut.
            reason = FINISHED[api].search(data)
            assert reason is not None
            line_end = data.find(b"\n", reason.end())
            if 0 <= line_end < at:
                assert finished, (row["file"], at)
            cuts += 1
    assert cuts > 50


def test_every_shared_stream_has_its_value() -> None:
    folder: Path = recordings.path("").parent.parent / "cases" / "streams"
    if not folder.is_dir():
        pytest.skip("the shared cases are not here")
    tested = Path(__file__).read_text("utf-8")
    assert [path.name for path in sorted(folder.iterdir()) if f'"{path.name}"' not in tested] == []
