"""The Anthropic messages API.

https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/docs/build-with-claude/streaming

A response is a message of content blocks. Text, thinking and tool use are read. Calls of tools that the provider runs
are ignored. Recordings also contain cases that the documentation does not mention: unknown events and blocks, a tool's
whole input in `content_block_start`, content and stop reason in `message_start`, and a message that starts over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streaming.chat import ChatRequest, FinishReason, Message, ToolCallDelta, ToolSpec
from streaming.dialects.base import ModelHabits
from streaming.dialects.conversation import conversation
from streaming.dialects.payload_decoder import arguments_of, count, encoded, objects
from streaming.dialects.plain_text import ANTHROPIC
from streaming.dialects.strict_schema import closed, optional_properties, without_nulls
from streaming.dialects.tagged_text import TaggedTextDecoder

_VERSION = "2023-06-01"
# The API requires a limit. Current models can write at least this many tokens.
_DEFAULT_MAX_TOKENS = 4096
# Of all strict tools and the answer's schema of a request.
_MOST_STRICT = 20
_MOST_OPTIONAL = 24
# Marks the end of a prefix that the provider caches for some minutes.
_CACHED = {"type": "ephemeral"}


@dataclass(frozen=True, slots=True)
class AnthropicMessages:
    """All system messages are joined to the API's one system prompt.

    `strict_tools` is for Anthropic itself. It compiles the schemas of strict tools and of the answer together, within
    limits. So only those tools are strict that fit, the simplest ones first. The choice depends only on the tools and
    the schema, so all calls of a request have the same tools.
    """

    strict_tools: bool = False
    name = "anthropic-messages"
    structured_output = True

    def path(self, model: str) -> str:
        """The same for every model."""
        del model
        return "/messages"

    def headers(self, key: str | None) -> Mapping[str, str]:
        """`x-api-key` when there is a key."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "anthropic-version": _VERSION,
        }
        if key:
            headers["x-api-key"] = key
        return headers

    def body(self, request: ChatRequest, model: str) -> bytes:
        """The request, asking for a stream."""
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": request.max_tokens or _DEFAULT_MAX_TOKENS,
            "messages": _messages(request.messages, model),
            "stream": True,
        }
        system = "\n\n".join(m.content for m in request.messages if m.role == "system" and m.content.strip())
        if system:
            body["system"] = system
        if request.tools:
            strict = _strict_tools(request) if self.strict_tools and request.strict else frozenset()
            body["tools"] = [_tool(tool, strict=tool.name in strict) for tool in request.tools]
            # Only calls with tools come in rounds, and begin like the next one.
            body["tools"][-1]["cache_control"] = _CACHED
            if system:
                body["system"] = [{"type": "text", "text": system, "cache_control": _CACHED}]
            _mark_history(body["messages"])
            # Without tools, the API refuses a history that contains tool calls.
            if request.tool_choice == "none":
                body["tool_choice"] = {"type": "none"}
            elif request.tool_choice == "required":
                body["tool_choice"] = {"type": "any"}
            if not request.parallel_calls and request.tool_choice != "none":
                body.setdefault("tool_choice", {"type": "auto"})["disable_parallel_tool_use"] = True
        if request.response_schema is not None:
            # Each property that may be null counts as one of several types, of which the API takes 16.
            schema = without_nulls(request.response_schema)
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        if request.stop:
            body["stop_sequences"] = list(request.stop)
        if request.temperature is not None:
            body["temperature"] = min(request.temperature, 1.0)
        return encoded(body)

    def decoder(self, habits: ModelHabits | None = None) -> AnthropicMessagesDecoder:
        """A decoder for one response."""
        return AnthropicMessagesDecoder(habits)


def _strict_tools(request: ChatRequest) -> frozenset[str]:
    """The names of the tools that fit in the limits of strict schemas, together with the answer's schema."""
    left = _MOST_OPTIONAL - optional_properties(without_nulls(request.response_schema))
    strict: list[str] = []
    for optional, name in sorted((optional_properties(tool.parameters), tool.name) for tool in request.tools):
        left -= optional
        if left < 0 or len(strict) == _MOST_STRICT:
            break
        strict.append(name)
    return frozenset(strict)


