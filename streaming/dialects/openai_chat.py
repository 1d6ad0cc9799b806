"""The OpenAI chat completions API, as OpenAI and the many servers compatible with it speak it.

https://platform.openai.com/docs/api-reference/chat-streaming

The compatible servers differ in what they leave out and where they put things. What is accepted here was seen in
recordings: tool-call pieces without an index, several calls under one index, ids repeated or empty later, reasoning
under three names, content as a list of parts, usage in the last choice, beside it, or in a vendor's field, an error
inside a 200, a finish reason twice or never, no `[DONE]`, and `message` beside or instead of `delta`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streaming.chat import (
    ChatRequest,
    ContentDelta,
    Delta,
    ErrorDelta,
    FinishDelta,
    FinishReason,
    Message,
    ReasoningDelta,
    UsageDelta,
)
from streaming.dialects.base import WellFormedText, provider_error
from streaming.dialects.openai_tool_calls import OpenAIToolCalls
from streaming.sse import ServerSentEvent

_DONE = "[DONE]"
_FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """`max_tokens_field` is `max_completion_tokens` for OpenAI's reasoning models; elsewhere few servers know that."""

    max_tokens_field: str = "max_tokens"
    name = "openai-chat"
    path = "/chat/completions"
    structured_output = True

    def headers(self, key: str | None) -> Mapping[str, str]:
        """Bearer authorization when there is a key."""
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return headers

    def body(self, request: ChatRequest, model: str) -> bytes:
        """The request, asking for a stream that ends with its usage."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [_message(message) for message in request.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": dict(tool.parameters),
                    },
                }
                for tool in request.tools
            ]
        if request.response_schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": request.response_schema_name,
                    "strict": True,
                    "schema": dict(request.response_schema),
                },
            }
        if request.stop:
            body["stop"] = list(request.stop)
        if request.max_tokens is not None:
            body[self.max_tokens_field] = request.max_tokens
        if request.temperature is not None:
            body["temperature"] = request.temperature
        # A lone surrogate cannot be UTF-8, and one in a prompt must not fail the request.
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    def decoder(self) -> OpenAIChatDecoder:
        """A decoder for one response."""
        return OpenAIChatDecoder()


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id or "", "content": message.content}
    if not message.tool_calls:
        return {"role": message.role, "content": message.content}
    return {
        "role": message.role,
        "content": message.content or None,
        "tool_calls": [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ],
    }


class OpenAIChatDecoder:
    """Chunks of one response to deltas. See `streaming.dialects.base.PayloadDecoder`.

    Only the first choice counts. Payloads after `[DONE]` are ignored.
    """

    def __init__(self) -> None:
        self.finished = False
        self.complete = False
        self._failed = False
        self._choice: object = None
        self._content = WellFormedText()
        self._reasoning = WellFormedText()
        self._calls = OpenAIToolCalls()
        self._usage: UsageDelta | None = None

    def feed(self, event: ServerSentEvent) -> list[Delta]:
        """The deltas of one event, in order."""
        if self.complete:
            return []
        text = event.data if event.error is None else event.error
        if text.strip() == _DONE:
            self.complete = True
            # Some servers never give a finish reason; `[DONE]` says as much.
            return self._finish(FinishReason.STOP)
        if not text.strip():
            return []
        is_error = event.error is not None or event.event == "error"
        try:
            payload = json.loads(text)
        except (ValueError, RecursionError):
            payload = None
        if is_error:
            error = payload.get("error", payload) if isinstance(payload, dict) else (payload or text)
            return [self._fail(_error(error))]
        if not isinstance(payload, dict):
            return [
                self._fail(
                    ErrorDelta("The provider sent a payload that is not a JSON object.", "invalid_payload", True)
                )
            ]
        deltas: list[Delta] = []
        self._read(payload, deltas)
        return deltas

    def close(self) -> list[Delta]:
        """The response ended. Code `cut` when it did so before the model had stopped."""
        if self.complete:
            return []
        self.complete = True
        if self.finished or self._failed:
            return []
        deltas = self._flush()
        deltas.append(self._fail(ErrorDelta("The stream ended before the answer did.", "cut", retryable=True)))
        return deltas

    def _finish(self, reason: FinishReason) -> list[Delta]:
        deltas = self._flush()
        if not self.finished and not self._failed:
            self.finished = True
            # Some servers say `stop` after tool calls.
            if reason is FinishReason.STOP and self._calls.count:
                reason = FinishReason.TOOL_CALLS
            deltas.append(FinishDelta(reason))
        return deltas

    def _flush(self) -> list[Delta]:
        deltas: list[Delta] = []
        if reasoning := self._reasoning.close():
            deltas.append(ReasoningDelta(reasoning))
        if content := self._content.close():
            deltas.append(ContentDelta(content))
        return deltas

    def _fail(self, error: ErrorDelta) -> ErrorDelta:
        self._failed = True
        return error

    def _read(self, payload: dict[str, Any], deltas: list[Delta]) -> None:
        choice = self._first_choice(payload.get("choices"))
        reason = None
        if choice is not None:
            delta = choice.get("delta")
            if not isinstance(delta, dict):
                # A server that ignored `stream` sends the whole message once.
                delta = choice.get("message")
            if isinstance(delta, dict):
                self._read_delta(delta, deltas)
            reason = choice.get("finish_reason")
        self._read_usage(payload, choice, deltas)
        error = payload.get("error") or (choice or {}).get("error")
        if error or payload.get("object") == "error":
            deltas.append(self._fail(_error(error or payload)))
        elif reason == "error":
            deltas.append(self._fail(ErrorDelta("The provider failed in the middle of the answer.", None, True)))
        elif isinstance(reason, str) and reason:
            deltas.extend(self._finish(_FINISH_REASONS.get(reason, FinishReason.OTHER)))

    def _first_choice(self, choices: object) -> dict[str, Any] | None:
        if not isinstance(choices, list):
            return None
        for choice in choices:
            if isinstance(choice, dict):
                number = choice.get("index", 0)
                if self._choice is None:
                    self._choice = number
                if number == self._choice:
                    return choice
        return None

    def _read_delta(self, delta: dict[str, Any], deltas: list[Delta]) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if not isinstance(reasoning, str):
            reasoning = _joined(delta.get("reasoning_details"), "reasoning.text")
        content = delta.get("content")
        if isinstance(content, list):
            reasoning += _thinking(content)
            content = _joined(content, "text")
        # A refusal is what the person is to read.
        refusal = delta.get("refusal")
        text = (content if isinstance(content, str) else "") + (refusal if isinstance(refusal, str) else "")
        if reasoning and (reasoning := self._reasoning.feed(reasoning)):
            deltas.append(ReasoningDelta(reasoning))
        if text and (text := self._content.feed(text)):
            deltas.append(ContentDelta(text))
        deltas.extend(self._calls.feed(delta.get("tool_calls")))

    def _read_usage(self, payload: dict[str, Any], choice: dict[str, Any] | None, deltas: list[Delta]) -> None:
        vendor = payload.get("x_groq")
        places = (
            payload.get("usage"),
            (choice or {}).get("usage"),
            vendor.get("usage") if isinstance(vendor, dict) else 0,
        )
        for usage in places:
            if isinstance(usage, dict):
                counted = UsageDelta(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))
                if counted != self._usage and (counted.input_tokens or counted.output_tokens):
                    self._usage = counted
                    deltas.append(counted)
                return


def _error(error: object) -> ErrorDelta:
    if isinstance(error, dict):
        return provider_error(error.get("message"), error.get("code"), error.get("type"), error.get("status_code"))
    return provider_error(error)


def _joined(parts: object, kind: str) -> str:
    """The text of those parts of a content list that are of `kind`."""
    if not isinstance(parts, list):
        return ""
    texts = (part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == kind)
    return "".join(text for text in texts if isinstance(text, str))


def _thinking(parts: list[Any]) -> str:
    return "".join(
        _joined(part.get("thinking"), "text")
        for part in parts
        if isinstance(part, dict) and part.get("type") == "thinking"
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
