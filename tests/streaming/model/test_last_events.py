"""Where each dialect's answer is complete: a cut or an error after that point is not a failure, before it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streaming.chat import ErrorDelta, FinishDelta, FinishReason
from tests.streaming.model.test_cases import decode

Events = list[dict[str, Any]]

CHAT: Events = [
    {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]
ANTHROPIC: Events = [
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
]
GEMINI: Events = [
    {"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]},
    {"candidates": [{"content": {"parts": [{"text": "."}]}, "finishReason": "STOP"}]},
]
RESPONSES: Events = [
    {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi"},
    {"type": "response.completed", "response": {"status": "completed", "output": []}},
]
ANSWERS = {
    "openai-chat": CHAT,
    "anthropic-messages": ANTHROPIC,
    "gemini-native": GEMINI,
    "openai-responses": RESPONSES,
}
REST = ["", "data: {", 'event: x\ndata: {"ty', "data: [DO", 'data: {"error": {"message": "late"}}\n\n']


def stream(events: Events) -> str:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


@pytest.mark.parametrize("rest", REST)
@pytest.mark.parametrize("dialect", ANSWERS)
def test_what_follows_a_complete_answer_is_no_failure(dialect: str, rest: str) -> None:
    body = (stream(ANSWERS[dialect]) + rest).encode()
    for at in range(0, len(body), 5):
        assert decode(body, [at], dialect)[-1] == FinishDelta(FinishReason.STOP)


@pytest.mark.parametrize("dialect", ANSWERS)
def test_every_cut_before_the_end_is_called_a_cut(dialect: str) -> None:
    body = stream(ANSWERS[dialect]).rstrip("\n")
    for end in range(len(body) - 1):
        last = decode(body[:end].encode(), [end // 2], dialect)[-1]
        assert isinstance(last, ErrorDelta)
        assert last.code == "cut"
