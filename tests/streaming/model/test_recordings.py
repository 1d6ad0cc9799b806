"""Every recorded stream, cut anywhere, through decoder and dialect.

The result is compared with that of the data set's simple extractor: a cross-check, not an oracle. Where a difference is
correct, the tables give the reason.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import pytest

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
from tests.streaming.recording_differences import DIFFERENT, FAILED, UNFIT

COUNTS = {
    "openai-chat": 177,
    "openai-responses": 102,
    "anthropic-messages": 60,
    "gemini-native": 27,
    "openai-completions": 15,  # the older API, read by the chat dialect
    "unfit": 19,
}

# Some files hold several responses in sequence; each begins with its first event.
BORDERS = {
    "anthropic-messages": (b"event: message_stop\n", re.compile(rb"(?<=\n)(?=event: message_start\n)")),
    "openai-responses": (b"event: response.completed\n", re.compile(rb"(?<=\n)(?=event: response\.created\n)")),
}


def stem(row: dict[str, Any]) -> str:
    return PurePath(row["file"]).stem


def dialect_of(row: dict[str, Any]) -> str:
    return "openai-chat" if row["api"] == "openai-completions" else str(row["api"])


def index() -> list[dict[str, Any]]:
    return recordings.rows("index.jsonl")


def fitting(api: str) -> list[dict[str, Any]]:
    return [row for row in index() if row["api"] == api and stem(row) not in UNFIT]


def cut(data: bytes, seed: int) -> Iterator[bytes]:
    randomly = random.Random(seed)
    at = 0
    while at < len(data):
        size = randomly.choice((1, 2, 7, 60, 500, 5000))
        yield data[at : at + size]
        at += size


def decode(dialect: str, data: bytes, seed: int) -> list[Delta]:
    decoder = ResponseDecoder(DIALECTS[dialect].decoder(), max_bytes=1 << 26, max_event_bytes=1 << 22)
    deltas = [delta for chunk in cut(data, seed) for delta in decoder.feed(chunk)]
    return deltas + decoder.close()


def bodies(row: dict[str, Any]) -> list[bytes]:
    """The bodies of the responses in the file."""
    data = recordings.path(row["file"]).read_bytes()
    if row["api"] not in BORDERS:
        return [data]
    last, first = BORDERS[row["api"]]
    found: list[bytes] = []
    for part in first.split(data):
        if found and last not in found[-1]:
            found[-1] += part
        else:
            found.append(part)
    return found


def responses(row: dict[str, Any], seed: int) -> list[list[Delta]]:
    """The deltas of each response in the file."""
    return [decode(dialect_of(row), body, seed) for body in bodies(row)]


def last_usage(deltas: list[Delta]) -> tuple[int, int] | None:
    usages = [delta for delta in deltas if isinstance(delta, UsageDelta)]
    return (usages[-1].input_tokens, usages[-1].output_tokens) if usages else None


def summary(found: list[list[Delta]]) -> dict[str, Any]:
    """The deltas in the format of the index's `derived`; the usage is that of the file's last response."""
    deltas = [delta for response in found for delta in response]
    text = "".join(delta.text for delta in deltas if isinstance(delta, ContentDelta))
    calls = []
    for response in found:
        assembler = ToolCallAssembler()
        for delta in response:
            if isinstance(delta, ToolCallDelta):
                assembler.add(delta)
        calls += assembler.calls()
    return {
        "text": (len(text), hashlib.sha256(text.encode()).hexdigest()),
        "reasoning": sum(len(delta.text) for delta in deltas if isinstance(delta, ReasoningDelta)),
        "tool_calls": [(call.name, hashlib.sha256(call.arguments.encode()).hexdigest()) for call in calls],
        "usage": last_usage(deltas),
    }


INPUT = (
    "prompt_tokens",
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "promptTokenCount",
    "toolUsePromptTokenCount",
)
OUTPUT = ("completion_tokens", "output_tokens", "candidatesTokenCount", "thoughtsTokenCount")


def derived(row: dict[str, Any]) -> dict[str, Any]:
    known = row["derived"]
    usage = known["usage"]
    counts = tuple(sum(usage.get(place) or 0 for place in places) for places in (INPUT, OUTPUT)) if usage else None
    return {
        "text": (known["text_chars"], known["text_sha256"]),
        "reasoning": known["reasoning_chars"],
        "tool_calls": [(call["name"], call["args_sha256"]) for call in known["tool_calls"]],
        "usage": counts,
    }


def test_every_recording_is_read_or_named() -> None:
    rows = index()
    assert len(rows) == 400
    counts = {api: len(fitting(api)) for api in COUNTS if api != "unfit"}
    assert counts | {"unfit": sum(stem(row) in UNFIT for row in rows)} == COUNTS
    assert sum(COUNTS.values()) == 400


@pytest.mark.parametrize("api", [api for api in COUNTS if api != "unfit"])
def test_recorded_streams_say_what_the_index_says(api: str) -> None:
    different = set()
    for seed, row in enumerate(fitting(api)):
        ours, theirs = summary(responses(row, seed)), derived(row)
        if api == "openai-responses":
            # The extractor does not find the names of function calls in this API.
            ours["tool_calls"] = [("", digest) for _, digest in ours["tool_calls"]]
        different |= {(stem(row), what) for what in ours if ours[what] != theirs[what]}
    stems = {stem(row) for row in fitting(api)}
    assert different == {key for key in DIFFERENT if key[0] in stems}


EXPECTED_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "end_turn": FinishReason.STOP,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
    "STOP": FinishReason.STOP,
    "response.completed": FinishReason.STOP,
}


@pytest.mark.parametrize("api", [api for api in COUNTS if api != "unfit"])
def test_recorded_streams_end_once_and_for_the_recorded_reason(api: str) -> None:
    failed, other = {}, {}
    for seed, row in enumerate(fitting(api)):
        reasons = []
        for deltas in responses(row, seed):
            found = [delta.reason for delta in deltas if isinstance(delta, FinishDelta)]
            errors = [delta for delta in deltas if isinstance(delta, ErrorDelta)]
            if errors:
                failed[stem(row)] = errors[0].code
            else:
                assert len(found) == 1, row["file"]
                reasons += found
            assert not any(isinstance(delta, ContentDelta | ReasoningDelta) and not delta.text for delta in deltas)
        if not reasons:
            continue
        # Some servers end with `[DONE]` only.
        expected = EXPECTED_FINISH[row["finish_reasons"][-1]] if row["finish_reasons"] else FinishReason.STOP
        if expected is FinishReason.STOP and any(isinstance(delta, ToolCallDelta) for delta in deltas):
            expected = FinishReason.TOOL_CALLS
        if reasons[-1] is not expected:
            other[stem(row)] = reasons[-1]
    stems = {stem(row) for row in fitting(api)}
    assert failed == {name: code for name, code in FAILED.items() if name in stems}
    assert other == {}


def test_a_message_that_starts_over_gives_its_second_call_only() -> None:
    (row,) = (row for row in index() if stem(row) == "anthropic-claude-3-haiku-20240307-spliced-message-start")
    calls = ToolCallAssembler()
    for delta in responses(row, 0)[0]:
        if isinstance(delta, ToolCallDelta):
            calls.add(delta)
    assert [(call.id, call.arguments) for call in calls.calls()] == [("toolu_second", '{"value":"Sparkle Day"}')]


def test_a_refusal_of_the_streams_of_other_apis_leaves_no_text() -> None:
    for seed, row in enumerate(row for row in index() if stem(row) in UNFIT):
        data = recordings.path(row["file"]).read_bytes()
        for dialect in DIALECTS:
            deltas = decode(dialect, data, seed)
            # Cohere's older streams end with `[DONE]`, which is an empty answer; all others end in an error.
            assert isinstance(deltas[0], ErrorDelta) or deltas == [FinishDelta(FinishReason.STOP)], row["file"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_handles_the_streams_of_other_dialects(dialect: str) -> None:
    for seed, row in enumerate(index()):
        if row["bytes"] < 20_000:
            decode(dialect, recordings.path(row["file"]).read_bytes(), seed)


def test_local_streams_end_once() -> None:
    files = sorted(recordings.path("local-llamacpp").glob("*.sse"))
    assert len(files) == 18
    for seed, file in enumerate(files):
        deltas = decode("openai-chat", file.read_bytes(), seed)
        (finish,) = (delta.reason for delta in deltas if isinstance(delta, FinishDelta))
        assert not any(isinstance(delta, ErrorDelta) for delta in deltas)
        assert (finish is FinishReason.TOOL_CALLS) == any(isinstance(delta, ToolCallDelta) for delta in deltas)
        assert last_usage(deltas) is not None


@pytest.mark.parametrize("model", ["qwen05", "qwen15", "smollm2"])
def test_local_streams_cut_off_anywhere_are_noticed(model: str) -> None:
    data = recordings.path(f"local-llamacpp/{model}_tools_required.sse").read_bytes()
    finished_at = data.index(b'"finish_reason":"')
    for at in random.Random(3).sample(range(finished_at), 25):
        last = decode("openai-chat", data[:at], at)[-1]
        assert isinstance(last, ErrorDelta)
        assert last.retryable
        assert last.code in ("cut", "invalid_payload")


@pytest.mark.parametrize("api", ["openai-responses", "anthropic-messages", "gemini-native"])
def test_streams_cut_off_anywhere_are_noticed(api: str) -> None:
    marks = {
        "openai-responses": b'"response.completed"',
        "anthropic-messages": b'"stop_reason":"',
        "gemini-native": b"",
    }
    for seed, row in enumerate(row for row in fitting(api) if stem(row) not in FAILED and row["bytes"] < 30_000):
        data = recordings.path(row["file"]).read_bytes()
        end = data.find(marks[api]) if marks[api] else data.find(b'"finishReason"')
        if end < 2:
            continue
        at = random.Random(seed).randrange(1, end)
        last = decode(api, data[:at], seed)[-1]
        assert isinstance(last, ErrorDelta), row["file"]
        assert last.code in ("cut", "invalid_payload"), row["file"]
