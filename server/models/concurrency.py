"""A concurrency limit for model calls: how many run at the same time in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from agents.model import Model
from streaming.chat import ChatRequest, Delta
from streaming.model import ModelError
from streaming.wire import ErrorCode


class ConcurrencyLimitedModel:
    """Calls `model` only while `limiter` has a free token. A call waits at most `wait_s` seconds for one."""

    def __init__(self, model: Model, limiter: trio.CapacityLimiter, wait_s: float) -> None:
        self._model = model
        self._limiter = limiter
        self._wait_s = wait_s

    @property
    def structured_output(self) -> bool:
        return self._model.structured_output

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        """See `agents.model.Model`. Raises `ModelError` with code `model_busy` if the limit stays reached."""
        # The borrower is the call, not the task: one task may run several calls.
        call = object()
        with trio.move_on_after(self._wait_s) as waiting:
            await self._limiter.acquire_on_behalf_of(call)
        if waiting.cancelled_caught:
            raise ModelError(
                ErrorCode.MODEL_BUSY, "The server is answering as many requests as it can. Try again.", retryable=True
            )
        try:
            async with self._model.stream(request) as batches:
                yield batches
        finally:
            self._limiter.release_on_behalf_of(call)
