"""Time to the first token of held-out messages, with a scripted model that takes 300 ms for each call.

It includes routing, by the classifier or by a call of the model, and the agent; it includes no memory and no socket.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final

import trio

from agents.device import DeviceCall, DeviceResult, Outcome
from agents.limits import AgentLimits
from agents.model import Models
from agents.orchestrator import Orchestrator
from agents.turn import Turn
from streaming.chat import ChatRequest, ContentDelta, Delta, FinishDelta, FinishReason

CALL_S: Final = 0.3
MARGIN_S: Final = 0.03
_SIDE_BY_SIDE: Final = 8


class _Device:
    """Has no items."""

    async def execute(self, call: DeviceCall) -> DeviceResult:  # noqa: ARG002 - every call gets the same answer
        return DeviceResult(Outcome.ANSWERED, {"items": []})


class _Model:
    """Takes 300 ms for each call. `first_at` is the time of the first token of an answer."""

    structured_output = True

    def __init__(self) -> None:
        self.first_at: float | None = None

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        await trio.sleep(CALL_S)
        routing = request.response_schema is not None
        if not routing and self.first_at is None:
            self.first_at = trio.current_time()
        text = '{"agent": "general_agent", "need": "none"}' if routing else '[{"type": "text", "content": "Done."}]'
        yield _one_batch([ContentDelta(text), FinishDelta(FinishReason.STOP)])


async def _one_batch(batch: Sequence[Delta]) -> AsyncIterator[Sequence[Delta]]:
    yield batch


async def first_tokens_s(messages: Sequence[str]) -> list[float]:
    """The seconds to the first token of each message, in ascending order."""
    places, waited = trio.CapacityLimiter(_SIDE_BY_SIDE), []

    async def ask(message: str) -> None:
        async with places:
            model, began = _Model(), trio.current_time()
            orchestrator = Orchestrator(Models(model, model), AgentLimits())
            async with aclosing(orchestrator.orchestrate_v3_stream(Turn(message, "home", _Device()))) as tokens:
                async for _ in tokens:
                    pass
            waited.append((model.first_at or trio.current_time()) - began)

    async with trio.open_nursery() as nursery:
        for message in messages:
            nursery.start_soon(ask, message)
    return sorted(waited)


def report(messages: Sequence[str]) -> str:
    """One line with the share that waits for one call and 30 ms at most, and percentiles."""
    waited = trio.run(first_tokens_s, messages)
    within = sum(seconds <= CALL_S + MARGIN_S for seconds in waited) / len(waited)
    p50, p80, p95 = (1000 * waited[int(part * (len(waited) - 1))] for part in (0.5, 0.8, 0.95))
    return (
        f"First token with a model of {1000 * CALL_S:.0f} ms per call, {len(waited)} held-out messages: {within:.1%}"
        f" within {1000 * (CALL_S + MARGIN_S):.0f} ms; p50 {p50:.0f} ms, p80 {p80:.0f} ms, p95 {p95:.0f} ms"
    )