def _tool(tool: ToolSpec, *, strict: bool) -> dict[str, Any]:
    described = {"name": tool.name, "description": tool.description}
    if not strict:
        return {**described, "input_schema": dict(tool.parameters)}
    return {**described, "input_schema": closed(tool.parameters), "strict": True}


def _mark_history(turns: list[dict[str, Any]]) -> None:
    """Mark the ends of the latest turn and of the turn before the latest user's text: the next calls begin with them.

    The API accepts four marks; the tools and the system prompt have the other two.
    """
    texts = [n for n, turn in enumerate(turns) if turn["role"] == "user" and turn["content"][0]["type"] == "text"]
    before = texts[-1] - 1 if texts else -1
    for number in {len(turns) - 1, before}:
        if number >= 0 and turns[number]["content"][-1]["type"] in ("text", "tool_result", "tool_use"):
            last = turns[number]["content"][-1]
            turns[number]["content"][-1] = {**last, "cache_control": _CACHED}


def _messages(messages: tuple[Message, ...], model: str) -> list[dict[str, Any]]:
    """The conversation in turns: the results of a round of tool calls are one user turn, as the API requires.

    Empty text is left out, because the API refuses it.
    """
    turns: list[dict[str, Any]] = []
    for message in conversation([message for message in messages if message.role != "system"], model):
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": message.content}]
    texts = [{"type": "text", "text": message.content}] if message.content.strip() else []
    blocks: list[dict[str, Any]] = texts + [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call)}
        for call in message.tool_calls
    ]
    if message.state is None:
        return blocks
    # Thinking blocks are signed: the API takes them back unchanged, and where they were.
    thinking = message.state.data.get("thinking", ())
    places = message.state.data.get("thinking_places") or [(0, 0)] * len(thinking)
    for shift, (block, (after_text, calls)) in enumerate(zip(thinking, places, strict=True)):
        blocks.insert((len(texts) if after_text or calls else 0) + calls + shift, block)
    return blocks


@dataclass(slots=True)
class _OpenTool:
    """A tool call in progress: our index, the input in the block's start, and whether a piece of input came."""

    index: int
    input: str
    piece_came: bool = False


