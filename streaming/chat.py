"""The neutral shapes of a conversation with a model. A dialect turns these into a provider's JSON and back.

Only `streaming/dialects/` uses the vocabulary of providers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from msgspec import Struct

from parser import well_formed_json

UNNAMED_TOOL: Final = "unnamed_tool"


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it. `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A whole tool call. `arguments` is the JSON text the model wrote; it may be invalid.

    `state` is the part of the message's `ProviderState` that belongs to this call.
    """

    id: str
    name: str
    arguments: str
    state: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ProviderState:
    """What a provider wants back with an assistant's message, such as its reasoning, encrypted or signed.

    Only the dialect that made `data` reads it. `origin` names the model that sent it: every other model refuses it, so
    a message goes to other models without its state and without that of its calls.
    """

    origin: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `tool_calls` and `state` only with role assistant; `tool_call_id` only with role tool."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    state: ProviderState | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call of a model. `response_schema` is a JSON Schema that constrains the answer, if the dialect supports it.

    With `tool_choice` none the model may call no tool; `tools` are then the tools called in the history, which some
    providers require. With `required` the model must call a tool; some servers ignore that. `metadata` says what the
    call is for, in short strings; a dialect sends it only if it is configured to.

    `strict`: arguments are held to their schemas where a dialect can ask for that. A field that the server refuses is
    left out, unless the request is `exact`.

    `from_model` and `shape` are for `streaming.model.FailoverModel`: the first of its models to call, and the shape in
    which the request was built, if it may be built again in another one.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: Literal["auto", "none", "required"] = "auto"
    max_tokens: int | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    response_schema: Mapping[str, Any] | None = None
    response_schema_name: str = "answer"
    parallel_calls: bool = True
    strict: bool = True
    exact: bool = False
    keep_tools: bool = False
    cache_key: str | None = None
    thinking: bool | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    from_model: int = 0
    shape: str | None = None


@dataclass(slots=True)
class Usage:
    """Tokens, summed over the model calls of one request.

    `cached_tokens`: the input tokens that were read from a provider's cache. `calls`: the number of model calls.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    calls: int = field(default=0, compare=False)

    def add(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> None:
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.cached_tokens += cached_tokens


class FinishReason(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"


# One is made per token, and msgspec makes it faster than a dataclass does.
class ContentDelta(Struct, frozen=True, gc=False):
    """The next characters of the answer. Never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next characters of the model's reasoning. They are not part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of tool call number `index`. `id` and `name` come once; `arguments` pieces are concatenated.

    A piece with a different `id` begins the call again: the provider started over. `state` is that of `ToolCall`.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    state: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StateDelta:
    """The state of the whole message. It comes once, before the `FinishDelta`, if the provider sent any."""

    state: ProviderState


@dataclass(frozen=True, slots=True)
class UsageDelta:
    """Token counts of this call so far: a later one replaces an earlier one.

    `cached_tokens`: the input tokens that the provider read from its cache; None if it does not say.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class FinishDelta:
    """The model has stopped. If the reason is not known, it is OTHER, and `unknown` is the provider's name for it."""

    reason: FinishReason
    unknown: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ErrorDelta:
    """An error the provider reported inside the stream."""

    message: str
    code: str | None = None
    retryable: bool = False


Delta = ContentDelta | ReasoningDelta | ToolCallDelta | StateDelta | UsageDelta | FinishDelta | ErrorDelta


_BYTES_PER_TOKEN: Final = 4
# A tool's name, description and parameters.
_TOKENS_PER_TOOL: Final = 120


def estimated_tokens(size: int) -> int:
    """About how many tokens `size` bytes of UTF-8 text are. For calls whose provider reports none."""
    return -(-size // _BYTES_PER_TOKEN)


def estimated_input_tokens(request: ChatRequest) -> int:
    """About how many input tokens a request has."""
    size = sum(len(message.content.encode("utf-8", "replace")) for message in request.messages)
    return estimated_tokens(size) + _TOKENS_PER_TOOL * len(request.tools)


@dataclass(slots=True)
class _OpenCall:
    id: str | None = None
    name: str | None = None
    state: Mapping[str, Any] | None = None
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ToolCallAssembler:
    """Concatenates `ToolCallDelta` pieces; `calls()` gives them in the order in which they were opened."""

    _calls: dict[int, _OpenCall] = field(default_factory=dict)

    def add(self, delta: ToolCallDelta) -> None:
        call = self._calls.setdefault(delta.index, _OpenCall())
        if delta.id and call.id and delta.id != call.id:
            call = self._calls[delta.index] = _OpenCall()
        call.id = call.id or delta.id
        if delta.name:
            call.name = (call.name or "") + delta.name
        call.state = call.state or delta.state
        if delta.arguments:
            call.arguments.append(delta.arguments)

    def calls(self) -> list[ToolCall]:
        """The calls that have a name or arguments. A call without an id gets one that is unique within this answer.

        A call whose name is missing is called `UNNAMED_TOOL`, so that the model learns that no such tool exists.
        Unpaired surrogates in the arguments are replaced, because JSON parsers refuse them.
        """
        return [
            ToolCall(call.id or f"call_{index}", call.name or UNNAMED_TOOL, well_formed_json(arguments), call.state)
            for index, call in self._calls.items()
            if (arguments := "".join(call.arguments)) or call.name
        ]
