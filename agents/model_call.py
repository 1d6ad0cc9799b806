"""One model call of an answer: yields the text to show, and keeps what the reply asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from agents.model import Model, Reply
from agents.reasoning import ReasoningBlock
from agents.turn import Turn
from streaming.chat import ChatRequest, FinishReason, ProviderState, ToolCall


class ModelCall:
    """Iterate over `stream` once, inside `contextlib.aclosing`. The other members are then the reply's."""

    def __init__(self, model: Model, request: ChatRequest, *, show_reasoning: bool) -> None:
        self._model = model
        self._request = request
        self._reasoning = ReasoningBlock() if show_reasoning else None
        self._reply = Reply()

    @property
    def text(self) -> str:
        """The text of the answer."""
        return self._reply.text

    @property
    def calls(self) -> list[ToolCall]:
        """The tool calls."""
        return self._reply.tool_calls()

    @property
    def state(self) -> ProviderState | None:
        """What the provider wants back with these tool calls."""
        return self._reply.state

    @property
    def finish(self) -> FinishReason | None:
        """Why the model stopped."""
        return self._reply.finish

    async def stream(self, turn: Turn, *, before: str) -> AsyncGenerator[str, None]:
        """Yields text as it arrives, `before` in front of the first piece. Raises `ModelError`.

        The tokens are added to `turn.usage`, however the call ends.
        """
        reply, reasoning = self._reply, self._reasoning
        try:
            async with self._model.stream(self._request) as batches:
                async for batch in batches:
                    text = reply.feed(batch)
                    if reasoning is not None and (thought := reasoning.feed(batch, ends=bool(text))):
                        yield thought
                    if text:
                        yield before + text
                        before = ""
            if reasoning is not None:
                if thought := reasoning.close():
                    yield thought
                turn.reasoning_blocks += reasoning.blocks
        finally:
            reply.charge(turn.usage)
