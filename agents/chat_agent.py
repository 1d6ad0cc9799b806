"""An agent answers one request: it calls the model and runs the tools the model asks for, until the model answers."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import structlog

from agents.block_format import blocks_schema
from agents.call_metadata import answer_metadata, repair_metadata
from agents.claims import asks_back, claims_all, claims_change, refuses
from agents.item_claims import claims_items
from agents.limits import AgentLimits
from agents.model import Model
from agents.model_call import ModelCall
from agents.need import asks_about_past
from agents.prompt_text import opening_messages, prompt, system_message
from agents.registry import ALL_TOOLS, AgentSpec, agent_after
from agents.repair import Repair, ask_for_repair
from agents.shapes import FixedShape, Shape, ShapeChoice
from agents.tool_results import ToolResults
from agents.tool_rounds import ToolRounds
from agents.tools import DeviceAccess, check_edit
from agents.turn import Turn
from agents.unasked import unasked_change
from streaming.answer import RejectedBlock
from streaming.chat import ChatRequest, FinishReason, Message, ToolCall, ToolSpec
from streaming.model import ModelError
from streaming.wire import AnswerFinish, ErrorCode

# Separates the text of a model call that also asked for tools from the text of the next call.
_ROUND_BREAK = "\n\n"
# The model may write this many calls that its token limit cuts off; the next one ends the answer.
_CUT_CALLS = 1
CHANGING = frozenset(name for name, tool in ALL_TOOLS.items() if tool.changes)
"""The tools that change items."""
# A block that names its data: the server reads the data, so the model need not.
_FETCHES = re.compile(r'"from"\s*:\s*\{|"entity_ref"')

# What stands after the last sentence, line or colon of a text.
_UNFINISHED = re.compile(r"(?<![^.!?:\n。])[^.!?:\n。]*\Z")

log = structlog.get_logger(__name__)


class ChatAgent:
    """One agent, answering one turn. Tool results and mutations are collected in `turn`."""

    def __init__(
        self,
        model: Model,
        turn: Turn,
        spec: AgentSpec,
        limits: AgentLimits | None = None,
        shapes: ShapeChoice | None = None,
    ) -> None:
        self._model = model
        self._shapes = shapes or FixedShape()
        self._turn = turn
        self._spec = spec
        self._limits = limits or AgentLimits()
        self._unasked = False  # whether no call of this answer was made yet
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

    async def retry_stream(self) -> AsyncGenerator[str, None]:
        """Ask again after an answer that showed nothing, with a hint; call it when the turn's answer has ended.

        The tool calls so far count against the limits. Iterate it inside `contextlib.aclosing`. Raises `ModelError`.
        """
        messages = [*self._turn.conversation, Message("user", prompt("empty_answer"))]
        async with aclosing(self._run(messages)) as tokens:
            async for token in tokens:
                yield token

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
            structured=self._model.structured_output or turn.shape != "hosted",
            metadata=repair_metadata(answer_metadata(self._spec.name, turn), counted),
        )

    def _tool_specs(self) -> tuple[ToolSpec, ...]:
        return self._spec.specs(lean=self._shapes.lean_tools)

    async def _tool_loop(self) -> str:
        async with aclosing(self._tool_loop_stream()) as tokens:
            answer = "".join([token async for token in tokens])
        if not answer.strip() and not self._turn.mutations:
            raise ModelError(ErrorCode.EMPTY_ANSWER, "The model gave an empty answer. Try again.", retryable=True)
        return answer

    def _tool_loop_stream(self) -> AsyncGenerator[str, None]:
        """Yields text as it arrives, also the text of calls that ask for tools; tools run between the model calls."""
        self._unasked = True
        return self._run(self._opening())

    def _opening(self) -> list[Message]:
        return opening_messages(self._spec.name, self._turn, self._limits, self._system())

    async def _run(self, messages: list[Message]) -> AsyncGenerator[str, None]:
        """Continue the conversation `messages` until the model answers."""
        turn, limits = self._turn, self._limits
        access = DeviceAccess(turn, limits.approval_tools, check_edit)
        rounds = ToolRounds(ALL_TOOLS.values(), access, limits, turn.tool_use, refuse=partial(unasked_change, turn))
        pause, replaced, use = "", "", turn.tool_use
        while True:
            specs = self._tool_specs()
            rounds.offered = [spec.name for spec in specs]
            may_call = rounds.open and bool(specs)
            first = may_call and use.rounds == 0 and not use.asked_again
            request = self._request(messages, specs, may_call=may_call, required=first and self._must_call())
            call = ModelCall(
                self._model,
                request,
                [spec.name for spec in specs],
                changing=CHANGING,
                show_reasoning=limits.show_reasoning,
            )
            reasoned = turn.reasoning_blocks
            holds = may_call and not use.asked_again and (self._may_claim() or (first and self._is_held()))
            held: list[str] | None = [] if holds else None
            async with aclosing(
                call.stream(turn, before=pause, take=turn.take_text if held is None else None)
            ) as texts:
                async for text in texts:
                    if held is None:
                        yield text
                    else:
                        held.append(text)
            self._check(request, call)
            # A model may ask for tools although none were offered: the limit still holds.
            calls = call.calls if may_call else []
            cut = bool(calls) and call.cut
            if cut:
                turn.tool_use.cut_calls += 1
            again = None
            if not calls and not use.asked_again and limits.max_rounds > 0:
                again = self._ask_again(call.text, held=held is not None)
            if held and again is None:
                yield "".join(held) if not call.written else _lead_in("".join(held))
            elif held:
                turn.reasoning_blocks = reasoned  # the withheld text is not shown
                replaced = "".join(held)
            if call.text and (held is None or again is None):
                pause = _ROUND_BREAK
            if turn.tool_use.cut_calls > _CUT_CALLS:
                break
            if not calls:
                if again is None:
                    break
                use.asked_again = True
                said = [Message("assistant", call.text)] if call.text else []
                messages = [*messages, *said, Message("user", prompt(again))]
                continue
            turn.tool_use.tried_change |= any(asked.name in CHANGING for asked in calls)
            # Text that the model only quotes could look like an order, so an unexpected change needs approval.
            cautious = call.written and turn.need != "change"
            messages = [*messages, *await rounds.run(call.text, calls, call.state, cut=cut, cautious=cautious)]
            messages = self._handed_over(messages, calls)
        if replaced and not call.text.strip() and not turn.mutations:
            yield replaced  # the model said nothing when it was asked again
        if call.text:
            messages = [*messages, Message("assistant", call.text[-limits.repair_chars :])]
        turn.conversation = messages
        self._judge(call.text if call.text.strip() else replaced)
        turn.finish = finish_of(call.finish, stopped=turn.tool_use.rounds > 0 and not rounds.open)

    def _handed_over(self, messages: list[Message], calls: Sequence[ToolCall]) -> list[Message]:
        """`messages` for the agent that goes on after `calls`. Another agent has its own prompt and tools."""
        spec = agent_after(self._spec, calls)
        if spec is self._spec:
            return messages
        log.info("agent_handed_over", agent=self._spec.name, to=spec.name)
        self._spec = spec
        self._turn.agent_name = spec.name
        return [self._system(), *messages[1:]]

    def _system(self) -> Message:
        # A server that enforces the schema needs only a short description of the blocks.
        held = self._shapes.schema_beside_tools
        return system_message(self._spec.name, self._turn, self._limits, held=held)

    def _check(self, request: ChatRequest, call: ModelCall) -> None:
        """Note if the server did not obey the tool choice `required`. A filter may stop any model."""
        if request.tool_choice == "required" and not call.calls and call.finish is not FinishReason.CONTENT_FILTER:
            self._shapes.disobeyed("hosted", "required_ignored")

    def _first_shape(self) -> Shape | None:
        """The shape of the first call of an answer; None for later calls, which can't be built again in another one."""
        unasked, self._unasked = self._unasked, False
        return self._turn.shape if unasked else None

    def _must_call(self) -> bool:
        """Whether the first model call has to ask for a tool."""
        return self._turn.need in {"read", "change"}

    def _is_held(self) -> bool:
        """Whether the first answer waits until it is complete: without a call it may be invented."""
        return self._must_call()

    def _ask_again(self, said: str, *, held: bool) -> str | None:
        """The prompt with which the model is asked once more after it `said` this and called no tool.

        None to accept the answer.
        """
        turn = self._turn
        held = held and bool(said.strip())
        if held and self._is_unchanged(said) and not turn.tool_use.explained:
            return "nothing_changed"
        if held and self._reads_nothing(said) and not asks_back(said):
            return "nothing_read"
        return None

    def _reads_nothing(self, said: str) -> bool:
        """Whether the request needs items, and neither a tool, nor a block of `said`, nor the conversation has any."""
        turn = self._turn
        known = turn.earlier.facts or (turn.scope is not None and turn.scope.item is not None)
        return turn.need == "read" and not known and not turn.tool_use.answered and not _FETCHES.search(said)

    def _judge(self, said: str) -> None:
        """Note whether the answer `said` has to be corrected."""
        turn = self._turn
        turn.unchanged = self._is_unchanged(said)
        turn.unread = self._reads_nothing(said) and not asks_back(said) and claims_items(said)
        turn.partly = bool(turn.mutations) and turn.tool_use.failed_changes > 0 and claims_all(said)

    def _may_claim(self) -> bool:
        """Whether an answer now could claim a change that was not made: it waits until it is complete."""
        turn = self._turn
        return self._wants_change() and not turn.mutations and not turn.tool_use.explained

    def _wants_change(self) -> bool:
        return self._turn.need == "change" or self._turn.tool_use.tried_change

    def _is_unchanged(self, said: str) -> bool:
        """Whether nothing was changed, although the person wanted a change or the answer `said` claims one.

        An answer that asks the person something, or says that it can't be done, claims nothing.
        """
        turn = self._turn
        if turn.mutations or turn.tool_use.uncertain:
            return False
        if self._wants_change():
            return not asks_back(said) and not refuses(said)
        read = turn.tool_use.answered > 0  # the passive voice may then report what the items say
        return not asks_about_past(turn.message) and claims_change(said, turn.tool_results.titles(), read=read)

    def _request(
        self, messages: Sequence[Message], specs: tuple[ToolSpec, ...], *, may_call: bool, required: bool
    ) -> ChatRequest:
        # Many servers accept only one of tools and schema. Tools that stay in the request keep the provider's cache.
        held = self._shapes.schema_beside_tools or (self._model.structured_output and not may_call)
        held = held and self._turn.mode == "home"
        keeps = may_call or (self._shapes.keeps_tools and self._limits.max_rounds > 0)
        return ChatRequest(
            tuple(messages),
            tools=specs if keeps else _called(messages, specs),
            keep_tools=self._shapes.keeps_tools,
            cache_key=f"{self._spec.name}-{self._turn.mode}",
            tool_choice="required" if required else "auto" if may_call else "none",
            max_tokens=self._limits.answer_tokens,
            response_schema=blocks_schema() if held else None,
            response_schema_name="blocks",
            metadata=answer_metadata(self._spec.name, self._turn),
            from_model=self._turn.from_model,
            shape=self._first_shape(),
        )


def finish_of(reason: FinishReason | None, *, stopped: bool) -> AnswerFinish:
    match reason:
        case FinishReason.LENGTH:
            return "length"
        case FinishReason.CONTENT_FILTER:
            return "content_filter"
    return "tool_limit" if stopped else "stop"


def _lead_in(text: str) -> str:
    """The text before a written call without its unfinished sentence, such as "I use", which the call would end."""
    if "{" in text or (end := _UNFINISHED.search(text)) is None:
        return text  # a part of a block has to stay valid
    return text[: end.start()]


def _called(messages: Sequence[Message], specs: tuple[ToolSpec, ...]) -> tuple[ToolSpec, ...]:
    """`specs` if `messages` contain tool calls, else nothing: some providers require the tools of earlier calls."""
    return specs if any(message.tool_calls for message in messages) else ()
