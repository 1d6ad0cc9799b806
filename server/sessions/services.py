"""What every session shares; the session host makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from server.answers import AnswerPipeline
from server.devices import DeviceRegistry
from server.sessions.kept import KeptAnswers
from server.sessions.limits import SessionLimits
from server.sessions.mirrored_requests import MirroredRequest, MirroredRequests
from server.sessions.running_request import RunningRequest


@dataclass(frozen=True, slots=True)
class SessionServices:
    """`running` holds the running requests of this process by user and request id.

    `mirrors` holds those of other processes that a session follows. `run` runs a request in the server's nursery,
    `start` any other task, with its arguments.
    """

    pipeline: AnswerPipeline
    registry: DeviceRegistry
    limits: SessionLimits
    kept: KeptAnswers
    running: dict[tuple[UUID, UUID], RunningRequest]
    mirrors: MirroredRequests
    run: Callable[[RunningRequest], None]
    start: Callable[..., None]

    def followed(self, user_id: UUID, request_id: UUID) -> RunningRequest | MirroredRequest | None:
        """A request that sessions can follow: it runs here, or a session follows it where it runs."""
        return self.running.get((user_id, request_id)) or self.mirrors.find(user_id, request_id)
