"""The text of one model call is the same, whether it comes from the stream or is taken directly."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing, asynccontextmanager
from dataclasses import astuple, dataclass
from typing import Any

import pytest

from agents.model_call import ModelCall
from streaming.chat import (
    ChatRequest,
    ContentDelta,
    Delta,
    FinishDelta,
    FinishReason,
    Message,
    ReasoningDelta,
    UsageDelta,
)
from streaming.model import DirectBatches
from streaming.model.direct import Direct
from tests.agents.fakes import make_turn

REQUEST = ChatRequest((Message("user", "what is due?"),))
CALL = '<tool_call>{"name": "list_tasks", "arguments": {"limit": 3}}</tool_call>'


def text(*pieces: str) -> list[Delta]:
    return [ContentDelta(piece) for piece in pieces]


ANSWERS: dict[str, list[Delta]] = {
    "text": text("[", '{"type":"text",', '"content":"', "Two", " tasks", " are due", '"}', "]"),
    "blank beginning": text(" ", "\n", "Two", " tasks", " are", " due."),
    "reasoning before and between": [
        *(ReasoningDelta("Let me"), ReasoningDelta(" see.")),
        *text("Two", " tasks", " are"),
        ReasoningDelta("Really?"),
        *text(" due", " today", "."),
    ],
    "a written call": text("I", " look", ":", *(CALL[at : at + 7] for at in range(0, len(CALL), 7)), " and", " so"),
    "what only looks like a call": text("Write", " `", "<tool", "_call>", "`", " so", " that", " {it", "}", " runs."),
    "only white space": text(*[" " * 50] * 6),
}


@dataclass
class OneByOne:
    """A model that gives each delta in its own batch. Text can be taken directly, as from the real model."""

    deltas: list[Delta]
    structured_output = False

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[list[Delta]]]:
        direct = Direct()
        async with aclosing(self._batches(direct)) as batches:
            yield DirectBatches(batches, direct)

    async def _batches(self, direct: Direct) -> AsyncGenerator[list[Delta], None]:
        for delta in [*self.deltas, UsageDelta(9, 7), FinishDelta(FinishReason.STOP)]:
            if isinstance(delta, ContentDelta) and direct.take is not None:
                assert direct.take(delta.text) is None
            else:
                yield [delta]


async def outcome(deltas: list[Delta], *, direct: bool) -> tuple[Any, int]:
    """Everything that the call gives, and how many pieces of text were taken directly."""
    shown: list[str] = []
    taken = 0

    def take(piece: str) -> Awaitable[None] | None:
        nonlocal taken
        taken += 1
        shown.append(piece)
        return None

    turn = make_turn()
    call = ModelCall(OneByOne(deltas), REQUEST, ["list_tasks"], show_reasoning=True)
    async with aclosing(call.stream(turn, before="\n\n", take=take if direct else None)) as pieces:
        async for piece in pieces:
            shown.append(piece)  # noqa: PERF401 - `take` adds to it meanwhile
    result = "".join(shown), call.text, call.calls, call.written, call.cut, call.finish
    return (*result, astuple(turn.usage), turn.reasoning_blocks, turn.tool_use.written_calls), taken


@pytest.mark.parametrize("name", ANSWERS)
async def test_the_call_is_the_same(name: str) -> None:
    streamed, none = await outcome(ANSWERS[name], direct=False)
    direct, taken = await outcome(ANSWERS[name], direct=True)
    assert direct == streamed
    assert none == 0
    assert (taken > 0) == (name != "only white space")
