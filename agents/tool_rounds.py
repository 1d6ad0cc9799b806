"""The tool calls of one request: the calls of a round run concurrently, within the request's limits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import structlog
import trio

from agents.limits import AgentLimits
from agents.tool_use import ToolUse
from agents.tools import DeviceAccess, Tool, ToolError, render_result
from streaming.chat import Message, ProviderState, ToolCall

_LEAST_RESULT_CHARS = 200
log = structlog.get_logger(__name__)


class ToolRounds:
    """Runs rounds of tool calls and counts them in `use` against the limits."""

    def __init__(
        self,
        tools: Iterable[Tool[Any]],
        access: DeviceAccess,
        limits: AgentLimits,
        use: ToolUse | None = None,
        *,
        refuse: Callable[[Tool[Any]], ToolError | None] = lambda _: None,
    ) -> None:
        """`refuse`: why a tool must not run now; None if it may."""
        self._refuse = refuse
        self._tools = {tool.name: tool for tool in tools}
        self._access = access
        self._limits = limits
        self._use = use or ToolUse()
        self.offered: Sequence[str] = list(self._tools)
        """The names of the tools that the model was told about. It may call the others too."""

    @property
    def open(self) -> bool:
        """Whether the model may ask for another round. If not, it has to answer."""
        use, limits = self._use, self._limits
        return use.rounds < limits.max_rounds and use.calls < limits.max_calls and use.seconds < limits.tool_time_s

    async def run(
        self,
        text: str,
        calls: Sequence[ToolCall],
        state: ProviderState | None = None,
        *,
        cut: bool = False,
        cautious: bool = False,
    ) -> list[Message]:
        """Run one round. Returns the assistant's message (`text`, `calls` and `state`), then one result per call.

        The device receives the calls in the order in which the model wrote them; they then run concurrently.
        Cancellation cancels every call that has no result yet. `cut`: the last call is incomplete, because the model
        reached its token limit. It is not run, and its result says so. `cautious`: every change needs the
        person's approval.
        """
        access = self._access.cautious() if cautious else self._access
        use = self._use
        calls = [self._with_own_id(call) for call in calls]
        use.rounds += 1
        allowed = self._limits.max_calls - use.calls
        use.calls += len(calls)
        began = trio.current_time()
        deadline = began + self._limits.tool_time_s - use.seconds
        results: list[Any] = [_over_limit() for _ in calls]
        if cut:
            results[-1] = _cut_off()
            allowed = min(allowed, len(calls) - 1)
        turn_of = trio.Event()
        turn_of.set()
        async with trio.open_nursery() as nursery:
            for number, call in enumerate(calls[:allowed]):
                # Trio starts tasks in no particular order, so each task starts the next one.
                next_turn = trio.Event()
                nursery.start_soon(self._run_one, access, call, deadline, turn_of, next_turn, results, number)
                turn_of = next_turn
        use.seconds += trio.current_time() - began
        use.answered += sum(self._has_looked(call, result) for call, result in zip(calls, results, strict=True))
        changes = [result for call, result in zip(calls, results, strict=True) if self._changes(call)]
        if changes:
            use.failed_changes = sum(isinstance(result, ToolError) for result in changes)
        asked = Message("assistant", text, tool_calls=tuple(_replayable(call) for call in calls), state=state)
        return [asked, *(self._message(call, result) for call, result in zip(calls, results, strict=True))]

    def _has_looked(self, call: ToolCall, result: Any) -> bool:
        tool = self._tools.get(call.name)
        found = not isinstance(result, ToolError) or result.code == "not_found"
        return tool is not None and tool.entity is not None and found

    def _changes(self, call: ToolCall) -> bool:
        tool = self._tools.get(call.name)
        return tool is not None and tool.changes

    async def _run_one(
        self,
        access: DeviceAccess,
        call: ToolCall,
        deadline: float,
        may_begin: trio.Event,
        begun: trio.Event,
        results: list[Any],
        number: int,
    ) -> None:
        await may_begin.wait()
        begun.set()
        results[number] = await self._result(access, call, deadline)

    async def _result(self, access: DeviceAccess, call: ToolCall, deadline: float) -> Any:
        tool = self._tools.get(call.name)
        if tool is None:
            names = ", ".join(self.offered) or "none"
            return ToolError("unknown_tool", f"There is no tool {call.name[:100]!r}. The tools are: {names}.")
        try:
            if (refused := self._refuse(tool)) is not None:
                raise refused
            with trio.move_on_at(deadline):
                data = await tool.invoke(access, call.arguments)
                return self._access.handles.shorten(data, tool.entity)
        except ToolError as error:
            log.debug("tool_failed", tool=tool.name, code=error.code)
            return error
        return ToolError("deadline", "This request's time for tools is over; the device may or may not have acted.")

    def _message(self, call: ToolCall, result: Any) -> Message:
        if isinstance(result, ToolError):
            self._use.errors.add(result.code)
        left = max(self._limits.total_result_chars - self._use.chars, _LEAST_RESULT_CHARS)
        tool = self._tools.get(call.name)
        content = render_result(
            result,
            min(self._limits.result_chars, left),
            self._access.calendar,
            changes=tool is not None and tool.changes,
        )
        self._use.chars += len(content)
        return Message("tool", content, tool_call_id=call.id)

    def _with_own_id(self, call: ToolCall) -> ToolCall:
        """`call` with an id that is unique in this request: some models number their calls from 0 in every round."""
        call_id, number = call.id, 1
        while call_id in self._use.ids:
            number += 1
            call_id = f"{call.id}_{number}"
        self._use.ids.add(call_id)
        return call if call_id == call.id else replace(call, id=call_id)


def _replayable(call: ToolCall) -> ToolCall:
    """`call` for the history: some servers parse past arguments and fail if they are not a JSON object."""
    return call if has_whole_arguments(call) else replace(call, arguments="{}")


def has_whole_arguments(call: ToolCall) -> bool:
    """Whether the arguments of `call` are a JSON object."""
    try:
        return isinstance(json.loads(call.arguments), dict)
    except (ValueError, RecursionError):
        return False


def _over_limit() -> ToolError:
    return ToolError("tool_limit", "This request may make no more tool calls. Answer from the results that you have.")


def _cut_off() -> ToolError:
    return ToolError(
        "call_cut",
        "This call was cut off at your token limit, so it was not run. Write it once more with shorter arguments, or "
        "tell the person that it was not done.",
    )
