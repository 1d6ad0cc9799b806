"""One model call of an answer: yields the text to show, and keeps what the reply asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Collection

from agents.model import Model, Reply
from agents.reasoning import ReasoningBlock
from agents.tool_rounds import has_whole_arguments
from agents.turn import Turn
from agents.written_calls import WrittenCalls
from parser import well_formed_json
from streaming.chat import ChatRequest, FinishReason, ProviderState, ToolCall
from streaming.model import DirectBatches, TakeText


class ModelCall:
    """Iterate over `stream` once, inside `contextlib.aclosing`. The other members are then the reply's."""

    def __init__(
        self,
        model: Model,
        request: ChatRequest,
        tool_names: Collection[str],
        *,
        changing: Collection[str] = (),
        show_reasoning: bool,
    ) -> None:
        """`tool_names`: calls of these tools that the model writes as text are taken as calls.

        `changing`: those of them that change items.
        """
        self._model = model
        self._request = request
        self._reasoning = ReasoningBlock() if show_reasoning else None
        self._reply = Reply(request)
        given = [message.content for message in request.messages]
        self._written = WrittenCalls(tool_names, given, changing=changing)
        self._shown: list[str] = []

    @property
    def text(self) -> str:
        """The text of the answer, without the calls that were written as text."""
        return "".join(self._shown)

    @property
    def calls(self) -> list[ToolCall]:
        """The tool calls. A server that also passes on their text does not double them."""
        return self._reply.tool_calls() or [
            ToolCall(f"written_{number}", name, well_formed_json(arguments))
            for number, (name, arguments) in enumerate(self._written.calls)
        ]

    @property
    def written(self) -> bool:
        """Whether the calls were written as text."""
        return not self._reply.tool_calls() and bool(self._written.calls)

    @property
    def cut(self) -> bool:
        """Whether the last call is incomplete, because the model reached its token limit."""
        calls = self.calls
        if self._reply.finish is not FinishReason.LENGTH or not calls:
            return False
        return not has_whole_arguments(calls[-1]) or (self._written.cut and not self._reply.tool_calls())

    @property
    def state(self) -> ProviderState | None:
        """What the provider wants back with these tool calls."""
        return self._reply.state

    @property
    def finish(self) -> FinishReason | None:
        """Why the model stopped."""
        return self._reply.finish

    async def stream(self, turn: Turn, *, before: str, take: TakeText | None = None) -> AsyncGenerator[str, None]:
        """Yields text as it arrives, `before` in front of the first piece. Raises `ModelError`.

        `take` gets most of the text between the first and the last piece instead, if `Model` supports that.

        The tokens are added to `turn.usage`, however the call ends.
        """
        reply, reasoning = self._reply, self._reasoning
        try:
            async with self._model.stream(self._request) as batches:
                direct = batches.direct if isinstance(batches, DirectBatches) else None
                take_piece = None if take is None else self._take_piece(take)
                async for batch in batches:
                    text = self._written.feed(reply.feed(batch))
                    if reply.runs_blank:
                        reply.finish = FinishReason.LENGTH
                        break
                    if reasoning is not None and (thought := reasoning.feed(batch, ends=bool(text))):
                        yield thought
                    if text:
                        self._shown.append(text)
                        if before:
                            text, before = before + text, ""
                        yield text
                    if direct is not None:
                        # Text that follows text needs nothing but the search for written calls.
                        follows = reply.begun and not before and (reasoning is None or not reasoning.open)
                        direct.take = take_piece if follows else None
            if text := self._written.close():
                self._shown.append(text)
                yield before + text
            if reasoning is not None:
                if thought := reasoning.close():
                    yield thought
                turn.reasoning_blocks += reasoning.blocks
        finally:
            reply.charge(turn.usage)
            for form, count in self._written.forms.items():
                turn.tool_use.written_calls[form] = turn.tool_use.written_calls.get(form, 0) + count

    def _take_piece(self, take: TakeText) -> TakeText:
        """Does with one piece of text what `stream` does, and gives the text to show to `take`."""
        read, search, show = self._reply.add_text, self._written.feed, self._shown.append

        def take_piece(text: str) -> Awaitable[None] | None:
            read(text)
            if shown := search(text):
                show(shown)
                return take(shown)
            return None

        return take_piece
