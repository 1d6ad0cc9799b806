"""A model whose calls hold a place while they run, and a model whose calls are charged to the budget of their user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from agents.model import Model, Reply
from server.models.caller import Caller, current_caller
from server.models.spending import TokenSpending
from server.models.traffic import Traffic
from server.requests import RequestRefused
from server.shared_limits import Places
from streaming.chat import ChatRequest, Delta, estimated_input_tokens
from streaming.model import ModelError, NoPlace, StreamingModel
from streaming.wire import ErrorCode

_BUSY: Final = "The server is answering as many requests as it can. Try again."
# What a call without `max_tokens` reserves for its output.
_OUTPUT_TOKENS: Final = 1_000


class LimitedModel:
    """Calls `model` only with a place of `places`. A call waits at most `wait_s` seconds for one.

    It wraps one attempt, so a call that waits to be retried holds no place. `traffic` is told of each call.
    """

    def __init__(self, model: StreamingModel, places: Places, wait_s: float, traffic: Traffic | None = None) -> None:
        self._model = model
        self._places = places
        self._wait_s = wait_s
        self._traffic = traffic or Traffic()

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def structured_output(self) -> bool:
        return self._model.structured_output

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[list[Delta]]]:
        """See `streaming.model.StreamingModel`. Raises `NoPlace`, with code `model_busy`, if it gets no place."""
        caller = current_caller()
        place = self._places.place("" if caller is None else str(caller.user_id))
        if not await self._places.take(place, self._wait_s):
            raise NoPlace(ErrorCode.MODEL_BUSY, _BUSY, retryable=True)
        try:
            if caller is not None:
                caller.places.add(place)
            with self._traffic.call():
                async with self._model.stream(request) as batches:
                    yield batches
        finally:
            if caller is not None:
                caller.places.discard(place)
            place.give_back()


class ChargedModel:
    """Calls `model` if the budget of the current caller allows it. Calls without a caller are not counted."""

    def __init__(self, model: Model, spending: TokenSpending) -> None:
        self._model = model
        self._spending = spending

    @property
    def structured_output(self) -> bool:
        return self._model.structured_output

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Delta]]]:
        """See `agents.model.Model`. Raises `ModelError` with code `budget_spent` if the user has no tokens left."""
        caller = current_caller()
        return self._model.stream(request) if caller is None else self._charged(request, caller)

    @asynccontextmanager
    async def _charged(self, request: ChatRequest, caller: Caller) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        spending, entry = self._spending, caller.entry
        try:
            await spending.admit(entry)
        except RequestRefused as refused:
            raise ModelError(refused.code, str(refused), retryable=refused.retryable) from None
        tokens = estimated_input_tokens(request) + (request.max_tokens or _OUTPUT_TOKENS)
        spending.begin_call(entry, tokens)
        reply = Reply(request)
        try:
            async with self._model.stream(request) as batches:
                yield _fed(batches, reply) if caller.counts else batches
        finally:
            if caller.counts:
                reply.charge(entry.usage)
            spending.end_call(entry, tokens)


async def _fed(batches: AsyncIterator[Sequence[Delta]], reply: Reply) -> AsyncIterator[Sequence[Delta]]:
    async for batch in batches:
        reply.feed(batch)
        yield batch
