"""The Gemini API's own `streamGenerateContent`, on the Gemini API and on Vertex AI.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent

A response is a sequence of partial responses whose candidates have parts. Text, thoughts and function calls are read;
code that the provider runs is ignored. The stream has no end marker: the answer ends with the body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from streaming.chat import ChatRequest, ErrorDelta, FinishReason, Message
from streaming.dialects.base import ModelHabits, provider_error
from streaming.dialects.conversation import conversation
from streaming.dialects.finish_reasons import FAILURES
from streaming.dialects.gemini_function_calls import GeminiFunctionCalls
from streaming.dialects.payload_decoder import arguments_of, count, encoded, objects
from streaming.dialects.tagged_text import TaggedTextDecoder

# The documented value for calls that another model made: newer models refuse calls without a signature.
_NO_SIGNATURE = "skip_thought_signature_validator"


_NAME = re.compile(r"(?:.*/)?gemini-(\d+)(?:\.(\d+))?", re.IGNORECASE)
# From these versions on: the mode `VALIDATED` holds calls to their schemas, and a schema may be sent with tools.
_VALIDATES = (2, 5)
_TOOLS_BESIDE_SCHEMA = (3, 0)


def _version(model: str) -> tuple[int, int]:
    """The version in the name of a Gemini model; (0, 0) if there is none."""
    found = _NAME.match(model)
    return (int(found[1]), int(found[2] or 0)) if found is not None else (0, 0)


@dataclass(frozen=True, slots=True)
class GeminiNative:
    """The model's name is part of the path; a name with a slash, such as `tunedModels/mine`, is used unchanged."""

    name = "gemini-native"
    structured_output = True

    def path(self, model: str) -> str:
        """The model's method for streams of server-sent events."""
        resource = model if "/" in model else f"models/{model}"
        return f"/{quote(resource)}:streamGenerateContent?alt=sse"

    def headers(self, key: str | None) -> Mapping[str, str]:
        """`x-goog-api-key` if there is a key: in the query it would appear in logs."""
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if key:
            headers["x-goog-api-key"] = key
        return headers

    def body(self, request: ChatRequest, model: str) -> bytes:
        """The request. The path asks for a stream."""
        version = _version(model)
        body: dict[str, Any] = {"contents": _contents(request.messages, model)}
        system = [{"text": m.content} for m in request.messages if m.role == "system" and m.content]
        if system:
            body["systemInstruction"] = {"parts": system}
        may_call = request.tool_choice != "none"
        # Before Gemini 3, models take either tools or a schema; tools that may not be called are then left out.
        if request.tools and (may_call or request.response_schema is None or version >= _TOOLS_BESIDE_SCHEMA):
            body["tools"] = [
                {
                    "functionDeclarations": [
                        {
                            "name": tool.name,
                            "description": tool.description,
                            "parametersJsonSchema": dict(tool.parameters),
                        }
                        for tool in request.tools
                    ]
                }
            ]
            mode = {"none": "NONE", "required": "ANY", "auto": "VALIDATED" if version >= _VALIDATES else "AUTO"}[
                request.tool_choice
            ]
            if mode != "AUTO":
                body["toolConfig"] = {"functionCallingConfig": {"mode": mode}}
        if config := _generation_config(request):
            body["generationConfig"] = config
        return encoded(body)

    def decoder(self, habits: ModelHabits | None = None) -> GeminiNativeDecoder:
        """A decoder for one response."""
        return GeminiNativeDecoder(habits)


def _generation_config(request: ChatRequest) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if request.max_tokens is not None:
        config["maxOutputTokens"] = request.max_tokens
    if request.temperature is not None:
        config["temperature"] = request.temperature
    if request.stop:
        config["stopSequences"] = list(request.stop)
    if request.response_schema is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = dict(request.response_schema)
    return config


def _contents(messages: Sequence[Message], model: str) -> list[dict[str, Any]]:
    """The conversation in turns: the results of a round of calls are one user turn, in the order of the calls."""
    turns: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for message in conversation([message for message in messages if message.role != "system"], model):
        names |= {call.id: call.name for call in message.tool_calls}
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, names)
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        elif parts:
            turns.append({"role": role, "parts": parts})
    return turns