class AnthropicMessagesDecoder(TaggedTextDecoder):
    """Events of one response to deltas. See `streaming.dialects.base.PayloadDecoder`."""

    def __init__(self, habits: ModelHabits | None = None) -> None:
        super().__init__(habits)
        self._tools: dict[int, _OpenTool] = {}
        self._calls = 0
        self._thinking: dict[int, dict[str, Any]] = {}
        self._thinking_places: dict[int, tuple[int, int]] = {}  # 1 after text, and the number of calls before
        self._text_came = False
        self._input_tokens = 0
        self._output_tokens = 0
        self._cached_tokens: object = None

    def _plain_text(self, events: bytes) -> str | None:
        deltas = ANTHROPIC.decode(events)
        return None if deltas is None else "".join([delta.delta.text for delta in deltas])

    def _read(self, payload: dict[str, Any]) -> None:
        index = count(payload.get("index"))
        match payload.get("type"):
            case "content_block_delta":
                self._read_delta(index, payload.get("delta"))
            case "content_block_start":
                self._open_block(index, payload.get("content_block"))
            case "content_block_stop":
                self._close_block(index)
            case "message_start":
                # A second `message_start` means that the provider started over: text begins again, and so do calls that
                # are not closed.
                self._begin_text()
                self._calls -= len(self._tools)
                self._tools.clear()
                self._thinking.clear()
                self._text_came = False
                self._read_message(payload.get("message"))
            case "message_delta":
                self._read_usage(payload.get("usage"))
                self._stop(payload.get("delta"))
            case "message_stop":
                self._finish(FinishReason.STOP)
                self.complete = True
            case "error":
                self._fail(self._error(payload.get("error") or payload))
            case "message":  # from a server that ignored `stream`
                self._read_message(payload)
                self._finish(FinishReason.STOP)
            case None if "error" in payload:
                self._fail(self._error(payload["error"]))
            case _:
                pass  # pings, and event types that were added to the API later

    def _read_message(self, message: object) -> None:
        if not isinstance(message, dict):
            return
        if isinstance(served := message.get("model"), str):
            self._habits.served = served
        for index, block in enumerate(objects(message.get("content"))):
            self._open_block(index, block)
            self._close_block(index)
        self._read_usage(message.get("usage"))
        self._stop(message)

    def _open_block(self, index: int, block: object) -> None:
        if not isinstance(block, dict):
            return
        match block.get("type"):
            case "text":
                self._text_came = True
                self._add_answer(block.get("text"))
            case "thinking":
                self._thinking_places[index] = (int(self._text_came), self._calls)
                self._add_separate(block.get("thinking"))
                self._thinking[index] = {"type": "thinking", "thinking": "", "signature": ""}
                self._extend_thinking(index, "thinking", block.get("thinking"))
                self._extend_thinking(index, "signature", block.get("signature"))
            case "redacted_thinking":
                self._thinking_places[index] = (int(self._text_came), self._calls)
                self._thinking[index] = {"type": "redacted_thinking", "data": block.get("data")}
            case "tool_use":
                given = block.get("input")
                self._tools[index] = _OpenTool(self._calls, json.dumps(given) if isinstance(given, dict) else "")
                name, call_id = block.get("name"), block.get("id")
                self._add_call(ToolCallDelta(self._calls, _name(call_id), _name(name)))
                self._calls += 1

    def _read_delta(self, index: int, delta: object) -> None:
        if not isinstance(delta, dict):
            return
        match delta.get("type"):
            case "text_delta":
                self._add_answer(delta.get("text"))
            case "thinking_delta":
                self._add_separate(delta.get("thinking"))
                self._extend_thinking(index, "thinking", delta.get("thinking"))
            case "signature_delta":
                self._extend_thinking(index, "signature", delta.get("signature"))
            case "input_json_delta":
                piece, tool = delta.get("partial_json"), self._tools.get(index)
                if tool is not None and isinstance(piece, str) and piece:
                    tool.piece_came = True
                    self._add_call(ToolCallDelta(tool.index, arguments=piece))

    def _open_call(self, name: str) -> int:
        del name
        self._calls += 1
        return self._calls - 1

    def _extend_thinking(self, index: int, field: str, piece: object) -> None:
        block = self._thinking.get(index)
        if block is not None and field in block and isinstance(piece, str):
            block[field] += piece

    def _state(self) -> dict[str, Any]:
        signed = {at: block for at, block in self._thinking.items() if block.get("signature") or block.get("data")}
        if not signed:
            return {}
        places = [self._thinking_places[index] for index in signed]
        moved = {"thinking_places": places} if any(map(any, places)) else {}
        return {"thinking": list(signed.values()), **moved}

    def _close_block(self, index: int) -> None:
        tool = self._tools.pop(index, None)
        # The input in the block's start is `{}` if pieces follow, and complete if none do.
        if tool is not None and not tool.piece_came:
            self._add_call(ToolCallDelta(tool.index, arguments=tool.input or "{}"))

    def _read_usage(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        # Cached tokens were sent too; the API counts them separately.
        places = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        self._input_tokens = sum(count(usage.get(place)) for place in places) or self._input_tokens
        if "output_tokens" in usage:
            self._output_tokens = count(usage["output_tokens"])
        if "cache_read_input_tokens" in usage:
            self._cached_tokens = usage["cache_read_input_tokens"]
        self._add_usage(self._input_tokens, self._output_tokens, self._cached_tokens)

    def _stop(self, delta: object) -> None:
        reason = delta.get("stop_reason") if isinstance(delta, dict) else None
        if not isinstance(delta, dict) or not isinstance(reason, str):
            return
        if reason == "refusal" and not self._answered and isinstance(details := delta.get("stop_details"), dict):
            # The answer is empty, so the person reads the reason.
            self._add_refusal(details.get("explanation"))
        for index in list(self._tools):
            self._close_block(index)
        self._finish_named(reason)


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
