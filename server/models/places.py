"""How many calls of models run at once in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from agents.model import Model
from streaming.chat import ChatRequest, Delta
from streaming.model import ModelError
from streaming.wire import ErrorCode


class BoundedModel:
    """`model`, called only while `places` has one left. A call waits for it for `wait_s` seconds, then is refused."""

    def __init__(self, model: Model, places: trio.CapacityLimiter, wait_s: float) -> None:
        self._model = model
        self._places = places
        self._wait_s = wait_s

    @property
    def structured_output(self) -> bool:
        return self._model.structured_output

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        """As `agents.model.Model`. Raises `ModelError` code `model_busy` when no place became free."""
        # Not the task: one task may hold several calls.
        call = object()
        with trio.move_on_after(self._wait_s) as waiting:
            await self._places.acquire_on_behalf_of(call)
        if waiting.cancelled_caught:
            raise ModelError(
                ErrorCode.MODEL_BUSY, "The server is answering as many requests as it can. Try again.", retryable=True
            )
        try:
            async with self._model.stream(request) as batches:
                yield batches
        finally:
            self._places.release_on_behalf_of(call)
