"""The two boundaries of the agents: a device that answers from a table, and a model client with a scripted server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from agents.device import DeviceCall, DeviceResult, Outcome
from agents.limits import AgentLimits
from agents.turn import Turn
from streaming.model.chat_model import ChatModel, ModelConfig, open_http_client
from tests.model_server import ModelServer, Send, open_model_server, sse

NOW_MS = 1_773_014_400_000  # Monday 2026-03-09, midnight UTC

ASKS = AgentLimits(router_asks="always")
"""Limits for tests whose script names the agent."""

Models = tuple[ModelServer, ChatModel]
Answer = DeviceResult | Callable[[Mapping[str, Any]], DeviceResult]


def answered(data: Any) -> DeviceResult:
    return DeviceResult(Outcome.ANSWERED, data)


@dataclass
class ScriptedDevice:
    """Answers each tool from `answers`; a tool without an entry answers `not_found`.

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


@asynccontextmanager
async def open_model(nursery: trio.Nursery) -> AsyncIterator[Models]:
    """A scripted model server on loopback, and the model that asks it."""
    async with open_model_server(nursery) as server, open_http_client() as client:
        yield server, ChatModel(client, ModelConfig("test", server.url))


def usage_chunk(input_tokens: int, output_tokens: int) -> Send:
    """Usage as some providers report it, with every chunk."""
    return sse({"choices": [], "usage": {"prompt_tokens": input_tokens, "completion_tokens": output_tokens}})


def make_turn(device: ScriptedDevice | None = None, message: str = "what is due?", **fields: Any) -> Turn:
    return Turn(message, fields.pop("mode", "home"), device or ScriptedDevice(), now_ms=NOW_MS, **fields)
