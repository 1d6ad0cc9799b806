"""The two borders of the agents, scripted: a device that answers from a table, and a model that replies from a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from agents.device import DeviceCall, DeviceResult, Outcome
from agents.turn import Turn
from streaming.chat import ChatRequest, ContentDelta, Delta, FinishDelta, FinishReason, ToolCallDelta, UsageDelta

NOW_MS = 1_773_014_400_000  # Monday 2026-03-09, midnight UTC

Answer = DeviceResult | Callable[[Mapping[str, Any]], DeviceResult]


def answered(data: Any) -> DeviceResult:
    return DeviceResult(Outcome.ANSWERED, data)


@dataclass
class ScriptedDevice:
    """Answers each tool from `answers`; a tool that is not there answers `not_found`.

    A call whose tool is in `gates` waits for the event first. `withdrawn` lists the tools whose calls were cancelled.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    gates: dict[str, trio.Event] = field(default_factory=dict)
    calls: list[DeviceCall] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)

    async def execute(self, call: DeviceCall) -> DeviceResult:
        self.calls.append(call)
        try:
            await trio.lowlevel.checkpoint()
            if call.tool in self.gates:
                await self.gates[call.tool].wait()
        except trio.Cancelled:
            self.withdrawn.append(call.tool)
            raise
        self.finished.append(call.tool)
        answer = self.answers.get(call.tool, DeviceResult(Outcome.ERROR, code="not_found", message="no such item"))
        return answer(call.args) if callable(answer) else answer


Step = Delta | trio.Event | Exception


@dataclass
class ScriptedModel:
    """Gives one reply per call, each a list of steps; an event is waited for, an exception is raised.

    `requests` keeps what was asked; `open` counts the streams that have not been closed.
    """

    replies: list[Sequence[Step]]
    requests: list[ChatRequest] = field(default_factory=list)
    open: int = 0

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        self.requests.append(request)
        steps = self.replies.pop(0)
        self.open += 1
        try:
            await trio.lowlevel.checkpoint()
            yield self._batches(steps)
        finally:
            self.open -= 1

    async def _batches(self, steps: Sequence[Step]) -> AsyncIterator[Sequence[Delta]]:
        for step in steps:
            if isinstance(step, trio.Event):
                await step.wait()
            elif isinstance(step, Exception):
                raise step
            else:
                await trio.lowlevel.checkpoint()
                yield [step]


def says(*texts: str, usage: tuple[int, int] = (10, 5)) -> list[Step]:
    return [*(ContentDelta(text) for text in texts), FinishDelta(FinishReason.STOP), UsageDelta(*usage)]


def asks(*calls: tuple[str, str], text: str = "", usage: tuple[int, int] = (10, 5)) -> list[Step]:
    """A reply with tool calls, each `(name, arguments)`, the arguments cut in two pieces."""
    steps: list[Step] = [ContentDelta(text)] if text else []
    for index, (name, arguments) in enumerate(calls):
        middle = len(arguments) // 2
        steps.append(ToolCallDelta(index, id=f"call-{index}", name=name, arguments=arguments[:middle]))
        steps.append(ToolCallDelta(index, arguments=arguments[middle:]))
    return [*steps, FinishDelta(FinishReason.TOOL_CALLS), UsageDelta(*usage)]


def make_turn(device: ScriptedDevice | None = None, message: str = "what is due?", **fields: Any) -> Turn:
    return Turn(message, fields.pop("mode", "home"), device or ScriptedDevice(), now_ms=NOW_MS, **fields)
