"""Payloads of the chat completions dialect, and what its decoder makes of them."""

from __future__ import annotations

import json
from typing import Any

from streaming.chat import Delta
from streaming.dialects import OpenAIChat
from streaming.dialects.sse import ServerSentEvent


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def call(index: int | None = None, **fields: Any) -> dict[str, Any]:
    """A payload with one tool-call piece; `name` and `arguments` go into its function."""
    function = {name: fields.pop(name) for name in ("name", "arguments") if name in fields}
    piece = {**({} if index is None else {"index": index}), **fields, "function": function}
    return delta(tool_calls=[piece])


def run(*payloads: dict[str, Any] | str | ServerSentEvent) -> list[Delta]:
    decoder = OpenAIChat().decoder()
    deltas: list[Delta] = []
    for payload in payloads:
        if not isinstance(payload, ServerSentEvent):
            payload = ServerSentEvent(payload if isinstance(payload, str) else json.dumps(payload))
        deltas += decoder.feed(payload)
    return deltas + decoder.close()
