"""An agent answers one request: it calls the model and runs the tools the model asks for, until the model answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from agents.block_format import blocks_schema
from agents.call_metadata import answer_metadata, repair_metadata
from agents.limits import AgentLimits
from agents.model import Model, Reply
from agents.prompt_text import opening_messages
from agents.reasoning import ReasoningBlock
from agents.registry import AgentSpec
from agents.repair import Repair, ask_for_repair
from agents.tool_results import ToolResults
from agents.tool_rounds import ToolRounds
from agents.tools import DeviceAccess, check_edit
from agents.turn import Turn
from streaming.answer import RejectedBlock
from streaming.chat import ChatRequest, Message, ToolSpec
from streaming.model import ModelError
from streaming.wire import ErrorCode

# Separates the text of a model call that also asked for tools from the text of the next call.
_ROUND_BREAK = "\n\n"


class ChatAgent:
    """One agent, answering one turn. Tool results and mutations are collected in `turn`."""

    def __init__(self, model: Model, turn: Turn, spec: AgentSpec, limits: AgentLimits | None = None) -> None:
        self._model = model
        self._turn = turn
        self._spec = spec
        self._limits = limits or AgentLimits()
        turn.tool_results.bound(self._limits)

    def __repr__(self) -> str:
        return f"<ChatAgent {self._spec.name} mode={self._turn.mode}>"

    @property
    def tool_results(self) -> ToolResults:
        """What the tools returned in this turn; `entity_ref` blocks take their items from it."""
        return self._turn.tool_results

    async def handle(self) -> str:
        """The whole answer. Raises `ModelError`."""
        return await self._tool_loop()

    def handle_stream(self) -> AsyncGenerator[str, None]:
        """The answer's text as the model writes it. Iterate it inside `contextlib.aclosing`. Raises `ModelError`."""
        return self._tool_loop_stream()

    async def repair(self, rejected: Sequence[RejectedBlock]) -> Repair:
        """Ask once for blocks of the answer that could not be shown; call it when the turn's answer has ended.

        The call is bounded in time and tokens and offers no tools. Raises nothing but `trio.Cancelled`.
        """
        turn = self._turn
        # The model counts only the blocks that it wrote, not those that show its reasoning.
        counted = [replace(block, index=max(0, block.index - turn.reasoning_blocks)) for block in rejected]
        return await ask_for_repair(
            self._model,
            turn.conversation,
            counted,
            turn.usage,
            self._limits,
            tools=_called(turn.conversation, self._tool_specs()),
            metadata=repair_metadata(answer_metadata(self._spec.name, turn), counted),
        )

    def _tool_specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec() for tool in self._spec.tools)

    async def _tool_loop(self) -> str:
        async with aclosing(self._tool_loop_stream()) as tokens:
            return "".join([token async for token in tokens])

    async def _tool_loop_stream(self) -> AsyncGenerator[str, None]:
        """Yields text as it arrives, also the text of calls that ask for tools; tools run between the model calls."""
        turn = self._turn
        messages = opening_messages(self._spec.name, turn, self._limits)
        rounds = ToolRounds(self._spec.tools, DeviceAccess(turn, self._limits.approval_tools, check_edit), self._limits)
        specs = self._tool_specs()
        pause = ""
        while True:
            may_call = rounds.open and bool(specs)
            request = self._request(messages, specs, may_call=may_call)
            reply, before = Reply(), pause
            reasoning = ReasoningBlock() if self._limits.show_reasoning else None
            try:
                async with self._model.stream(request) as batches:
                    async for batch in batches:
                        text = reply.feed(batch)
                        if reasoning is not None and (shown := reasoning.feed(batch, ends=bool(text))):
                            yield shown
                        if text:
                            yield before + text
                            before, pause = "", _ROUND_BREAK
                if reasoning is not None:
                    if shown := reasoning.close():
                        yield shown
                    turn.reasoning_blocks += reasoning.blocks
            finally:
                reply.charge(turn.usage)
            # A model may ask for tools although none were offered: the limit still holds.
            calls = reply.tool_calls() if may_call else []
            if not calls:
                break
            messages += await rounds.run(reply.text, calls)
        turn.conversation = [*messages, Message("assistant", reply.text[-self._limits.repair_chars :])]
        if not pause and not turn.mutations:
            raise ModelError(ErrorCode.MODEL_ERROR, "The model gave an empty answer.", retryable=True)

    def _request(self, messages: Sequence[Message], specs: tuple[ToolSpec, ...], *, may_call: bool) -> ChatRequest:
        # A call that offers tools has no schema: many servers accept only one of the two.
        held = self._model.structured_output and not may_call and self._turn.mode == "home"
        return ChatRequest(
            tuple(messages),
            tools=specs if may_call else _called(messages, specs),
            tool_choice="auto" if may_call else "none",
            max_tokens=self._limits.answer_tokens,
            response_schema=blocks_schema() if held else None,
            response_schema_name="blocks",
            metadata=answer_metadata(self._spec.name, self._turn),
        )


def _called(messages: Sequence[Message], specs: tuple[ToolSpec, ...]) -> tuple[ToolSpec, ...]:
    """`specs` if `messages` contain tool calls, else nothing: some providers require the tools of earlier calls."""
    return specs if any(message.tool_calls for message in messages) else ()
