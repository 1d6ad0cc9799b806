"""What a session answers about a request that does not run in this process."""

from __future__ import annotations

from typing import Final, Protocol
from uuid import UUID

from server.requests import ChatInput, DuplicateRequest, NotReached, is_same_request
from server.sessions.kept import KeptAnswer
from server.sessions.mirrored_requests import MirroredRequest
from server.sessions.services import SessionServices
from streaming.wire import ErrorCode, ServerFrame

OTHER_MESSAGE: Final = "This request id belongs to another message, conversation or history. Choose a new id."


class Asker(Protocol):
    """The session that asks."""

    @property
    def user_id(self) -> UUID: ...

    @property
    def device_id(self) -> UUID: ...

    def follow(self, request: MirroredRequest) -> None: ...

    def refuse(self, code: ErrorCode, message: str, request_id: UUID | None = None) -> None: ...

    def send_control(self, frame: ServerFrame) -> None: ...


async def send_again(asker: Asker, services: SessionServices, chat: ChatInput, duplicate: DuplicateRequest) -> None:
    """A request was sent again: follow it where it runs, or send its kept answer."""
    kept = await services.kept.find(asker.user_id, chat.request_id)
    if kept is None:
        asker.refuse(duplicate.code, str(duplicate), chat.request_id)
    elif not is_same_request(kept.fingerprint, chat):
        asker.refuse(ErrorCode.DUPLICATE_REQUEST, OTHER_MESSAGE, chat.request_id)
    else:
        _follow_or_send(asker, services, kept)


async def send_result(asker: Asker, services: SessionServices, request_id: UUID) -> None:
    """A request is watched: follow it where it runs, or send its kept answer."""
    kept = await services.kept.find(asker.user_id, request_id)
    if kept is None:
        message = "No such request is running, and no answer of it is kept."
        asker.refuse(ErrorCode.UNKNOWN_REQUEST, message, request_id)
    else:
        _follow_or_send(asker, services, kept)


async def cancel_elsewhere(asker: Asker, services: SessionServices, request_id: UUID) -> None:
    """Cancel a request of this device that does not run in this process.

    If its process can't be reached, the device is told that the request runs on, and gets its result later.
    """
    kept = await services.kept.find(asker.user_id, request_id)
    try:
        if kept is None or kept.device_id != asker.device_id or not await services.mirrors.cancel(kept):
            asker.refuse(ErrorCode.UNKNOWN_REQUEST, "No such request is running on this device.", request_id)
    except NotReached:
        if kept is not None:
            _follow_or_send(asker, services, kept)


def _follow_or_send(asker: Asker, services: SessionServices, kept: KeptAnswer) -> None:
    if kept.server_id is not None and kept.result.status == "running":
        asker.follow(services.mirrors.copy_of(kept, kept.server_id))
    else:
        asker.send_control(kept.result)
