"""Sends the kept result of an ended request to a session's client."""

from __future__ import annotations

from typing import Final, Protocol
from uuid import UUID

from server.requests import ChatInput, DuplicateRequest, fingerprint
from server.sessions.kept import KeptAnswers
from streaming.wire import ErrorCode, ServerFrame

OTHER_MESSAGE: Final = "This request id belongs to another message; choose a new id."


class Client(Protocol):
    """A session, as this module sees it."""

    @property
    def user_id(self) -> UUID: ...

    def send_control(self, frame: ServerFrame) -> None: ...

    def refuse(self, code: ErrorCode, message: str, request_id: UUID | None = None) -> None: ...


async def send_result(client: Client, kept: KeptAnswers, request_id: UUID) -> None:
    """Send the result of a request of this user, or an error if none is kept."""
    found = await kept.find(client.user_id, request_id)
    if found is None:
        message = "No such request is running, and no answer of it is kept."
        client.refuse(ErrorCode.UNKNOWN_REQUEST, message, request_id)
    else:
        client.send_control(found.result)


async def send_kept(client: Client, kept: KeptAnswers, chat: ChatInput, duplicate: DuplicateRequest) -> None:
    """The id of a new request is known: send what is kept under it, if that is the answer to the same question."""
    found = await kept.find(client.user_id, chat.request_id)
    if found is None:
        client.refuse(duplicate.code, str(duplicate), chat.request_id)
    elif found.fingerprint != fingerprint(chat):
        client.refuse(ErrorCode.DUPLICATE_REQUEST, OTHER_MESSAGE, chat.request_id)
    else:
        client.send_control(found.result)
