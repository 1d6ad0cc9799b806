"""The OpenAI responses API, as OpenAI and the servers compatible with it speak it.

https://platform.openai.com/docs/api-reference/responses-streaming

A response is a list of output items. Messages, reasoning and function calls are read; calls of tools that the
provider runs are ignored. The API has no stop sequences: `ChatRequest.stop` has no effect here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streaming.chat import ChatRequest, ErrorDelta, FinishReason, Message, ToolCallDelta
from streaming.dialects.base import ModelHabits
from streaming.dialects.conversation import conversation
from streaming.dialects.payload_decoder import count, encoded, objects
from streaming.dialects.plain_text import OPENAI_RESPONSES
from streaming.dialects.strict_schema import strict_parameters
from streaming.dialects.tagged_text import TaggedTextDecoder


@dataclass(frozen=True, slots=True)
class OpenAIResponses:
    """Asks for responses that the provider does not store. Without `takes_temperature` no temperature is sent.

    With `returns_reasoning` it asks for the reasoning in encrypted form and sends it back in the next request, so that
    the model does not reason again after its tool calls. Models that do not reason refuse to be asked. `strict_tools`
    and `sends_cache_key` are for OpenAI itself, as in `OpenAIChat`.
    """

    takes_temperature: bool = True
    returns_reasoning: bool = False
    strict_tools: bool = False
    sends_cache_key: bool = False
    name = "openai-responses"
    structured_output = True

    def path(self, model: str) -> str:
        """The same for every model."""
        del model
        return "/responses"

    def headers(self, key: str | None) -> Mapping[str, str]:
        """Bearer authorization when there is a key."""
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return headers

    def body(self, request: ChatRequest, model: str) -> bytes:
        """The request, asking for a stream."""
        body: dict[str, Any] = {
            "model": model,
            "input": [item for message in conversation(request.messages, model) for item in _items(message)],
            "stream": True,
            "store": False,
        }
        if self.returns_reasoning:
            body["include"] = ["reasoning.encrypted_content"]
        strict = self.strict_tools and request.strict
        if request.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": strict_parameters(tool.parameters) if strict else dict(tool.parameters),
                    # Strict is this API's default; it then refuses schemas with optional properties.
                    "strict": strict,
                }
                for tool in request.tools
            ]
            if request.tool_choice != "auto":
                body["tool_choice"] = request.tool_choice
            if not request.parallel_calls:
                body["parallel_tool_calls"] = False
        if request.cache_key is not None and self.sends_cache_key:
            body["prompt_cache_key"] = request.cache_key
        if request.response_schema is not None:
            body["text"] = {
                "format": {
                    "type": "json_schema",
                    "name": request.response_schema_name,
                    "strict": True,
                    "schema": dict(request.response_schema),
                }
            }
        if request.max_tokens is not None:
            body["max_output_tokens"] = request.max_tokens
        if request.temperature is not None and self.takes_temperature:
            body["temperature"] = request.temperature
        return encoded(body)

    def decoder(self, habits: ModelHabits | None = None) -> OpenAIResponsesDecoder:
        """A decoder for one response."""
        return OpenAIResponsesDecoder(habits)


def _items(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "function_call_output", "call_id": message.tool_call_id or "", "output": message.content}]
    # Each reasoning item, before the call with this number. It has no id: the provider stores nothing under it.
    reasoning = message.state.data.get("reasoning", ()) if message.state is not None else ()
    items: list[dict[str, Any]] = [item for place, item in reasoning if place == 0]
    if message.content or not message.tool_calls:
        items.append({"role": message.role, "content": message.content})
    for number, call in enumerate(message.tool_calls):
        items += [item for place, item in reasoning if place == number and number > 0]
        items.append({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments})
    return items


@dataclass(slots=True)
class _OpenCall:
    """A function call in progress: our index, its name, and the arguments so far."""

    index: int
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    closed: bool = False


class OpenAIResponsesDecoder(TaggedTextDecoder):
    """Events of one response to deltas. See `streaming.dialects.base.PayloadDecoder`.

    A `done` event repeats what its deltas said; it is used only if no deltas came.
    """

    def __init__(self, habits: ModelHabits | None = None) -> None:
        super().__init__(habits)
        self._calls: list[_OpenCall] = []
        self._call_at: dict[object, _OpenCall] = {}
        self._parts: set[tuple[object, object, object]] = set()  # those of which deltas came, until they are done
        self._done: set[tuple[object, object, object]] = set()
        self._reasoning_items: list[tuple[int, dict[str, Any]]] = []

    def _plain_text(self, events: bytes) -> str | None:
        deltas = OPENAI_RESPONSES.decode(events)
        if deltas is None:
            return None
        self._parts.update([(delta.output_index, None, delta.content_index) for delta in deltas])
        return "".join([delta.delta for delta in deltas])

    def _is_new(self, payload: dict[str, Any]) -> bool:
        """Whether no deltas came of the part that is done. Gateways leave out ids and indexes, of some events only."""
        part = _part(payload, "content_index")
        if part in self._done:
            return False
        if part[:2] != (None, None):
            self._done.add(part)
        known = {one for one in self._parts if _may_be_same(one, part)}
        self._parts -= known
        return not known

    def _read(self, payload: dict[str, Any]) -> None:
        match payload.get("type"):
            case "response.output_text.delta":
                self._parts.add(_part(payload, "content_index"))
                self._add_answer(payload.get("delta"))
            case "response.refusal.delta":
                self._parts.add(_part(payload, "content_index"))
                self._add_refusal(payload.get("delta"))
            case "response.output_text.done" if self._is_new(payload):
                self._add_answer(payload.get("text"))
            case "response.refusal.done" if self._is_new(payload):
                self._add_refusal(payload.get("refusal"))
            case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
                self._add_separate(payload.get("delta"))
            case "response.function_call_arguments.delta":
                self._add_arguments(self._call_of(payload), payload.get("delta"))
            case "response.function_call_arguments.done":
                self._complete_arguments(self._call_of(payload), payload.get("arguments"))
            case "response.output_item.added":
                self._open_item(payload, payload.get("item"))
            case "response.output_item.done":
                self._close_item(payload, payload.get("item"))
            case "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled":
                self._end(payload.get("response"))
            case "error":
                self._fail(self._error(payload.get("error") or payload))
            case None if payload.get("object") == "response":  # from a server that ignored `stream`
                self._end(payload)
            case None if payload.get("error"):
                self._fail(self._error(payload["error"]))
            case _:
                pass  # repetitions, the provider's own tools, and event types that were added later

    # ---- function calls ---------------------------------------------------------------------------------------------

    def _open_item(self, payload: dict[str, Any], item: object) -> _OpenCall | None:
        if not isinstance(item, dict) or item.get("type") != "function_call":
            return None
        call = _OpenCall(len(self._calls), _text(item.get("name")))
        self._calls.append(call)
        # By index and by both ids: some gateways change the id in each event, some events lack the index, and
        # llama.cpp puts the call's id in place of the item's.
        for key in (payload.get("output_index"), item.get("id"), item.get("call_id")):
            if isinstance(key, int | str):
                self._call_at[key] = call
        call_id = item.get("call_id") or item.get("id")
        self._add_call(ToolCallDelta(call.index, _text(call_id) or None, call.name or None))
        self._add_arguments(call, item.get("arguments"))
        return call

    def _close_item(self, payload: dict[str, Any], item: object) -> None:
        if not isinstance(item, dict):
            return
        if item.get("type") == "function_call":
            call = self._find(payload.get("output_index"), item.get("id"), item.get("call_id"))
            if call is None:
                # Some gateways give the finished item other ids and no index.
                name = item.get("name")
                call = next((call for call in self._calls if not call.closed and call.name == name), None)
            call = call or self._open_item(payload, item)
            self._complete_arguments(call, item.get("arguments"))
            if call is not None:
                call.closed = True
        elif item.get("type") == "reasoning" and item.get("encrypted_content"):
            kept = {key: item[key] for key in ("type", "summary", "encrypted_content") if key in item}
            self._reasoning_items.append((len(self._calls), {"summary": [], **kept}))

    def _open_call(self, name: str) -> int:
        self._calls.append(_OpenCall(len(self._calls), name, closed=True))
        return len(self._calls) - 1

    def _call_of(self, payload: dict[str, Any]) -> _OpenCall | None:
        """The call of an event; the latest one that is open if the event names none that is known."""
        known = self._find(payload.get("output_index"), payload.get("item_id"), payload.get("call_id"))
        return known or next((call for call in reversed(self._calls) if not call.closed), None)

    def _find(self, *keys: object) -> _OpenCall | None:
        found = (self._call_at.get(key) for key in keys if isinstance(key, int | str))
        return next((call for call in found if call is not None), None)

    def _add_arguments(self, call: _OpenCall | None, piece: object) -> None:
        if call is not None and isinstance(piece, str) and piece:
            call.arguments.append(piece)
            self._add_call(ToolCallDelta(call.index, arguments=piece))

    def _complete_arguments(self, call: _OpenCall | None, arguments: object) -> None:
        """Add what the pieces lacked of `arguments`, which are whole."""
        if call is not None and isinstance(arguments, str):
            came = "".join(call.arguments)
            if arguments.startswith(came):
                self._add_arguments(call, arguments[len(came) :])

    def _state(self) -> dict[str, Any]:
        return {"reasoning": self._reasoning_items} if self._reasoning_items else {}

    # ---- the end ----------------------------------------------------------------------------------------------------

    def _end(self, response: object) -> None:
        if not isinstance(response, dict):
            response = {}
        if isinstance(served := response.get("model"), str):
            self._habits.served = served
        if not (self._answered or self._called or self._reasoning_text.begun):
            self._read_output(response.get("output"))
        usage = response.get("usage")
        if isinstance(usage, dict):
            details = usage.get("input_tokens_details")
            cached = details.get("cached_tokens") if isinstance(details, dict) else None
            self._add_usage(count(usage.get("input_tokens")), count(usage.get("output_tokens")), cached)
        status, details = response.get("status"), response.get("incomplete_details")
        if response.get("error") or status in ("failed", "cancelled"):
            self._fail(self._error(response["error"]) if response.get("error") else ErrorDelta("", None, True))
        elif status == "incomplete":
            reason = details.get("reason") if isinstance(details, dict) else None
            self._finish_named(reason if isinstance(reason, str) else "other")
        else:
            self._finish(FinishReason.STOP)
        self.complete = True

    def _read_output(self, output: object) -> None:
        """Read the output of a response that was not streamed."""
        for place, item in enumerate(objects(output)):
            self._close_item({"output_index": place}, item)
            for part in objects(item.get("content")) if item.get("type") == "message" else ():
                if part.get("type") == "output_text":
                    self._add_answer(part.get("text"))
                else:
                    self._add_refusal(part.get("refusal"))


def _may_be_same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def _part(payload: dict[str, Any], place: str) -> tuple[object, object, object]:
    """The key of one part of a message. The item's id counts only without an index: some gateways change it."""
    output, content = payload.get("output_index"), payload.get(place)
    item = payload.get("item_id") if not isinstance(output, int) else None
    hashable = (value if isinstance(value, int | str) else None for value in (output, item, content))
    first, second, third = hashable
    return first, second, third


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
