"""An agent that first acts and then answers: the request shapes `native` and `schema` (`agents.shapes`)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from agents.acts import ANSWER_TOOL, Act, NativeAct, StepAct
from agents.block_format import blocks_schema
from agents.call_metadata import answer_metadata
from agents.chat_agent import CHANGING, ChatAgent, finish_of
from agents.model_call import ModelCall
from agents.prompt_text import (
    act_message,
    answer_message,
    fenced,
    prompt,
    step_message,
)
from agents.registry import ALL_TOOLS, BY_ENTITY
from agents.shapes import Disobedience, Shape
from agents.steps import step_schema
from agents.tool_rounds import ToolRounds
from agents.tools import DeviceAccess, check_edit
from agents.unasked import unasked_change
from streaming.chat import ChatRequest, FinishReason, Message, ToolCall, ToolSpec

_MOST_ACTS: Final = 4
_CUT_ACTS: Final = 1
# A small model that repeats itself in a text would write to its limit, twice: 200 seconds at eight tokens per second.
_STEP_TOKENS: Final = 768
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Progress:
    """How far an answer is. `done`: the calls that were made. `replaced`: the answer that was asked for again."""

    messages: list[Message]
    acting: bool = True
    acts: int = 0
    done: set[tuple[str, str]] = field(default_factory=set)
    replaced: str = ""
    said: str = ""
    finish: FinishReason | None = None
    ended: bool = False
    taken_over: bool = False


class PhasedAgent(ChatAgent):
    """Acts until the model has what it needs, at most four rounds, then asks for the answer in its own call.

    The same call with the same arguments twice ends the act phase. The truths of `ChatAgent` hold: an answer that may
    claim a change waits until it is complete, and is asked for once more if nothing was changed.
    """

    shape: Shape

    @abstractmethod
    def _act(self, messages: Sequence[Message], offered: Sequence[ToolSpec]) -> Act:
        """The next call of the act phase."""

    def _results(self, act: Act, ran: Sequence[Message]) -> list[Message]:  # noqa: ARG002 - for subclasses
        """The messages of a round: `ran` are those of native tool calls."""
        return list(ran)

    def _ended(self, act: Act) -> list[Message]:  # noqa: ARG002 - for subclasses
        """The messages of a call that ended the act phase."""
        return []

    @abstractmethod
    def _instead(self) -> ChatAgent | None:
        """The agent of the next shape, which takes over if the server does not obey this one."""

    def _name(self, act: Act) -> None:
        """Take the agent that `act` names, if it names one."""

    async def _run(self, messages: list[Message]) -> AsyncGenerator[str, None]:
        """Continue the conversation `messages` until the model answers. Yields "" when the agent is known."""
        turn, limits = self._turn, self._limits
        access = DeviceAccess(turn, limits.approval_tools, check_edit)
        rounds = ToolRounds(ALL_TOOLS.values(), access, limits, turn.tool_use, refuse=partial(unasked_change, turn))
        progress = _Progress(messages)
        while not progress.ended:
            acts = progress.acting and rounds.open and progress.acts < _MOST_ACTS
            acts = acts and turn.tool_use.cut_calls <= _CUT_ACTS
            phase = self._do_act(progress, rounds) if acts else self._do_answer(progress)
            async with aclosing(phase) as texts:
                async for text in texts:
                    yield text
        if progress.taken_over:
            return
        said = progress.said
        if progress.replaced and not said.strip() and not turn.mutations:
            yield progress.replaced  # the model said nothing when it was asked again
        messages = progress.messages
        if said:
            messages = [*messages, Message("assistant", said[-limits.repair_chars :])]
        turn.conversation = messages
        self._judge(said if said.strip() else progress.replaced)
        turn.finish = finish_of(progress.finish, stopped=turn.tool_use.rounds > 0 and not rounds.open)

    async def _do_act(self, progress: _Progress, rounds: ToolRounds) -> AsyncGenerator[str, None]:
        """One call of the act phase, and the tools that it asks for."""
        turn = self._turn
        specs = self._tool_specs()
        rounds.offered = [spec.name for spec in specs]
        progress.acts += 1
        act = self._act(progress.messages, specs)
        held: list[str] | None = [] if self._holds() else None
        async with aclosing(act.stream(turn)) as texts:
            async for text in texts:
                if text and held is None:
                    yield text
                elif held is not None:
                    held.append(text)
        self._name(act)
        yield ""
        progress.finish = act.finish
        if not act.obeyed:
            self._shapes.disobeyed(self.shape, self._how())
            instead = self._instead() if turn.tool_use.rounds == 0 and not act.calls else None
            if instead is not None:
                progress.ended = progress.taken_over = True
                async with aclosing(instead.handle_stream()) as tokens:
                    async for token in tokens:
                        yield token
                return
        if act.calls:
            await self._run_tools(progress, rounds, act)
        elif act.view is not None:
            progress.said, progress.ended = act.view, True
            yield act.view
        elif act.said is not None:
            for text in self._accepted(progress, act.said, held):
                yield text
        else:
            # The same prompt gives white space again.
            turn.tool_use.cut_calls += act.cut * (1 if act.text else _CUT_ACTS + 1)
            progress.acting = act.cut
            progress.messages = [*progress.messages, *self._ended(act)]

    async def _run_tools(self, progress: _Progress, rounds: ToolRounds, act: Act) -> None:
        turn = self._turn
        keys = {(asked.name, asked.arguments) for asked in act.calls}
        if keys <= progress.done:
            log.info("act_repeated", agent=self._spec.name, tools=sorted({name for name, _ in keys}))
            progress.acting = False
            return
        progress.done |= keys
        turn.tool_use.cut_calls += act.cut
        turn.tool_use.tried_change |= any(asked.name in CHANGING for asked in act.calls)
        # As in the shape `hosted`: what a server did not hold to its form may be a quotation.
        cautious = not act.obeyed and turn.need != "change"
        ran = await rounds.run(act.text, act.calls, act.state, cut=act.cut, cautious=cautious)
        messages = [*progress.messages, *self._results(act, ran)]
        progress.messages = self._handed_over(messages, act.calls)
        progress.acting = turn.tool_use.cut_calls <= _CUT_ACTS

    async def _do_answer(self, progress: _Progress) -> AsyncGenerator[str, None]:
        """The call of the answer phase."""
        turn = self._turn
        call = self._answer_call(progress.messages)
        held: list[str] | None = [] if self._holds() else None
        reasoned = turn.reasoning_blocks
        async with aclosing(call.stream(turn, before="", take=turn.take_text if held is None else None)) as texts:
            async for text in texts:
                if held is None:
                    yield text
                else:
                    held.append(text)
        if call.calls:
            self._shapes.disobeyed(self.shape, "none_ignored")
        progress.finish = call.finish
        for text in self._accepted(progress, call.text, held):
            yield text
        if not progress.ended and held:
            turn.reasoning_blocks = reasoned  # the withheld text is not shown

    def _holds(self) -> bool:
        """Whether the next words wait until they are complete: they may claim or invent something."""
        first = self._turn.tool_use.rounds == 0
        return not self._turn.tool_use.asked_again and (self._may_claim() or (first and self._must_call()))

    def _accepted(self, progress: _Progress, said: str, held: list[str] | None) -> list[str]:
        """What of `held` is shown. Ends the answer, or has the model asked once more."""
        progress.said = said
        again = None if self._turn.tool_use.asked_again else self._ask_again(said, held=held is not None)
        if again is None:
            progress.ended = True
            return held or []
        progress.replaced = "".join(held or [])
        self._turn.tool_use.asked_again, progress.acting, progress.acts = True, True, 0
        spoken = [Message("assistant", said)] if said else []
        progress.messages = [*progress.messages, *spoken, Message("user", prompt(again))]
        return []

    def _how(self) -> Disobedience:
        return "required_ignored" if self.shape == "native" else "schema_ignored"

    def _answer_call(self, messages: Sequence[Message]) -> ModelCall:
        """The call of the answer phase. The tools of `native` stay in it, so that the server keeps its cache."""
        turn = self._turn
        request = ChatRequest(
            (*messages, answer_message(turn.mode)),
            tools=(*self._tool_specs(), ANSWER_TOOL) if self.shape == "native" else (),
            tool_choice="none",
            keep_tools=self._shapes.keeps_tools,
            max_tokens=self._limits.answer_tokens,
            response_schema=blocks_schema() if turn.mode == "home" else None,
            response_schema_name="blocks",
            thinking=False,
            metadata=answer_metadata(self._spec.name, turn),
            from_model=turn.from_model,
        )
        return ModelCall(self._model, request, (), show_reasoning=self._limits.show_reasoning)


class NativeAgent(PhasedAgent):
    """The shape `native`: every call of the act phase must call a tool; the tool `answer` ends the phase."""

    shape: Shape = "native"

    def _system(self) -> Message:
        return act_message(self._spec.name)

    def _tool_specs(self) -> tuple[ToolSpec, ...]:
        return self._spec.specs(lean=True)

    def _act(self, messages: Sequence[Message], offered: Sequence[ToolSpec]) -> Act:
        request = ChatRequest(
            tuple(messages),
            tools=(*offered, ANSWER_TOOL),
            tool_choice="required",
            parallel_calls=False,
            max_tokens=self._limits.answer_tokens,
            cache_key=f"{self._spec.name}-act",
            metadata=answer_metadata(self._spec.name, self._turn),
            from_model=self._turn.from_model,
            shape=self._first_shape(),
        )
        return NativeAct(self._model, request, [spec.name for spec in offered], CHANGING)

    def _instead(self) -> ChatAgent | None:
        self._turn.shape = "schema"
        return SchemaAgent(self._model, self._turn, self._spec, self._limits, self._shapes)


class SchemaAgent(PhasedAgent):
    """The shape `schema`: one system prompt for all agents. The tools that the model uses name the agent."""

    shape: Shape = "schema"

    def _system(self) -> Message:
        return step_message(self._turn.mode)

    def _act(self, messages: Sequence[Message], offered: Sequence[ToolSpec]) -> Act:  # noqa: ARG002 - they are text
        turn = self._turn
        number = turn.tool_use.rounds
        request = ChatRequest(
            tuple(messages),
            max_tokens=min(self._limits.answer_tokens or _STEP_TOKENS, _STEP_TOKENS),
            temperature=0.0,
            response_schema=step_schema(turn.mode, "first" if number == 0 else "later"),
            response_schema_name="step",
            thinking=False,
            metadata=answer_metadata(self._spec.name, turn),
            from_model=turn.from_model,
            shape=self._first_shape(),
        )
        return StepAct(self._model, request, turn.mode, number)

    def _results(self, act: Act, ran: Sequence[Message]) -> list[Message]:
        results = [message.content for message in ran if message.role == "tool"]
        name = act.calls[0].name if act.calls else ""
        told = "\n".join(fenced("result", result) for result in results)
        return [Message("assistant", act.text), Message("user", f"Result of {name}:\n{told}")]

    def _ended(self, act: Act) -> list[Message]:
        return [Message("assistant", act.text)] if act.obeyed and not act.cut else []

    def _instead(self) -> ChatAgent | None:
        return None

    def _handed_over(self, messages: list[Message], calls: Sequence[ToolCall]) -> list[Message]:  # noqa: ARG002
        return messages  # every agent has the same prompt

    def _name(self, act: Act) -> None:
        if act.entity is None or self._turn.scope is not None:
            return
        self._spec = BY_ENTITY[act.entity]
        if self._turn.routed_by == "keywords":
            self._turn.routed_by = "tool"
        self._turn.agent_name = self._spec.name
