"""What every answer works with, put together once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from agents.orchestrator import Orchestrator
from server.answer import AnswerLimits, Claim
from server.devices import DeviceRegistry
from server.metrics import Metrics
from server.remembering import AnswerMemory
from server.request_ids import RequestIds
from server.tracing import Span

if TYPE_CHECKING:
    from server.answering import Answer


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """What every answer works with; `ended` is told of its end, `trace` gets its spans."""

    orchestrator: Orchestrator
    registry: DeviceRegistry
    metrics: Metrics
    ids: RequestIds
    limits: AnswerLimits
    spend: Callable[[UUID, int], None]
    memory: AnswerMemory
    claim: Claim | None
    ended: Callable[[Answer], None]
    trace: Callable[[Span], None] | None
