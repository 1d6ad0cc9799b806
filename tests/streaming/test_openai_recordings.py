"""Every recorded chat completions stream, cut anywhere, through decoder and dialect.

What comes out is compared with what the data set's own simple extractor read: a cross-check, not an oracle. Where the
two differ by right, the table says why.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from streaming.chat import (
    ContentDelta,
    Delta,
    ErrorDelta,
    FinishDelta,
    ReasoningDelta,
    ToolCallAssembler,
    ToolCallDelta,
    UsageDelta,
)
from streaming.dialects import OpenAIChat
from streaming.response_decoder import ResponseDecoder
from tests.streaming import recordings

_REFUSAL = "a refusal is what the person is to read; the extractor leaves it out"
_PARTS = "the extractor counts the characters of the parts' JSON, not of their text"
_GROQ_USAGE = "the usage is in `x_groq`, where the extractor does not look"

DIFFERENT: dict[tuple[str, str], str] = {
    ("groq-deepseek-r1-distill-llama-70b-groq-model-thinking-part-iter", "usage"): _GROQ_USAGE,
    ("groq-llama3-8b-8192-chat-streaming-legacy", "usage"): _GROQ_USAGE,
    ("huggingface-deepseek-r1-hf-model-thinking-part-iter", "text"): (
        "each choice has the token twice, as `text` and in `delta`; the extractor takes both"
    ),
    ("mistral-magistral-medium-2507-mistral-reasoning", "reasoning"): _PARTS,
    ("mistral-magistral-medium-latest-mistral-model-thinking-part-iter", "reasoning"): _PARTS,
    ("mistral-magistral-small-latest-stream-reasoning-model-1-1", "reasoning"): _PARTS,
    ("openai-gpt-4o-2024-08-06-sdk-snapshot-173417d553", "text"): _REFUSAL,
    ("openai-gpt-4o-2024-08-06-sdk-snapshot-569c877e69", "text"): _REFUSAL,
    ("snowflake-claude-sonnet-4-6-snowflake-thinking-streaming", "reasoning"): (
        "the reasoning is in `reasoning_details` alone, where the extractor does not look"
    ),
}
FAILED = {
    "groq-gpt-oss-120b-tool-use-failed-error-streaming": "tool_use_failed",
    "openrouter-minimax-m2-free-openrouter-stream-error": "400",
}


def cut(data: bytes, seed: int) -> Iterator[bytes]:
    randomly = random.Random(seed)
    at = 0
    while at < len(data):
        size = randomly.choice((1, 2, 7, 60, 500, 5000))
        yield data[at : at + size]
        at += size


def decode(data: bytes, seed: int) -> list[Delta]:
    decoder = ResponseDecoder(OpenAIChat().decoder(), max_bytes=1 << 26, max_event_bytes=1 << 22)
    deltas = [delta for chunk in cut(data, seed) for delta in decoder.feed(chunk)]
    return deltas + decoder.close()


def summary(deltas: list[Delta]) -> dict[str, Any]:
    """The deltas as the index's `derived` has them."""
    text = "".join(delta.text for delta in deltas if isinstance(delta, ContentDelta))
    calls = ToolCallAssembler()
    usage = None
    for delta in deltas:
        if isinstance(delta, ToolCallDelta):
            calls.add(delta)
        elif isinstance(delta, UsageDelta):
            usage = (delta.input_tokens, delta.output_tokens)
    return {
        "text": (len(text), hashlib.sha256(text.encode()).hexdigest()),
        "reasoning": sum(len(delta.text) for delta in deltas if isinstance(delta, ReasoningDelta)),
        "tool_calls": [(call.name, hashlib.sha256(call.arguments.encode()).hexdigest()) for call in calls.calls()],
        "usage": usage,
    }


def derived(row: dict[str, Any]) -> dict[str, Any]:
    known = row["derived"]
    usage = known["usage"]
    return {
        "text": (known["text_chars"], known["text_sha256"]),
        "reasoning": known["reasoning_chars"],
        "tool_calls": [(call["name"], call["args_sha256"]) for call in known["tool_calls"]],
        "usage": (usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)) if usage else None,
    }


def test_recorded_streams_say_what_the_index_says() -> None:
    rows = [row for row in recordings.rows("index.jsonl") if row["file"].startswith("openai-chat/")]
    assert len(rows) > 150
    different = set()
    for seed, row in enumerate(rows):
        name = row["file"].removeprefix("openai-chat/").removesuffix(".sse")
        ours, theirs = summary(decode(recordings.path(row["file"]).read_bytes(), seed)), derived(row)
        different |= {(name, what) for what in ours if ours[what] != theirs[what]}
    assert different == DIFFERENT.keys()


def test_recorded_streams_end_once() -> None:
    folders = ("openai-chat", "local-llamacpp")
    files = [file for folder in folders for file in sorted(recordings.path(folder).glob("*.sse"))]
    failed = {}
    for seed, file in enumerate(files):
        deltas = decode(file.read_bytes(), seed)
        finishes = [delta for delta in deltas if isinstance(delta, FinishDelta)]
        errors = [delta for delta in deltas if isinstance(delta, ErrorDelta)]
        if errors:
            failed[file.stem] = errors[0].code
        else:
            assert len(finishes) == 1, file.name
        assert not any(isinstance(delta, ContentDelta | ReasoningDelta) and not delta.text for delta in deltas)
    assert failed == FAILED


@pytest.mark.parametrize("model", ["qwen05", "qwen15", "smollm2"])
def test_local_streams_cut_off_anywhere_are_noticed(model: str) -> None:
    data = recordings.path(f"local-llamacpp/{model}_tools_required.sse").read_bytes()
    finished_at = data.index(b'"finish_reason":"')
    for at in random.Random(3).sample(range(finished_at), 25):
        last = decode(data[:at], at)[-1]
        assert isinstance(last, ErrorDelta)
        assert last.retryable
        assert last.code in ("cut", "invalid_payload")
