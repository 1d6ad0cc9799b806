"""The answer pipeline: accepts chat requests and answers them.

The device sockets and the REST routes share it. They differ in where frames go and which device serves tools.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from uuid import UUID

import trio

from agents.orchestrator import Orchestrator
from agents.turn import Scope, Turn
from server.answers.answer import Answer, AnswerParts, Status
from server.answers.request_ids import RequestIds
from server.devices import DeviceRegistry, RemoteDevice, ToolTimeouts
from server.memory_service import AnswerMemory, NoMemory
from server.models import TokenSpending
from server.requests import AnswerLimits, ChatInput, Claim, DuplicateRequest, Emit, RequestRefused
from server.telemetry import LiveRequest, Metrics, Span
from streaming.wire import AnswerFrame, ErrorCode, StreamText, WsStreamEnd


class AnswerPipeline:
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
        self._running: dict[tuple[UUID, UUID], Answer] = {}
        self._parts = AnswerParts(
            orchestrator, registry, metrics, self._ids, limits, self._spending, self.memory, claim, trace
        )

    def live(self) -> list[LiveRequest]:
        """The requests that run, for an operator."""
        return [answer.live() for answer in self._running.values()]

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
        key = (chat.user_id, chat.request_id)
        ended = partial(self._running.pop, key, None)
        answer = self._running[key] = Answer(self._parts, chat, device, turn, self._wall_clock(), ended)
        return answer

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
