"""The language model as the agents see it, and the reply of one model call while it arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

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
    estimated_input_tokens,
    estimated_tokens,
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


_MOST_WHITE: Final = 200
"""Characters of white space at the beginning of a reply after which no text is expected any more."""


@dataclass(slots=True)
class Reply:
    """What one model call has returned so far. `request`: what it was asked, to estimate the tokens of a cut reply."""

    request: ChatRequest | None = None
    finish: FinishReason | None = None
    state: ProviderState | None = None
    reasoned: bool = False
    runs_blank: bool = False
    """The model writes only white space, as small models do until their token limit. Stop reading then."""
    _text: list[str] = field(default_factory=list)
    _assembler: ToolCallAssembler = field(default_factory=ToolCallAssembler)
    _usage: UsageDelta | None = None
    _unseen: int = 0  # bytes of reasoning and tool calls
    _white: int | None = 0  # characters, while the text has nothing else

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def begun(self) -> bool:
        """Whether the text has more than white space."""
        return self._white is None

    @property
    def add_text(self) -> Callable[[str], None]:
        """Does what `feed` does with a batch of one piece of text, once the text has `begun`."""
        return self._text.append

    def feed(self, batch: Sequence[Delta]) -> str:
        """Take one batch; returns the answer's text in it, or "". Reasoning is dropped; `reasoned` notes it."""
        # Most batches are one piece of text after the first words.
        if self._white is None and len(batch) == 1 and isinstance(delta := batch[0], ContentDelta) and delta.text:
            self._text.append(delta.text)
            return delta.text
        new: list[str] = []
        for delta in batch:
            match delta:
                case ContentDelta():
                    new.append(delta.text)
                case ToolCallDelta():
                    self._assembler.add(delta)
                    self._unseen += len(delta.arguments)
                case ReasoningDelta(text=thought):
                    self.reasoned = True
                    self._unseen += len(thought)
                case StateDelta(state):
                    self.state = state
                case UsageDelta():
                    self._usage = delta
                case FinishDelta():
                    self.finish = delta.reason
        text = "".join(new)
        if text:
            self._text.append(text)
            if self._white is not None:
                self._white = None if text.strip() else self._white + len(text)
                self.runs_blank = self._white is not None and self._white > _MOST_WHITE
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
        """Count this call with its tokens. Call it once, however the call ended.

        A provider reports the tokens at the end of its reply. Of a reply that was cut, or that came without a report,
        the tokens are estimated.
        """
        usage.calls += 1
        reported = self._usage
        if reported is not None and self.finish is not None:
            usage.add(reported.input_tokens, reported.output_tokens, reported.cached_tokens or 0)
            return
        size = sum(len(text.encode("utf-8", "replace")) for text in self._text) + self._unseen
        if reported is None and not size and self.finish is None:
            return  # nothing was generated
        asked = 0 if self.request is None else estimated_input_tokens(self.request)
        first = reported or UsageDelta(asked, 0)
        usage.add(first.input_tokens, max(first.output_tokens, estimated_tokens(size)), first.cached_tokens or 0)


async def read_reply(model: Model, request: ChatRequest, usage: Usage) -> Reply:
    """Call `model` and wait for its whole reply. The tokens are added to `usage`, also on cancellation."""
    reply = Reply(request)
    try:
        async with model.stream(request) as batches:
            async for batch in batches:
                reply.feed(batch)
    finally:
        reply.charge(usage)
    return reply
