"""One model call of the act phase: which tools to run next, or what to tell the person."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from typing import Final, Literal

from agents.model import Model, Reply
from agents.model_call import ModelCall
from agents.steps import ANSWER, SAY, StepReply, call_of, entity_of_step, view_block
from agents.turn import Turn
from streaming.chat import ChatRequest, FinishReason, ProviderState, ToolCall, ToolSpec
from streaming.wire import Entity

ANSWER_TOOL: Final = ToolSpec(
    ANSWER,
    "You have what you need, or no tool is needed. You write the answer next.",
    {"type": "object", "properties": {}},
)
"""The tool of the shape `native` that ends the act phase, so that a model that must call a tool has a way out."""


class Act(ABC):
    """Iterate over `stream` once, inside `contextlib.aclosing`. The other members are then the reply's.

    If `calls`, `said` and `view` are all empty, the model has what it needs, and the act phase is over.
    """

    def __init__(self) -> None:
        self.text = ""
        """The reply as the model wrote it."""
        self.calls: Sequence[ToolCall] = ()
        """The tools to run."""
        self.said: str | None = None
        """The words for the person, which `stream` yielded."""
        self.view: str | None = None
        """A block for the person, as JSON."""
        self.obeyed = True
        """Whether the reply has the form that the request demanded."""
        self.cut = False
        """Whether the token limit cut the reply off."""
        self.entity: Entity | None = None
        """The items that the reply is about."""
        self.state: ProviderState | None = None
        self.finish: FinishReason | None = None

    @abstractmethod
    def stream(self, turn: Turn) -> AsyncGenerator[str, None]:
        """Yields the words for the person as they arrive. Raises `ModelError`; the tokens are added to `turn.usage`."""


class NativeAct(Act):
    """A call that must ask for a tool. Text in addition to the calls is not shown."""

    def __init__(
        self, model: Model, request: ChatRequest, tool_names: Collection[str], changing: Collection[str]
    ) -> None:
        super().__init__()
        self._call = ModelCall(model, request, tool_names, changing=changing, show_reasoning=False)

    async def stream(self, turn: Turn) -> AsyncGenerator[str, None]:
        """See `Act`. Yields nothing: the answer comes in its own phase."""
        call = self._call
        async with aclosing(call.stream(turn, before="")) as texts:
            async for text in texts:
                self.text += text
                yield ""
        calls = call.calls
        self.obeyed = bool(calls) and not call.written
        self.cut = call.cut or (not calls and call.finish is FinishReason.LENGTH)
        self.calls = [asked for asked in calls if asked.name != ANSWER]
        self.state, self.finish = call.state, call.finish


class StepAct(Act):
    """A call that is held to the schema of a step. The text of `say` is streamed."""

    def __init__(self, model: Model, request: ChatRequest, mode: Literal["home", "popup"], number: int) -> None:
        """`number`: of the step in this request, for the id of its call."""
        super().__init__()
        self._model = model
        self._request = request
        self._mode = mode
        self._number = number
        self._step = StepReply()

    async def stream(self, turn: Turn) -> AsyncGenerator[str, None]:
        """See `Act`. In home, words are written as a text block, so that nothing in them is read as a block."""
        home = self._mode == "home"
        reply = Reply(self._request)
        begun = False
        try:
            async with self._model.stream(self._request) as batches:
                async for batch in batches:
                    if words := self._step.feed(reply.feed(batch)):
                        yield _in_block(words, begun=begun) if home else words
                        begun = True
                    if reply.runs_blank:
                        reply.finish = FinishReason.LENGTH
                        break
        finally:
            reply.charge(turn.usage)
        self.text, self.finish = self._step.text.strip(), reply.finish
        if not begun:
            if prose := self._read():
                yield prose
            return
        self.said = self._step.said
        if home:
            yield '"}\n'

    def _read(self) -> str:
        """Read the whole reply. Returns the text to show if it is prose or blocks and not a step."""
        self.cut = self.finish is FinishReason.LENGTH
        step = None if self.cut else self._step.step()
        if step is None or step.tool == SAY:
            self.obeyed = self.cut
            if not self.cut and not self.text.startswith(("{", "`", "<")):
                self.said = self.text or None
            return self.said or ""
        self.entity = entity_of_step(step)
        self.view = view_block(step.tool, step.args) if self._mode == "home" else None
        if step.tool != ANSWER and not step.tool.startswith("show_"):
            call_id = f"step_{self._number}"
            written = json.dumps(step.args, ensure_ascii=False)
            self.calls = [call_of(step, call_id) or ToolCall(call_id, step.tool, written)]
        return ""


def _in_block(words: str, *, begun: bool) -> str:
    written = json.dumps(words, ensure_ascii=False)[1:-1]
    return written if begun else '{"type":"text","content":"' + written
