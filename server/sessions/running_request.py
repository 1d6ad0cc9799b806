"""One running request: its task, its log, and the feeds of the sessions that follow it.

The request belongs to the session host's nursery, not to a socket. It ends by finishing, by `cancel`, by its own
timeout, or with `fail`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from uuid import UUID

import structlog
import trio

from server.answers import Answer
from server.requests import ChatInput, DuplicateRequest, RequestRefused, fingerprint
from server.sessions.feed import Feed
from server.sessions.log_room import LogRoom
from server.sessions.outbox import Outbox
from server.sessions.request_log import RequestLog
from sql.owners import urgent
from streaming.wire import AnswerFrame, ErrorCode, ServerFrame, WsError, WsFailure, WsMutationRecord, WsStreamEnd

log = structlog.get_logger(__name__)

_FAULT: Final = WsFailure(
    code=ErrorCode.INTERNAL, message="The server failed to answer; the fault is logged.", retryable=True
)


class Follower(Protocol):
    """A session, as a request that it follows sees it."""

    @property
    def outbox(self) -> Outbox: ...

    @property
    def room(self) -> LogRoom:
        """The bound of its requests' logs."""
        ...

    def send_control(self, frame: ServerFrame) -> None: ...

    def answer_duplicate(self, chat: ChatInput, duplicate: DuplicateRequest) -> None:
        """The id of the request is known already: nothing ran."""
        ...

    async def wait_for_log_room(self) -> None:
        """Wait until the logs are within their bound. Raises `RequestFailed` if no waiting can help."""
        ...


class RunningRequest:
    """An accepted request. `run` it once. `owner` is the session that asked; its socket slows the request down."""

    def __init__(self, chat: ChatInput, answer: Answer, owner: Follower, max_log_bytes: int) -> None:
        self.chat = chat
        self.fingerprint = fingerprint(chat)
        self.log = RequestLog(chat.request_id, max_log_bytes)
        self.owner = owner
        # Exists before the task runs, so that a `cancel` frame that follows immediately finds it.
        self._scope = trio.CancelScope()
        self._stopping = False
        self._answer = answer
        self._failure: WsFailure | None = None
        # The owner is the last one.
        self._feeds: list[tuple[Follower, Feed]] = []
        self._room = owner.room
        self._over = trio.Event()
        self._ended = False
        self.late_changes: list[WsMutationRecord] = []
        """Changes that became known while the end was being kept."""

    def __repr__(self) -> str:
        return f"<RunningRequest {self.chat.request_id} with {len(self._feeds)} feeds>"

    @property
    def request_id(self) -> UUID:
        return self.chat.request_id

    def follow(self, follower: Follower, feed: Feed) -> None:
        """Tell `feed` of every further entry."""
        self.unfollow(follower)
        at = len(self._feeds) if follower is self.owner else 0
        self._feeds.insert(at, (follower, feed))

    def unfollow(self, follower: Follower) -> None:
        """Tell this session of no further entry. The request runs on."""
        self._feeds = [(other, feed) for other, feed in self._feeds if other is not follower]

    def followers(self) -> list[Follower]:
        """The sessions that follow the request."""
        return [follower for follower, _ in self._feeds]

    @property
    def time_zone(self) -> str:
        """The person's time zone, an IANA name."""
        return self._answer.time_zone

    def changed(self, record: WsMutationRecord) -> None:
        """The device made a change for this request."""
        if self._ended:
            self.late_changes.append(record)
        else:
            self._answer.changed(record)

    def cancel(self) -> None:
        """The person stopped the answer."""
        self._stop()

    async def ended(self) -> None:
        """Wait until the request has ended."""
        await self._over.wait()

    def fail(self, failure: WsFailure) -> None:
        """End the request as failed."""
        self._failure = self._failure or failure
        self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._scope.cancel()
        # Not when the cancelled task runs next: until then the model would go on, and cost tokens.
        self._answer.hang_up()

    async def run(self, done: Callable[[RunningRequest, WsStreamEnd | None], Awaitable[None]]) -> None:
        """Answer. Then await `done` with the end, or with None if the request was refused and nothing ran."""
        try:
            # A person also waits for the end. It must not queue behind background work for a connection.
            with structlog.contextvars.bound_contextvars(request_id=str(self.request_id)), urgent():
                await self._run(done)
        finally:
            self._answer.close()
            self._over.set()

    async def _run(self, done: Callable[[RunningRequest, WsStreamEnd | None], Awaitable[None]]) -> None:
        try:
            with self._scope:
                await self._answer.run(self._emit)
            if self._scope.cancelled_caught:
                if self._failure is not None:
                    self._answer.fail(self._failure)
                else:
                    self._cut_unsent()
        except RequestRefused as refused:
            followers = {self.owner: None} | dict.fromkeys(self.followers())
            self._answer.close()
            await done(self, None)
            for follower in followers:
                self._refuse(follower, refused)
            return
        # The boundary of one request: a fault ends this request and touches no other.
        except Exception:
            log.exception("request_failed", code=ErrorCode.INTERNAL)
            self._answer.fail(_FAULT)
        await self._answer.check_quota()
        end = self._answer.end()
        self._ended = True
        await done(self, end)

    async def store(self) -> None:
        """Store the exchange in memory. Raises nothing but `Cancelled`."""
        await self._answer.store()

    def push(self, frame: AnswerFrame) -> bool:
        """Log `frame`, then send or queue it. True: it was sent to the owner directly."""
        size = self.log.append(frame)
        self._room.used += size
        sent = False
        for follower, feed in self._feeds:
            sent = follower.outbox.pushed(feed, frame, size)
        return sent

    def _emit(self, frame: AnswerFrame) -> Awaitable[None] | None:
        # No checkpoint around a direct send: the request waits for its model between two tokens.
        if self._stopping:
            return self._emit_unless_stopped(frame)
        # As `push`, without the call: this runs per token.
        size, room, sent = self.log.append(frame), self._room, False
        room.used += size
        for follower, feed in self._feeds:
            sent = follower.outbox.pushed(feed, frame, size)
        return None if sent and room.used <= room.max_bytes else self._wait_for_room(sent=sent)

    async def _emit_unless_stopped(self, frame: AnswerFrame) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        await self._wait_for_room(sent=self.push(frame))

    async def _wait_for_room(self, *, sent: bool) -> None:
        if self._room.full:
            async with self._answer.without_places():
                await self.owner.wait_for_log_room()
        elif sent:
            return
        if self.owner.outbox.full:
            # A client that reads slowly must not keep others from calling the model.
            async with self._answer.without_places():
                await self.owner.outbox.wait_for_room()
        else:
            await trio.lowlevel.checkpoint()

    def _cut_unsent(self) -> None:
        """The person stopped the answer: drop from the log what no session was sent."""
        if self._feeds:
            at, sent = max((feed.at, feed.sent) for _, feed in self._feeds)
            self.log.cut(at, sent)

    def _refuse(self, follower: Follower, refused: RequestRefused) -> None:
        if isinstance(refused, DuplicateRequest):  # at another server, or before this one started
            follower.answer_duplicate(self.chat, refused)
        else:
            follower.send_control(
                WsError(
                    code=refused.code, message=str(refused), retryable=refused.retryable, request_id=self.request_id
                )
            )
