"""What every session shares; the session host makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from server.answers import AnswerPipeline
from server.devices import DeviceRegistry
from server.sessions.kept import KeptAnswers
from server.sessions.limits import SessionLimits
from server.sessions.running_request import RunningRequest


@dataclass(frozen=True, slots=True)
class SessionServices:
    """`running` holds the running requests of this process by user and request id.

    `run` runs a request in the server's nursery, `start` any other task, with its arguments.
    """

    pipeline: AnswerPipeline
    registry: DeviceRegistry
    limits: SessionLimits
    kept: KeptAnswers
    running: dict[tuple[UUID, UUID], RunningRequest]
    run: Callable[[RunningRequest], None]
    start: Callable[..., None]
