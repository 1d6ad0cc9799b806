"""The OpenAI chat completions API, as OpenAI and the many servers compatible with it speak it.

https://platform.openai.com/docs/api-reference/chat-streaming

Compatible servers differ in the fields that they leave out and in the places that they use. The decoder accepts these
deviations, all seen in recordings: tool-call pieces without an index, several calls with one index, repeated or empty
ids, reasoning under three names, content as a list of parts, usage in the choice, in the chunk or in a vendor's field,
an error in a response with status 200, two finish reasons or none, no `[DONE]`, `message` in addition to `delta` or
instead of it, and reasoning in tags before the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, Final

from streaming.chat import ChatRequest, Message, ToolSpec
from streaming.dialects.base import ModelHabits
from streaming.dialects.conversation import conversation
from streaming.dialects.openai_tool_calls import OpenAIToolCalls
from streaming.dialects.payload_decoder import count, encoded, objects
from streaming.dialects.plain_text import OPENAI_CHAT
from streaming.dialects.reasoning_details import ReasoningDetails
from streaming.dialects.strict_schema import strict_parameters
from streaming.dialects.tagged_text import TaggedTextDecoder

# These models refuse an assistant's tool calls without reasoning while they think. A space is the least they accept.
_WANTS_REASONING: Final = re.compile(r"deepseek|kimi", re.IGNORECASE)
_NO_REASONING: Final = " "
# Gemini refuses tool calls without its signature. This is the documented value for calls that another model made.
_WANTS_SIGNATURE: Final = re.compile(r"(?:.*/)?gemini", re.IGNORECASE)
_NO_SIGNATURE: Final = {"google": {"thought_signature": "skip_thought_signature_validator"}}


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """`max_tokens_field` is `max_completion_tokens` for OpenAI's reasoning models; few other servers accept that name.

    Without `takes_temperature` no temperature is sent, because those models refuse it. With `sends_metadata` the body
    has `ChatRequest.metadata`; OpenAI itself refuses that field unless it stores the answer, so it is off by default.
    `strict_tools` and `sends_cache_key` are for OpenAI itself: it holds arguments to their schemas, and takes
    `prompt_cache_key`. `marks_strict` is for vLLM and SGLang, which then hold calls to the schemas as they are; other
    self-hosted servers ignore it. `controls_thinking` is for servers that render chat templates: llama.cpp, vLLM and
    SGLang.
    """

    max_tokens_field: str = "max_tokens"
    takes_temperature: bool = True
    sends_metadata: bool = False
    strict_tools: bool = False
    marks_strict: bool = False
    sends_cache_key: bool = False
    controls_thinking: bool = False
    name = "openai-chat"
    structured_output = True

    def path(self, model: str) -> str:
        """The same for every model."""
        del model
        return "/chat/completions"

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
            "messages": [_message(message, model) for message in conversation(request.messages, model)],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        # Not every compatible server knows the tool choice `none`; every server accepts a request without tools.
        if request.tools and (request.tool_choice != "none" or request.keep_tools):
            body["tools"] = [
                {
                    "type": "function",
                    "function": self._function(tool, strict=request.strict),
                }
                for tool in request.tools
            ]
            if request.tool_choice != "auto":
                body["tool_choice"] = request.tool_choice
            if not request.parallel_calls:
                body["parallel_tool_calls"] = False
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
        if request.temperature is not None and self.takes_temperature:
            body["temperature"] = request.temperature
        if request.cache_key is not None and self.sends_cache_key:
            body["prompt_cache_key"] = request.cache_key
        if request.thinking is not None and self.controls_thinking:
            body["chat_template_kwargs"] = {"enable_thinking": request.thinking}
        if request.metadata and self.sends_metadata:
            body["metadata"] = dict(request.metadata)
        return encoded(body)

    def decoder(self, habits: ModelHabits | None = None) -> OpenAIChatDecoder:
        """A decoder for one response."""
        return OpenAIChatDecoder(habits)

    def _function(self, tool: ToolSpec, *, strict: bool) -> dict[str, Any]:
        function: dict[str, Any] = {"name": tool.name, "description": tool.description}
        if strict and self.strict_tools:
            return {**function, "parameters": strict_parameters(tool.parameters), "strict": True}
        marks = {"strict": True} if strict and self.marks_strict else {}
        return {**function, "parameters": dict(tool.parameters), **marks}


def _message(message: Message, model: str) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id or "", "content": message.content}
    if not message.tool_calls:
        return {"role": message.role, "content": message.content}
    calls: list[dict[str, Any]] = []
    for call in message.tool_calls:
        calls.append({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
        if call.state is not None:
            calls[-1] |= call.state
    if _WANTS_SIGNATURE.match(model):
        calls[0].setdefault("extra_content", _NO_SIGNATURE)
    state = dict(message.state.data) if message.state is not None else {}
    places = state.pop("call_places", {})
    if details := state.get("reasoning_details"):
        state["reasoning_details"] = [_with_own_id(entry, places, message) for entry in details]
    if _WANTS_REASONING.search(model):
        state.setdefault("reasoning_content", _NO_REASONING)
    return {"role": message.role, "content": message.content or None, **state, "tool_calls": calls}


def _with_own_id(entry: dict[str, Any], places: Mapping[str, int], message: Message) -> dict[str, Any]:
    """`entry` with the id of its tool call in this request, if it names a call by the id that the provider gave."""
    place = places.get(str(entry.get("id")))
    return entry if place is None else {**entry, "id": message.tool_calls[place].id}


_choices: Final = attrgetter("choices")
_content: Final = attrgetter("delta.content")


class OpenAIChatDecoder(TaggedTextDecoder):
    """Chunks of one response to deltas. See `streaming.dialects.base.PayloadDecoder`.

    Only the first choice counts. Payloads after `[DONE]` are ignored.
    """

    def __init__(self, habits: ModelHabits | None = None) -> None:
        super().__init__(habits)
        self._choice: object = None
        self._calls = OpenAIToolCalls()
        self._thoughts: list[str] = []
        self._extra: dict[str, Any] = {}
        self._details = ReasoningDetails()

    def _plain_text(self, events: bytes) -> str | None:
        if self._choice is not None and self._choice != 0:
            return None
        chunks = OPENAI_CHAT.decode(events)
        if chunks is None:
            return None
        self._choice = 0
        if len(chunks) == 1:
            return chunks[0].choices[0].delta.content
        # Each has one choice. Without byte codes for each token, which are many in a long piece.
        return "".join(map(_content, chain.from_iterable(map(_choices, chunks))))

    def _read(self, payload: dict[str, Any]) -> None:
        if isinstance(served := payload.get("model"), str):
            # llama.cpp, for example, has its version as fingerprint.
            fingerprint = payload.get("system_fingerprint")
            self._habits.served = f"{served} {fingerprint}" if isinstance(fingerprint, str) and fingerprint else served
        choice = self._first_choice(payload.get("choices"))
        reason = None
        if choice is not None:
            delta = choice.get("delta")
            if not isinstance(delta, dict):
                # A server that ignored `stream` sends the whole message once.
                delta = choice.get("message")
            if isinstance(delta, dict):
                self._read_delta(delta)
            else:
                # The format of the older completions API, which some servers use in answers to chats.
                self._add_answer(choice.get("text"))
            reason = choice.get("finish_reason")
        self._read_usage(payload, choice)
        error = payload.get("error") or (choice or {}).get("error")
        if error or payload.get("object") == "error":
            self._fail(self._error(error or payload))
        elif isinstance(reason, str) and reason:
            self._finish_named(reason)

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

    def _read_delta(self, delta: dict[str, Any]) -> None:
        reasoning = delta.get("reasoning_content")
        if reasoning and isinstance(reasoning, str):
            self._thoughts.append(reasoning)
        reasoning = reasoning or delta.get("reasoning")
        if details := delta.get("reasoning_details"):
            for entry in objects(details):
                self._details.add(entry)
        if not isinstance(reasoning, str):
            reasoning = _joined(details, "reasoning.text")
        if isinstance(extra := delta.get("extra_content"), dict):
            self._extra |= extra  # Gemini signs text too
        content = delta.get("content")
        if isinstance(content, list):
            reasoning += _thinking(content)
            content = _joined(content, "text")
        # Most chunks hold one piece of text and nothing else.
        if reasoning:
            self._add_separate(reasoning)
        if content or content == 0:
            self._add_answer(content)
        if refusal := delta.get("refusal"):  # text for the person
            self._add_refusal(refusal)
        if pieces := delta.get("tool_calls"):
            for piece in self._calls.feed(pieces):
                self._add_call(piece)
        if isinstance(call := delta.get("function_call"), dict):  # before `tool_calls`, a message had one call
            for piece in self._calls.feed([{"index": 0, "function": call}]):
                self._add_call(piece)

    def _open_call(self, name: str) -> int:
        return self._calls.open(name)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {}
        if self._thoughts:
            state["reasoning_content"] = "".join(self._thoughts)
        if self._extra:
            state["extra_content"] = self._extra
        if self._details.entries:
            state["reasoning_details"] = self._details.entries
            if places := self._calls.places():
                state["call_places"] = places
        return state

    def _read_usage(self, payload: dict[str, Any], choice: dict[str, Any] | None) -> None:
        vendor = payload.get("x_groq")
        for place in (payload, choice, vendor):
            usage = place.get("usage") if isinstance(place, dict) else None
            if isinstance(usage, dict):
                self._add_usage(count(usage.get("prompt_tokens")), _written(usage), _cached(usage, payload))
                return


def _written(usage: dict[str, Any]) -> int:
    """The tokens that the model wrote, its reasoning included. xAI counts reasoning only in the total."""
    written, details = count(usage.get("completion_tokens")), usage.get("completion_tokens_details")
    reasoning = count(details.get("reasoning_tokens")) if isinstance(details, dict) else 0
    if reasoning and count(usage.get("total_tokens")) == count(usage.get("prompt_tokens")) + written + reasoning:
        written += reasoning
    return written


def _cached(usage: dict[str, Any], payload: dict[str, Any]) -> object:
    """The input tokens read from a cache: OpenAI's place, DeepSeek's, and llama.cpp's."""
    details, timings = usage.get("prompt_tokens_details"), payload.get("timings")
    if isinstance(details, dict) and "cached_tokens" in details:
        return details["cached_tokens"]
    if "prompt_cache_hit_tokens" in usage:
        return usage["prompt_cache_hit_tokens"]
    return timings.get("cache_n") if isinstance(timings, dict) else None


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
