"""One chat request from its acceptance to its end: route, run the agent, format, count, report.

The device socket and the REST fallback share it: they differ only in where frames go and which device serves tools.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

import structlog
import trio

from agents.binding import Binder
from agents.orchestrator import Orchestrator
from agents.registry import BY_ENTITY
from agents.turn import Scope, Turn
from server.answers.answer_parts import AnswerParts
from server.answers.emitter import Emitting
from server.answers.popup_scope import resolve_scope
from server.answers.repairs import corrected_blocks
from server.answers.report import record_end
from server.answers.request_ids import RequestIds
from server.devices import DeviceRegistry, RemoteDevice, ToolTimeouts
from server.memory_service import AnswerMemory, NoMemory, RecalledContext
from server.models import TokenSpending
from server.requests import (
    AnswerLimits,
    ChatInput,
    Claim,
    DuplicateRequest,
    Emit,
    EmitFast,
    RequestFailed,
    RequestRefused,
)
from server.telemetry import (
    LiveRequest,
    Metrics,
    Span,
    agent_span,
    live_request,
    note_end,
    note_route,
    request_span,
    span,
)
from streaming.answer import HomeFormatter, PopupFormatter
from streaming.model import ModelError
from streaming.wire import AnswerFrame, ErrorCode, StreamText, WsFailure, WsStreamEnd, WsUsage

log = structlog.get_logger(__name__)

Status = Literal["completed", "cancelled", "failed"]

_INTERNAL: Final = WsFailure(
    code=ErrorCode.INTERNAL, message="The server failed to answer; the fault is logged.", retryable=True
)


class Answering:
    """Accepts requests and answers them. Implements `server.requests.ChatRunner` for the REST fallback."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        registry: DeviceRegistry,
        metrics: Metrics,
        timeouts: ToolTimeouts,
        limits: AnswerLimits,
        wall_clock: Callable[[], float],
        spending: TokenSpending | None = None,
        memory: AnswerMemory | None = None,
        claim: Claim | None = None,
        trace: Callable[[Span], None] | None = None,
    ) -> None:
        self.memory: AnswerMemory = memory or NoMemory()
        self._registry = registry
        self._metrics = metrics
        self._timeouts = timeouts
        self._limits = limits
        self._wall_clock = wall_clock
        self._spending = spending or TokenSpending(None, wall_clock)
        self._ids = RequestIds()
        self._without_socket: Counter[UUID] = Counter()
        self._scopes: set[trio.CancelScope] = set()
        self._draining = False
        self._running: set[Answer] = set()
        self._parts = AnswerParts(
            orchestrator, registry, metrics, self._ids, limits, self._spending, self.memory, claim, self._end, trace
        )

    def live(self) -> list[LiveRequest]:
        """The requests that run, for an operator."""
        return [answer.live() for answer in self._running]

    def drain(self) -> None:
        """Accept no further request."""
        self._draining = True

    def cancel_all(self) -> None:
        """Cancel the requests that came without a socket; their callers are told so."""
        for scope in self._scopes:
            scope.cancel()

    def accept(self, chat: ChatInput, *, running: int) -> Answer:
        """Take the request, or raise `RequestRefused`. The caller must `close` the answer, whatever happens to it.

        `running` is how many requests the caller, one socket or one user of REST, has running already.
        """
        if self._draining:
            raise RequestRefused(ErrorCode.SERVER_DRAINING, "The server is stopping; try again.", retryable=True)
        if len(chat.message) > self._limits.max_message_chars:
            raise RequestRefused(
                ErrorCode.MESSAGE_TOO_LONG, f"A message has at most {self._limits.max_message_chars} characters."
            )
        # Before the limit: whoever sends an id again must not take its running request for a refused one.
        if self._ids.known(chat.user_id, chat.request_id, trio.current_time()):
            raise DuplicateRequest
        self._spending.check(chat.user_id)
        if running >= self._limits.concurrent:
            raise RequestRefused(
                ErrorCode.TOO_MANY_REQUESTS, f"At most {self._limits.concurrent} requests run at once.", retryable=True
            )
        self._ids.accept(chat.user_id, chat.request_id, trio.current_time())
        device = RemoteDevice(
            self._registry, chat.user_id, chat.device_id, chat.request_id, self._timeouts, self._metrics
        )
        turn = Turn(
            message=chat.message,
            mode=chat.mode,
            device=device,
            history=chat.history,
            scope=Scope(chat.scope.type, chat.scope.id) if chat.scope else None,
            now_ms=int(self._wall_clock() * 1000),
        )
        answer = Answer(self._parts, chat, device, turn, self._wall_clock())
        self._running.add(answer)
        return answer

    def _end(self, answer: Answer) -> None:
        self._running.discard(answer)

    async def run(self, request: ChatInput, *, emit: Emit) -> WsStreamEnd:
        """Answer a request that came without a socket; see `server.requests.ChatRunner`."""

        async def emit_models(frame: AnswerFrame) -> None:
            await emit(frame.to_model() if isinstance(frame, StreamText) else frame)

        answer = self.accept(request, running=self._without_socket[request.user_id])
        self._without_socket[request.user_id] += 1
        status: Status = "cancelled"
        scope = trio.CancelScope()
        self._scopes.add(scope)
        try:
            with scope:
                status = await answer.run(emit_models)
        finally:
            self._scopes.discard(scope)
            self._without_socket[request.user_id] -= 1
            if not self._without_socket[request.user_id]:
                del self._without_socket[request.user_id]
            answer.close(status)
        return answer.end(status)


