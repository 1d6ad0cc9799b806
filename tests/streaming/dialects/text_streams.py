"""One answer's text as the stream of each dialect, in the pieces in which the model wrote it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

Payload = dict[str, Any]


def _chat(text: str) -> Payload:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


def _responses(text: str) -> Payload:
    place = {"item_id": "m1", "output_index": 0, "content_index": 0}
    return {"type": "response.output_text.delta", **place, "delta": text}


def _anthropic(text: str) -> Payload:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def _gemini(text: str) -> Payload:
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}]}


TEXT: dict[str, Callable[[str], Payload]] = {
    "openai-chat": _chat,
    "openai-responses": _responses,
    "anthropic-messages": _anthropic,
    "gemini-native": _gemini,
}
REASONING: dict[str, Callable[[str], Payload]] = {
    "openai-chat": lambda text: {"choices": [{"index": 0, "delta": {"reasoning_content": text}}]},
    "openai-responses": lambda text: {"type": "response.reasoning_text.delta", "output_index": 0, "delta": text},
    "anthropic-messages": lambda text: {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": text},
    },
    "gemini-native": lambda text: {"candidates": [{"content": {"parts": [{"text": text, "thought": True}]}}]},
}


def _end(dialect: str, text: str, *, cut: bool) -> list[Payload]:
    match dialect:
        case "openai-chat":
            return [{"choices": [{"index": 0, "delta": {}, "finish_reason": "length" if cut else "stop"}]}]
        case "openai-responses":
            # The last event repeats the whole output.
            output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
            response: Payload = {"object": "response", "status": "completed", "output": output}
            if cut:
                response |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
            return [
                {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": text},
                {"type": "response.output_item.done", "output_index": 0, "item": output[0]},
                {"type": f"response.{response['status']}", "response": response},
            ]
        case "anthropic-messages":
            return [
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "max_tokens" if cut else "end_turn"}},
                {"type": "message_stop"},
            ]
        case _:
            return [{"candidates": [{"content": {}, "finishReason": "MAX_TOKENS" if cut else "STOP", "index": 0}]}]


def payloads(dialect: str, parts: Iterable[str], *, cut: bool = False) -> list[Payload]:
    """The payloads of an answer whose text arrives in `parts`; `cut` by the token limit."""
    parts = list(parts)
    begin: list[Payload] = []
    if dialect == "anthropic-messages":
        begin = [
            {"type": "message_start", "message": {"role": "assistant", "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        ]
    return [*begin, *map(TEXT[dialect], parts), *_end(dialect, "".join(parts) if parts else "", cut=cut)]


def event(payload: Payload) -> bytes:
    """`payload` as the server-sent event that the dialect's servers write."""
    name = f"event: {payload['type']}\n" if "type" in payload else ""
    return f"{name}data: {json.dumps(payload)}\n\n".encode()
