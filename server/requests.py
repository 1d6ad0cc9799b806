"""One chat request as it enters the answer pipeline, and the pipeline as its callers see it.

The device sockets and `POST /api/v1/chat` both make a `ChatInput` and pass it to the pipeline.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol
from uuid import UUID

from person import StatedLocale
from streaming.chat import Message
from streaming.wire import (
    AnswerFrame,
    ErrorCode,
    ServerFrame,
    WsFailure,
    WsHomeRequest,
    WsPopupRequest,
    WsRequestResult,
    WsScope,
    WsStreamEnd,
)

BLOCK_OPEN: Final = "block_open"
"""The feature that a client names to receive a frame when a block begins."""

TOOL_EVENTS: Final = "tool_events"
"""The feature that a client names to receive a frame when a tool call of the answer begins or ends."""

Emit = Callable[[ServerFrame], Awaitable[None]]
"""Takes one frame of the answer, with `seq` 0. Returns when there is room for the next frame."""

EmitFast = Callable[[AnswerFrame], Awaitable[None] | None]
"""Like `Emit`, for a receiver that also takes text as `StreamText`, as it comes.

The call itself takes the frame. It returns what to await before the next frame, or None: then nothing waits.
"""


@dataclass(frozen=True, slots=True)
class ChatInput:
    """A validated request. `history` is oldest first. `scope` is set if and only if `mode` is popup.

    `device_id` names the device whose tools the agents may call; None means the user's latest connected one.
    The episode is stored under `conversation_id`. `block_open`: the client wants `block_open` frames. `tool_events`: it
    wants `tool_event` frames. `locales`: what the request and its device say about the person's locale, the most
    important first.
    """

    request_id: UUID
    user_id: UUID
    message: str
    mode: Literal["home", "popup"]
    history: tuple[Message, ...] = ()
    scope: WsScope | None = None
    conversation_id: str | None = None
    device_id: UUID | None = None
    block_open: bool = False
    tool_events: bool = False
    locales: tuple[StatedLocale, ...] = ()


def chat_input(
    frame: WsHomeRequest | WsPopupRequest,
    request_id: UUID,
    user_id: UUID,
    device_id: UUID,
    *,
    block_open: bool,
    tool_events: bool = False,
    locale: StatedLocale | None = None,
) -> ChatInput:
    """`frame` as a request with `request_id`. The device that sent it serves the tools and says its `locale`."""
    locales = () if locale is None else (locale,)
    match frame:
        case WsHomeRequest():
            return ChatInput(
                request_id=request_id,
                user_id=user_id,
                message=frame.message,
                mode="home",
                history=tuple(Message(turn.role, turn.content) for turn in frame.conversation_history),
                conversation_id=frame.conversation,
                device_id=device_id,
                block_open=block_open,
                tool_events=tool_events,
                locales=locales,
            )
        case WsPopupRequest():
            return ChatInput(
                request_id=request_id,
                user_id=user_id,
                message=frame.message,
                mode="popup",
                scope=frame.scope,
                conversation_id=frame.conversation,
                device_id=device_id,
                tool_events=tool_events,
                locales=locales,
            )


def fingerprint(chat: ChatInput) -> bytes:
    """A digest of the question with its conversation and history: a version byte and a SHA-256.

    Compare it with `is_same_request`.
    """
    history = [[turn.role, turn.content] for turn in chat.history]
    return b"\x02" + _sha256([*_question(chat), chat.conversation_id, history])


def is_same_request(known: bytes, chat: ChatInput) -> bool:
    """Whether `known` is the fingerprint of a request that asks the same as `chat`.

    Earlier versions kept 32 bytes, a digest of the question alone.
    """
    if len(known) == hashlib.sha256().digest_size:
        return known == _sha256(_question(chat))
    return known == fingerprint(chat)


def _question(chat: ChatInput) -> list[object]:
    return [chat.mode, chat.message, None if chat.scope is None else [chat.scope.type, chat.scope.id]]


def _sha256(value: list[object]) -> bytes:
    return hashlib.sha256(json.dumps(value).encode()).digest()


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """`request_s` bounds a request in seconds. `concurrent` is how many may run together per device or REST user.

    `per_user`: how many may run together on all devices of a user and over REST.

    The id of a request that has ended stays used for `remembered_s` seconds.
    """

    request_s: float
    concurrent: int
    max_message_chars: int
    remembered_s: float = 600.0
    per_user: int = 16


class RequestRefused(Exception):
    """The request was not accepted and nothing ran: a duplicate id, a limit, a stopping server."""

    def __init__(self, code: ErrorCode, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


class DuplicateRequest(RequestRefused):
    """The request id is in use, or was used recently."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.DUPLICATE_REQUEST, "This request id is in use or was used recently.")


