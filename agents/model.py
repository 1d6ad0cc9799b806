"""The language model as the agents see it, and the reply of one model call while it arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from agents.shapes import FixedShape, ShapeChoice
from streaming.chat import (
    ChatRequest,
    ContentDelta,
    Delta,
    FinishDelta,
    FinishReason,
    ProviderState,
    ReasoningDelta,
    StateDelta,
    ToolCall,
    ToolCallAssembler,
    ToolCallDelta,
    Usage,
    UsageDelta,
)


class Model(Protocol):
    """One configured model; `ChatModel` in `streaming.model` is one. Failures raise `ModelError`."""

    @property
    def structured_output(self) -> bool:
        """Whether the model accepts a JSON Schema for its answer (`ChatRequest.response_schema`)."""
        ...

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Delta]]]:
        """Call the model; the iterator yields the deltas of one network read at a time. Leaving the context ends it.

        The context must not keep a cancel scope or nursery open while its body runs, because agents yield inside it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Models:
    """The model that answers and the model that routes, which may be a cheaper one; and the shape of requests."""

    answer: Model
    router: Model
    shapes: ShapeChoice = field(default_factory=FixedShape)


@dataclass(slots=True)
class Reply:
    """What one model call has returned so far."""

    finish: FinishReason | None = None
    state: ProviderState | None = None
    reasoned: bool = False
    _text: list[str] = field(default_factory=list)
    _assembler: ToolCallAssembler = field(default_factory=ToolCallAssembler)
    _usage: UsageDelta | None = None

    @property
    def text(self) -> str:
        return "".join(self._text)

    def feed(self, batch: Sequence[Delta]) -> str:
        """Take one batch; returns the answer's text in it, or "". Reasoning is dropped; `reasoned` notes it."""
        new: list[str] = []
        for delta in batch:
            match delta:
                case ContentDelta():
                    new.append(delta.text)
                case ToolCallDelta():
                    self._assembler.add(delta)
                case ReasoningDelta():
                    self.reasoned = True
                case StateDelta(state):
                    self.state = state
                case UsageDelta():
                    self._usage = delta
                case FinishDelta():
                    self.finish = delta.reason
        text = "".join(new)
        if text:
            self._text.append(text)
        return text

    @property
    def input_tokens(self) -> int:
        return 0 if self._usage is None else self._usage.input_tokens

    @property
    def cached_tokens(self) -> int | None:
        """The input tokens that were read from the provider's cache; None if it does not say."""
        return None if self._usage is None else self._usage.cached_tokens

    def tool_calls(self) -> list[ToolCall]:
        return self._assembler.calls()

    def charge(self, usage: Usage) -> None:
        """Count this call, with its tokens if the provider reported any. Call it once, however the call ended."""
        usage.calls += 1
        if self._usage is not None:
            usage.add(self._usage.input_tokens, self._usage.output_tokens, self._usage.cached_tokens or 0)


async def read_reply(model: Model, request: ChatRequest, usage: Usage) -> Reply:
    """Call `model` and wait for its whole reply. The tokens are added to `usage`, also on cancellation."""
    reply = Reply()
    try:
        async with model.stream(request) as batches:
            async for batch in batches:
                reply.feed(batch)
    finally:
        reply.charge(usage)
    return reply
