"""A model's whole answer, for tests that do not look at its pieces."""

from __future__ import annotations

from dataclasses import dataclass

from streaming.chat import (
    ChatRequest,
    ContentDelta,
    FinishDelta,
    FinishReason,
    ProviderState,
    StateDelta,
    ToolCall,
    ToolCallAssembler,
    ToolCallDelta,
    Usage,
    UsageDelta,
)
from streaming.model import ChatModel


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """A whole answer."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish: FinishReason
    usage: Usage
    state: ProviderState | None = None


async def complete(model: ChatModel, request: ChatRequest) -> WholeAnswer:
    """Call `model` and wait for its whole answer. Raises `ModelError`."""
    text: list[str] = []
    calls = ToolCallAssembler()
    usage = Usage()
    finish: list[FinishReason] = []
    state: ProviderState | None = None
    async with model.stream(request) as batches:
        async for batch in batches:
            for delta in batch:
                match delta:
                    case ContentDelta(piece):
                        text.append(piece)
                    case ToolCallDelta():
                        calls.add(delta)
                    case UsageDelta(input_tokens, output_tokens):
                        usage = Usage(input_tokens, output_tokens)
                    case StateDelta(sent):
                        state = sent
                    case FinishDelta(reason):
                        finish.append(reason)
                    case _:
                        pass
    (only,) = finish
    return WholeAnswer("".join(text), tuple(calls.calls()), only, usage, state)
