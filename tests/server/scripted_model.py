"""A model object whose answers a test scripts, for tests that control the clock.

End-to-end tests use `tests.model_server` instead, over HTTP.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import trio

from streaming.chat import ChatRequest, ContentDelta, Delta, FinishDelta, FinishReason, ToolCallDelta, UsageDelta

Step = str | Delta | trio.Event | Exception
"""A token, any delta, an event to wait for, or an exception to raise."""


def call(name: str, index: int = 0, **arguments: Any) -> ToolCallDelta:
    return ToolCallDelta(index, f"call_{name}_{index}", name, json.dumps(arguments))


def text_block(text: str) -> str:
    return json.dumps([{"type": "text", "content": text}])


class ScriptedModel:
    """Answers the router with `agent`, and everything else with the next script."""

    structured_output = False

    def __init__(self, agent: str = "task_agent") -> None:
        self.agent = agent
        self.requests: list[ChatRequest] = []
        self.open = 0
        self._scripts: deque[Sequence[Step]] = deque()

    def answer(self, *steps: Step) -> None:
        self._scripts.append(steps)

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        self.requests.append(request)
        if request.response_schema is not None:
            steps: Sequence[Step] = (json.dumps({"agent": self.agent}),)
        else:
            steps = self._scripts.popleft()
        self.open += 1
        try:
            async with aclosing(self._run(steps)) as batches:
                yield batches
        finally:
            self.open -= 1

    async def _run(self, steps: Sequence[Step]) -> AsyncGenerator[Sequence[Delta], None]:
        for step in steps:
            await trio.lowlevel.checkpoint()
            match step:
                case str():
                    yield [ContentDelta(step)]
                case trio.Event():
                    await step.wait()
                case Exception():
                    raise step
                case _:
                    yield [step]
        yield [UsageDelta(10, 5), FinishDelta(FinishReason.STOP)]