class Answer:
    """One accepted request. `run` once, then `end` for its last frame and `close`."""

    def __init__(self, parts: AnswerParts, chat: ChatInput, device: RemoteDevice, turn: Turn, asked_at: float) -> None:
        self._parts = parts
        self._orchestrator = parts.orchestrator
        self._registry = parts.registry
        self._metrics = parts.metrics
        self._limits = parts.limits
        self._memory = parts.memory
        self._chat, self._device, self._turn = chat, device, turn
        self._asked_at = asked_at
        self._spans = ExitStack()
        self._state = "accepted"
        self._recalled = RecalledContext()
        self._agent: str | None = None
        self._announced = 0
        self._failure: WsFailure | None = None
        self._started = trio.current_time()
        self._first_token_seen = False
        if chat.mode == "popup":
            self._formatter: HomeFormatter | PopupFormatter = PopupFormatter(chat.request_id)
        else:
            found = turn.tool_results
            self._formatter = HomeFormatter(
                chat.request_id, found.resolve, Binder(found).bind, announce_opened=chat.block_open
            )

    def live(self) -> LiveRequest:
        """What it does now, for an operator."""
        age_s = trio.current_time() - self._started
        return live_request(self._chat, self._agent, self._state, age_s, self._device.live())

    async def run(self, emit: EmitFast) -> Literal["completed", "failed"]:
        """Answer, giving each frame but the last to `emit`. Only cancellation and what `emit` raises come out.

        And `RequestRefused`, before the first frame: another server has its id, or the day's tokens are spent.
        """
        with request_span(self._parts.trace, self._chat) as root, self._spans:
            status = await self._run(emit)
            note_end(root, self._agent, status, self._failure, self._turn.usage)
            return status

    async def _run(self, emit: EmitFast) -> Literal["completed", "failed"]:
        await self._parts.admit(self._chat)
        emitting = Emitting(emit, self._metrics.added_latency)
        try:
            with trio.fail_after(self._limits.request_s):
                await self._answer(emitting)
        except ModelError as error:
            self._failure = WsFailure(code=error.code, message=str(error), retryable=error.retryable)
            log.warning("request_failed", code=error.code, reason=str(error))
        except RequestFailed as failed:
            self._failure = failed.failure
            log.info("request_failed", code=failed.failure.code)
        except trio.TooSlowError:
            self._failure = WsFailure(
                code=ErrorCode.REQUEST_TIMEOUT,
                message=f"The answer took longer than {self._limits.request_s:g} s.",
                retryable=True,
            )
            log.warning("request_failed", code=ErrorCode.REQUEST_TIMEOUT)
        # The border of one request: a fault ends this request with `failed` and touches no other. What the caller's
        # own `emit` raised is the caller's to handle.
        except Exception as error:
            if emitting.raised is error:
                raise
            self._failure = _INTERNAL
            log.exception("request_failed", code=ErrorCode.INTERNAL)
        finally:
            self._announce_mutations()
        if self._failure is not None:
            return "failed"
        self._state = "storing"
        asked_at = datetime.fromtimestamp(self._asked_at, UTC)
        await self._memory.store(self._chat, emitting.text, self._agent, self._recalled, asked_at)
        return "completed"

    async def _answer(self, emit: Emitting) -> None:
        started = False
        scope = self._turn.scope
        if scope is not None:
            # The domain is known without a model, and is a popup's first frame: also before the device is asked.
            for frame in self._formatter.start(BY_ENTITY[scope.type].name):
                await emit(frame)
            started = True
            self._state = "scoping"
            await resolve_scope(scope, self._device, self._turn)
        self._state = "recalling"
        with span("recall", {}):
            self._recalled = await self._memory.recall(self._chat.user_id, self._chat.message)
        self._turn.memory = self._recalled.prompt
        self._state = "routing"
        with span("route", {}) as routing:
            agent_name, agent = await self._orchestrator.orchestrate_v3(self._turn)
            note_route(routing, agent_name, self._turn.routed_by)
        self._agent = agent_name
        self._state = "model"
        self._spans.enter_context(agent_span(agent_name))
        if not started:
            for frame in self._formatter.start(agent_name):
                await emit(frame)
        async with aclosing(agent.handle_stream()) as tokens:
            async for token in tokens:
                if not self._first_token_seen:
                    self._first_token_seen = True
                    self._state = "streaming"
                    self._metrics.first_token(self._chat.mode, trio.current_time() - self._started)
                emit.begin()
                for part in self._formatter.feed(token):
                    await emit(part)
                emit.end()
                if len(self._turn.mutations) > self._announced:
                    self._announce_mutations()
        for part in self._formatter.close():
            await emit(part)
        if isinstance(self._formatter, HomeFormatter):
            self._state = "repairing"
            for block in await corrected_blocks(agent, self._formatter, self._metrics):
                await emit(block)

    def _announce_mutations(self) -> None:
        for mutation in self._turn.mutations[self._announced :]:
            self._registry.announce(
                self._chat.user_id, mutation, origin=self._device.device_id, request_id=self._chat.request_id
            )
            self._memory.changed(self._chat.user_id, mutation)
        self._announced = len(self._turn.mutations)

    def end(self, status: Status) -> WsStreamEnd:
        """The request's last frame."""
        usage = self._turn.usage
        return WsStreamEnd(
            request_id=self._chat.request_id,
            status=status,
            mutations=list(self._turn.mutations),
            memory_used=list(self._recalled.used) or None,
            usage=WsUsage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens),
            error=self._failure if status == "failed" else None,
        )

    def close(self, status: Status) -> None:
        """Release the id, and record the outcome and what it cost."""
        self._parts.ended(self)
        self._parts.ids.finish(self._chat.user_id, self._chat.request_id, trio.current_time())
        usage = self._turn.usage
        self._parts.spending.spend(self._chat.user_id, usage.input_tokens + usage.output_tokens)
        record_end(self._metrics, self._chat, self._turn, self._formatter, status, trio.current_time() - self._started)
