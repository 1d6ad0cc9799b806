"""Spans of a request, in the GenAI semantic conventions of OpenTelemetry, without contents.

The current span is in a context variable, so code that runs for a request joins its trace without a parameter. Without
tracing the cost is one look-up of the variable. Ended spans are passed to `export`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    aclosing,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import trio

from agents.model import Model
from streaming.chat import ChatRequest, Delta, FinishDelta, UsageDelta

Attribute = str | int | float | bool | list[str]


class SpanKind(IntEnum):
    """The kinds of spans, with OTLP's numbers."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3


@dataclass(slots=True)
class Span:
    """One operation. Ids are hexadecimal, times in nanoseconds since the epoch; `fault` is an error code or class."""

    name: str
    kind: SpanKind
    trace_id: str
    parent_id: str
    export: Callable[[Span], None] = field(repr=False)
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))
    started_ns: int = field(default_factory=time.time_ns)
    ended_ns: int = 0
    attributes: dict[str, Attribute] = field(default_factory=dict)
    fault: str | None = None

    def note(self, attributes: Mapping[str, Attribute | None]) -> None:
        """Add attributes; those without a value are left out."""
        self.attributes |= {name: value for name, value in attributes.items() if value is not None}

    def failed(self, error_type: str) -> None:
        """Mark the span as failed. `error_type` is an error code or a class name, never a message."""
        self.fault = error_type
        self.attributes["error.type"] = error_type

    def end(self) -> None:
        """End the span and export it. Call it once."""
        self.ended_ns = time.time_ns()
        self.export(self)


_current: Final[ContextVar[Span | None]] = ContextVar("tessera_span", default=None)
_NO_SPAN: Final[AbstractContextManager[Span | None]] = nullcontext()
_entering: Final[ContextVar[Span | None]] = ContextVar("tessera_model_call", default=None)


def root_span(
    export: Callable[[Span], None] | None, name: str, attributes: Mapping[str, Attribute | None]
) -> AbstractContextManager[Span | None]:
    """Start a trace for the length of the block. Without `export`, gives None and does nothing."""
    if export is None:
        return _NO_SPAN
    return _running(Span(name, SpanKind.SERVER, secrets.token_hex(16), "", export), attributes)


def span(
    name: str, attributes: Mapping[str, Attribute | None], kind: SpanKind = SpanKind.INTERNAL
) -> AbstractContextManager[Span | None]:
    """Start a child of the task's current span. Without one, gives None and does nothing."""
    parent = _current.get()
    if parent is None:
        return _NO_SPAN
    return _running(Span(name, kind, parent.trace_id, parent.span_id, parent.export), attributes)


@contextmanager
def _running(opened: Span, attributes: Mapping[str, Attribute | None]) -> Iterator[Span]:
    opened.note(attributes)
    token = _current.set(opened)
    try:
        yield opened
    except BaseException as error:
        opened.failed("cancelled" if isinstance(error, trio.Cancelled) else type(error).__name__)
        raise
    finally:
        _current.reset(token)
        opened.end()


def usage_attributes(input_tokens: int, output_tokens: int) -> dict[str, Attribute | None]:
    """The token counts of a model call or of a whole request, as attributes."""
    return {"gen_ai.usage.input_tokens": input_tokens, "gen_ai.usage.output_tokens": output_tokens}


def answered_by(name: str, provider: str) -> None:
    """Record which model answers the call that this task is opening; after failover it is not the first one."""
    called = _entering.get()
    if called is not None:
        called.name = f"chat {name}"
        called.note(
            {"gen_ai.provider.name": provider, "gen_ai.request.model": name, "gen_ai.response.model": name},
        )


class TracedModel:
    """An `agents.model.Model` that traces each call of `model` as a span `chat NAME`.

    `name` and `provider` are those of the first model, until `answered_by` records the model that answers.
    """

    def __init__(self, model: Model, name: str, provider: str) -> None:
        self._model = model
        self._name = name
        self._provider = provider

    @property
    def structured_output(self) -> bool:
        return self._model.structured_output

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        """See `agents.model.Model`."""
        parent = _current.get()
        if parent is None:
            async with self._model.stream(request) as batches:
                yield batches
            return
        # This span does not become the current one, because the body of this context is the agent's work.
        called = Span(f"chat {self._name}", SpanKind.CLIENT, parent.trace_id, parent.span_id, parent.export)
        called.note(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": self._provider,
                "gen_ai.request.model": self._name,
                "gen_ai.request.max_tokens": request.max_tokens,
                "gen_ai.request.temperature": request.temperature,
            }
        )
        try:
            async with AsyncExitStack() as stack:
                token = _entering.set(called)
                try:
                    batches = await stack.enter_async_context(self._model.stream(request))
                finally:
                    _entering.reset(token)
                yield await stack.enter_async_context(aclosing(_watched(batches, called)))
        except BaseException as error:
            code = getattr(error, "code", None)
            called.failed("cancelled" if isinstance(error, trio.Cancelled) else str(code or type(error).__name__))
            raise
        finally:
            called.end()


async def _watched(batches: AsyncIterator[Sequence[Delta]], called: Span) -> AsyncGenerator[Sequence[Delta], None]:
    first = True
    async for batch in batches:
        if first:
            first = False
            called.note({"gen_ai.response.time_to_first_chunk": (time.time_ns() - called.started_ns) / 1e9})
        for delta in batch:
            if isinstance(delta, UsageDelta):
                called.note(usage_attributes(delta.input_tokens, delta.output_tokens))
            elif isinstance(delta, FinishDelta):
                called.note({"gen_ai.response.finish_reasons": [str(delta.reason)]})
        yield batch