class RequestClaims(Protocol):
    """The request ids that are in use at any server of the database. The methods raise nothing but `Cancelled`."""

    async def claim(self, chat: ChatInput, ttl_s: float) -> Literal["claimed", "taken", "too_many", "unknown"]:
        """Take a request's id into use at every server, for at most `ttl_s` seconds.

        `taken`: it is known already. `too_many`: too many requests of its user run at all servers together. `unknown`:
        the database did not answer. Shielded, because after a cancellation nobody would know whether the id is taken.
        """
        ...

    async def release(self, chat: ChatInput) -> None:
        """Give back an id that is in use, or may be: nothing ran under it."""
        ...

    async def changing(self, chat: ChatInput) -> bool:
        """Record that a call of the request may change data from now on.

        Returns False if other servers treat this server as gone and the request as failed, or may soon: then it must
        change nothing.
        """
        ...


class RequestFailed(Exception):
    """An accepted request can't be answered. `failure` goes into its last frame."""

    def __init__(self, failure: WsFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class ListedRequest:
    """A request in a list of a user's requests.

    `reason` is the code of its error, if it is known without the encrypted answer. `device_id` is None if no device
    asked. `ended_at` is None while the request runs, and until its answer is stored.
    """

    request_id: UUID
    state: Literal["running", "completed", "failed", "cancelled"]
    reason: ErrorCode | str | None
    device_id: UUID | None
    created_at: datetime
    ended_at: datetime | None


class NotListed(Exception):
    """The requests can't be listed, because the database can't be reached or the server has none."""


class NotReached(Exception):
    """A request runs at a process that can't be reached from here. It goes on."""


class KnownRequests(Protocol):
    """The requests that run at any process, and the ended ones whose answer is kept."""

    async def page(self, user_id: UUID, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedRequest]:
        """At most `limit` of this user's requests, the newest first, after `before`: `created_at` and id of a request.

        Raises `NotListed`.
        """
        ...

    async def result(self, user_id: UUID, request_id: UUID) -> WsRequestResult | None:
        """The state of this user's request; None if it is unknown or its answer is no longer kept."""
        ...

    async def cancel(self, user_id: UUID, request_id: UUID) -> bool:
        """Cancel this user's request. Returns False if it does not run. Raises `NotReached`."""
        ...

    def runs_in(self, user_id: UUID, conversation_id: str) -> bool:
        """Whether a request of this user's conversation runs at this process."""
        ...


class ChatRunner(Protocol):
    """Runs the whole pipeline for one request."""

    async def run(self, request: ChatInput, *, emit: Emit) -> WsStreamEnd:
        """Answer `request`: call `emit` with each frame in order and return the `stream_end`, which is not emitted.

        Raises `RequestRefused` before the first frame if the request is not accepted. A later failure is an outcome
        (`status` failed, with an `error`), not an exception. Cancelling the caller cancels the request: the model's
        stream is closed and open tool calls are withdrawn before `trio.Cancelled` is raised. An exception from `emit`
        ends the request in the same way and is raised.
        """
        ...
