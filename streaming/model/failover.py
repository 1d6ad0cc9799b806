"""Failover between models: a failed call is retried, then the next model is called, until an answer begins.

Once a model has begun to answer, there is no failover: a later fault ends the answer, and the text so far is kept.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from random import SystemRandom
from typing import Final, Protocol

import structlog
import trio

from streaming.chat import ChatRequest, Delta, UsageDelta
from streaming.model.breaker import Attempt, CircuitBreaker, State
from streaming.model.direct import Direct, DirectBatches
from streaming.model.errors import ModelError, NoPlace, OtherShape
from streaming.model.retry import RetryPolicy
from streaming.wire import ErrorCode

_SYSTEM_RANDOM: Final = SystemRandom()
log = structlog.get_logger(__name__)


class StreamingModel(Protocol):
    """One model; `streaming.model.chat_model.ChatModel` is one."""

    @property
    def name(self) -> str:
        """The name in logs."""
        ...

    @property
    def structured_output(self) -> bool:
        """Whether its answers can be constrained to a JSON Schema."""
        ...

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[list[Delta]]]:
        """Call the model; see `streaming.model.chat_model.ChatModel.stream`."""
        ...


@dataclass(slots=True)
class _Candidate:
    """A model. `late`: its latest call had no answer within its time limit, with the time of that on trio's clock."""

    model: StreamingModel
    breaker: CircuitBreaker
    late: tuple[float, ModelError] | None = None


@dataclass(frozen=True, slots=True)
class _Begun:
    """An answer that has begun: its first batches, and the rest."""

    attempt: Attempt
    first: list[list[Delta]]
    rest: AsyncIterator[list[Delta]]


def _failed(attempt: Attempt, error: ModelError) -> None:
    """Count `error` against the model, unless the request or the settings are at fault."""
    if error.retryable:
        attempt.fail(trio.current_time())
    else:
        attempt.abandon()