def _parts(message: Message, names: Mapping[str, str]) -> list[dict[str, Any]]:
    if message.role == "tool":
        # The API matches results to calls by name and order; not every version knows ids.
        name = names.get(message.tool_call_id or "", "unknown")
        return [{"functionResponse": {"name": name, "response": {"output": message.content}}}]
    parts: list[dict[str, Any]] = [{"text": message.content}] if message.content else []
    if parts and message.state is not None and (signature := message.state.data.get("text_signature")):
        parts[0]["thoughtSignature"] = signature
    for number, call in enumerate(message.tool_calls):
        part: dict[str, Any] = {"functionCall": {"name": call.name, "args": arguments_of(call)}}
        # Of parallel calls only the first has a signature.
        if call.state is not None:
            part |= call.state
        elif number == 0:
            part["thoughtSignature"] = _NO_SIGNATURE
        parts.append(part)
    return parts


class GeminiNativeDecoder(TaggedTextDecoder):
    """Partial responses to deltas. See `streaming.dialects.base.PayloadDecoder`. Only the first candidate counts."""

    def __init__(self, habits: ModelHabits | None = None) -> None:
        super().__init__(habits)
        self._calls = GeminiFunctionCalls()
        self._text_signature: str | None = None

    def _take(self, payload: object) -> None:
        if isinstance(payload, list):  # without `alt=sse` the body is one list of partial responses
            for part in objects(payload):
                if not self.complete:
                    self._read(part)
        else:
            super()._take(payload)

    def _read(self, payload: dict[str, Any]) -> None:
        error = payload.get("error")
        if error:
            self._fail(self._error(error))
            return
        if isinstance(served := payload.get("modelVersion"), str):
            self._habits.served = served
        candidate = next((c for c in objects(payload.get("candidates")) if count(c.get("index")) == 0), None)
        if candidate is not None:
            content = candidate.get("content")
            for part in objects(content.get("parts")) if isinstance(content, dict) else ():
                self._read_part(part)
        self._read_usage(payload.get("usageMetadata"))
        reason = candidate.get("finishReason") if candidate is not None else None
        feedback = payload.get("promptFeedback")
        if isinstance(reason, str) and reason:
            if reason.lower() not in FAILURES:
                self._close_calls()
            self._finish_named(reason)
        elif candidate is None and isinstance(feedback, dict) and feedback.get("blockReason"):
            self._finish(FinishReason.CONTENT_FILTER)

    def _read_part(self, part: dict[str, Any]) -> None:
        call = part.get("functionCall")
        if isinstance(call, dict):
            for delta in self._calls.feed(call, part.get("thoughtSignature")):
                self._add_call(delta)
        elif part.get("thought") is True:
            self._add_separate(part.get("text"))
        else:
            self._add_answer(part.get("text"))
            signature = part.get("thoughtSignature")
            if isinstance(signature, str) and signature:
                self._text_signature = signature

    def _open_call(self, name: str) -> int:
        del name
        return self._calls.open()

    def _state(self) -> dict[str, Any]:
        return {"text_signature": self._text_signature} if self._text_signature else {}

    def _close_calls(self) -> None:
        for delta in self._calls.close():
            self._add_call(delta)

    def _read_usage(self, usage: object) -> None:
        if isinstance(usage, dict):
            # The two main counts do not include thoughts and the results of the provider's own tools.
            read = count(usage.get("promptTokenCount")) + count(usage.get("toolUsePromptTokenCount"))
            written = count(usage.get("candidatesTokenCount")) + count(usage.get("thoughtsTokenCount"))
            self._add_usage(read, written, usage.get("cachedContentTokenCount"))

    @staticmethod
    def _error(error: object) -> ErrorDelta:
        """`status` names the fault, `code` repeats the HTTP status."""
        if not isinstance(error, dict):
            return provider_error(error)
        status = error.get("status")
        return provider_error(
            error.get("message"), status.lower() if isinstance(status, str) else None, error.get("code")
        )
