"""The limit on concurrent model calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from server.models.concurrency import ConcurrencyLimitedModel
from streaming.chat import ChatRequest, ContentDelta, Delta
from streaming.model.errors import ModelError
from streaming.wire.codes import ErrorCode

REQUEST = ChatRequest(())


class Asked:
    """A model that counts its running calls and answers one word."""

    structured_output = True

    def __init__(self) -> None:
        self.running = 0

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        async def batches() -> AsyncIterator[Sequence[Delta]]:
            yield [ContentDelta("word")]

        self.running += 1
        try:
            yield batches()
        finally:
            self.running -= 1


async def test_a_call_over_the_limit_waits_and_is_then_refused(autojump_clock: MockClock) -> None:
    asked = Asked()
    model = ConcurrencyLimitedModel(asked, trio.CapacityLimiter(2), wait_s=5)
    # One task may run several calls.
    async with model.stream(REQUEST), model.stream(REQUEST):
        started = trio.current_time()
        with pytest.raises(ModelError) as raised:
            await model.stream(REQUEST).__aenter__()
        assert trio.current_time() - started == 5
        assert (raised.value.code, raised.value.retryable) == (ErrorCode.MODEL_BUSY, True)
        assert asked.running == 2
    async with model.stream(REQUEST) as batches:
        assert [batch async for batch in batches] == [[ContentDelta("word")]]
    assert model.structured_output


async def test_a_waiting_call_starts_when_another_ends(autojump_clock: MockClock) -> None:
    model = ConcurrencyLimitedModel(Asked(), trio.CapacityLimiter(1), wait_s=5)
    times = []

    async def ask() -> None:
        async with model.stream(REQUEST):
            times.append(trio.current_time())
            await trio.sleep(2)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ask)
    assert [round(time - times[0]) for time in times] == [0, 2, 4]


async def test_a_cancelled_wait_holds_no_token(autojump_clock: MockClock) -> None:
    limiter = trio.CapacityLimiter(1)
    model = ConcurrencyLimitedModel(Asked(), limiter, wait_s=5)
    async with model.stream(REQUEST):
        with trio.move_on_after(1) as waiting:
            await model.stream(REQUEST).__aenter__()
        assert waiting.cancelled_caught
    assert limiter.borrowed_tokens == 0