class FailoverModel:
    """Calls `models` in their order until one answers. Each has its own circuit breaker.

    `random` returns a number in [0, 1), for the jitter. Times are on trio's clock.
    """

    def __init__(
        self,
        models: Sequence[StreamingModel],
        *,
        retry: RetryPolicy | None = None,
        new_breaker: Callable[[], CircuitBreaker] = CircuitBreaker,
        random: Callable[[], float] = _SYSTEM_RANDOM.random,
        on_fault: Callable[[str, ErrorCode], None] | None = None,
        on_begun: Callable[[int], None] | None = None,
        shape_of: Callable[[int], str] | None = None,
    ) -> None:
        """`on_fault` is called for each call that failed before its answer began, with the model's name and the code.

        `on_begun` is called with the index of the model that has begun to answer, in the task of the request.
        `shape_of` returns the shape of requests that the model with an index needs.
        """
        if not models:
            raise ValueError("at least one model is needed")
        self._candidates = [_Candidate(model, new_breaker()) for model in models]
        self._retry = retry or RetryPolicy()
        self._random = random
        self._on_fault = on_fault
        self._on_begun = on_begun
        self._shape_of = shape_of

    def __repr__(self) -> str:
        now = trio.current_time()
        models = ", ".join(f"{c.model.name} {c.breaker.state(now)}" for c in self._candidates)
        return f"<FailoverModel {models}>"

    def states(self) -> list[tuple[str, State]]:
        """Each model's name and its breaker's state, in the order of calls."""
        now = trio.current_time()
        return [(candidate.model.name, candidate.breaker.state(now)) for candidate in self._candidates]

    @property
    def place(self) -> int:
        """The index of the model that is called first now: the first one whose breaker is not open; else 0."""
        now = trio.current_time()
        ready = (n for n, candidate in enumerate(self._candidates) if candidate.breaker.state(now) != "open")
        return next(ready, 0)

    def timeout(self, within_s: float) -> ModelError | None:
        """The first model's timeout, if the latest call of every model timed out in the last `within_s` seconds."""
        since = trio.current_time() - within_s
        late = [candidate.late for candidate in self._candidates]
        timeouts = [one[1] for one in late if one is not None and one[0] >= since]
        return timeouts[0] if len(timeouts) == len(late) else None

    @property
    def name(self) -> str:
        """The name of the first model."""
        return self._candidates[0].model.name

    @property
    def structured_output(self) -> bool:
        """Whether every model can constrain its answers to a JSON Schema: any of them may answer."""
        return all(candidate.model.structured_output for candidate in self._candidates)

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[list[Delta]]]:
        """As `streaming.model.chat_model.ChatModel.stream`, but entering waits until a model has begun to answer.

        Raises the `ModelError` of the last model called, or `NoPlace` directly, or `OtherShape` if the next model needs
        a request of another shape than `request.shape`.
        """
        async with AsyncExitStack() as stack:
            begun = await self._begin(request, stack)
            async with aclosing(_batches(begun)) as batches:
                # The model's own text in the middle of the answer does not pass through `_batches`.
                direct = begun.rest.direct if isinstance(begun.rest, DirectBatches) else Direct()
                yield DirectBatches(batches, direct)

    async def _begin(self, request: ChatRequest, stack: AsyncExitStack) -> _Begun:
        fault: ModelError | None = None
        for place, candidate in enumerate(self._candidates):
            if place < request.from_model:
                continue
            attempts = 0
            # The request was built for the first of the models that it names.
            if place > request.from_model and self._needs_another(place, request, candidate):
                raise OtherShape(place)
            while (attempt := candidate.breaker.admit(trio.current_time())) is not None:
                attempts += 1
                begun = await self._ask(candidate.model, attempt, request, stack)
                if isinstance(begun, _Begun):
                    candidate.late = None
                    if self._on_begun is not None:
                        self._on_begun(place)
                    return begun
                fault = begun
                if fault.code is ErrorCode.MODEL_TIMEOUT:
                    candidate.late = trio.current_time(), fault
                if self._on_fault is not None:
                    self._on_fault(candidate.model.name, fault.code)
                delay_s = self._retry.delay_s(fault, attempts, self._random)
                log.warning(
                    "model_failed",
                    model=candidate.model.name,
                    code=fault.code.value,
                    reason=fault.message,
                    setting=fault.setting,
                    attempt=attempts,
                    retry_in_s=None if delay_s is None else round(delay_s, 3),
                )
                if delay_s is None:
                    break
                await trio.sleep(delay_s)
        raise fault or self._all_resting()

    def _needs_another(self, place: int, request: ChatRequest, candidate: _Candidate) -> bool:
        if request.shape is None or self._shape_of is None or self._shape_of(place) == request.shape:
            return False
        return candidate.breaker.state(trio.current_time()) != "open"

    async def _ask(
        self, model: StreamingModel, attempt: Attempt, request: ChatRequest, stack: AsyncExitStack
    ) -> _Begun | ModelError:
        """One attempt: an answer whose connection `stack` closes, or the error before it began."""
        settled = False
        try:
            async with AsyncExitStack() as opened:
                batches = await opened.enter_async_context(model.stream(request))
                first: list[list[Delta]] = []
                async for batch in batches:
                    first.append(batch)
                    # A token count alone is not the beginning of an answer.
                    if not all(isinstance(delta, UsageDelta) for delta in batch):
                        break
                attempt.begin()
                settled = True
                stack.push_async_exit(opened.pop_all())
                return _Begun(attempt, first, batches)
        except NoPlace:
            raise
        except ModelError as error:
            _failed(attempt, error)
            settled = True
            return error
        finally:
            if not settled:  # cancelled, or not called
                attempt.abandon()

    def _all_resting(self) -> ModelError:
        wait_s = min(candidate.breaker.wait_s(trio.current_time()) for candidate in self._candidates)
        return ModelError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"The model has failed several times and is left alone for {max(1, math.ceil(wait_s))} s. Try again then.",
            retryable=True,
        )


async def _batches(begun: _Begun) -> AsyncGenerator[list[Delta], None]:
    try:
        for batch in begun.first:
            yield batch
        async for batch in begun.rest:
            yield batch
    except ModelError as error:
        _failed(begun.attempt, error)
        raise
    begun.attempt.succeed()
