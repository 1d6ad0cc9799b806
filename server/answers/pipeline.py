"""The answer pipeline: accepts chat requests and answers them.

The device sockets and the REST routes share it. They differ in where frames go and which device serves tools.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from agents.orchestrator import Orchestrator
from agents.turn import Scope, Turn
from person import StatedLocale, resolve_locale
from server.answers.admission import Admission
from server.answers.answer import Answer, AnswerParts
from server.devices import DeviceRegistry, RemoteDevice, ToolTimeouts
from server.memory_service import AnswerMemory
from server.models import TokenSpending
from server.requests import AnswerLimits, ChatInput, RequestClaims
from server.telemetry import LiveRequest, Metrics, Span


class AnswerPipeline:
    """Accepts requests and answers them."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        registry: DeviceRegistry,
        metrics: Metrics,
        timeouts: ToolTimeouts,
        limits: AnswerLimits,
        wall_clock: Callable[[], float],
        memory: AnswerMemory,
        spending: TokenSpending | None = None,
        claims: RequestClaims | None = None,
        trace: Callable[[Span], None] | None = None,
    ) -> None:
        self.memory = memory
        self._registry = registry
        self._metrics = metrics
        self._timeouts = timeouts
        self._wall_clock = wall_clock
        spending = spending or TokenSpending(None, wall_clock)
        self._admission = Admission(limits, spending, metrics, claims)
        self._parts = AnswerParts(orchestrator, metrics, limits, self.memory, trace)
        self._running: dict[tuple[UUID, UUID], Answer] = {}

    def live(self) -> list[LiveRequest]:
        """The requests that run, for an operator."""
        return [answer.live() for answer in self._running.values()]

    def drain(self) -> None:
        """Accept no further request."""
        self._admission.drain()

    def accept(self, chat: ChatInput, *, source: UUID) -> Answer:
        """Take the request, or raise `RequestRefused`. The caller must `close` the answer in every case.

        `source`: see `Admission.reserve`.
        """
        reservation = self._admission.reserve(chat, source)
        locales = self._locales(chat)
        device = RemoteDevice(
            self._registry,
            chat.user_id,
            chat.device_id,
            chat.request_id,
            self._timeouts,
            self._metrics,
            reservation.changing,
        )
        turn = Turn(
            message=chat.message,
            mode=chat.mode,
            device=device,
            history=chat.history,
            scope=Scope(chat.scope.type, chat.scope.id) if chat.scope else None,
            now_ms=int(self._wall_clock() * 1000),
            locale=resolve_locale(*locales),
            usage=reservation.entry.usage,
        )
        key = (chat.user_id, chat.request_id)
        ended = partial(self._running.pop, key, None)
        answer = Answer(self._parts, chat, device, turn, self._wall_clock(), locales, reservation, ended)
        self._running[key] = answer
        return answer

    def _locales(self, chat: ChatInput) -> list[StatedLocale]:
        """What the request says about the person's locale, then the device that serves its tools, if it is here."""
        link = self._registry.find(chat.user_id, chat.device_id)
        device = [link.locale] if link is not None and link.locale is not None else []
        return [*chat.locales, *device]
