"""What every answer works with, put together once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.orchestrator import Orchestrator
from server.answers.request_ids import REMEMBERED_S, RequestIds
from server.devices import DeviceRegistry
from server.memory_service import AnswerMemory
from server.models import TokenSpending
from server.requests import AnswerLimits, ChatInput, Claim, DuplicateRequest
from server.telemetry import Metrics, Span

if TYPE_CHECKING:
    from server.answers.pipeline import Answer


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """What every answer works with; `ended` is told of its end, `trace` gets its spans."""

    orchestrator: Orchestrator
    registry: DeviceRegistry
    metrics: Metrics
    ids: RequestIds
    limits: AnswerLimits
    spending: TokenSpending
    memory: AnswerMemory
    claim: Claim | None
    ended: Callable[[Answer], None]
    trace: Callable[[Span], None] | None

    async def admit(self, chat: ChatInput) -> None:
        """Raise `RequestRefused` when another server has the request's id, or the user's tokens of today are spent."""
        if self.claim is not None:
            kept_s = self.limits.request_s + REMEMBERED_S
            if not await self.claim(chat.user_id, chat.request_id, kept_s):
                raise DuplicateRequest
        await self.spending.admit(chat.user_id)
