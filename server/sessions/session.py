"""One device's session: its requests, its calls and what waits for its client. Sockets attach to it and detach.

A lost socket ends nothing. The session ends when no socket has been attached for the grace time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Literal
from uuid import UUID, uuid4

import structlog
import trio

from person import StatedLocale
from server.changes import Missed
from server.devices import NO_LOCALE, DeviceLocale, PendingReplies
from server.requests import ChatInput, DuplicateRequest, RequestRefused, chat_input, is_same_request
from server.sessions.calls import SessionCalls
from server.sessions.drain import drain_spread_ms
from server.sessions.features import known_features, wanted_frames
from server.sessions.feed import Feed
from server.sessions.kept import DropReason, KeptAnswer
from server.sessions.kept_results import OTHER_MESSAGE, cancel_elsewhere, send_again, send_result
from server.sessions.ledger import Ledger
from server.sessions.log_room import LogRoom, SessionLogs
from server.sessions.mirrored_requests import MirroredRequest
from server.sessions.outbox import Outbox, OutboxOverflow
from server.sessions.ready import device_ready
from server.sessions.running_request import RunningRequest
from server.sessions.services import SessionServices
from server.sessions.view import View
from server.telemetry import LiveSocket, live_socket
from streaming.wire import (
    CloseCode,
    ErrorCode,
    ServerFrame,
    WsDataResponse,
    WsDeviceReady,
    WsDraining,
    WsError,
    WsHomeRequest,
    WsPopupRequest,
    WsResume,
    WsToolResult,
)

log = structlog.get_logger(__name__)


_MAX_LOST: Final = 100


class Session:
    """Implements `server.devices.registry.DeviceLink`, and `Follower` for the requests that it follows."""

    def __init__(self, services: SessionServices, user_id: UUID, device_id: UUID) -> None:
        self.session_id = uuid4()
        self.user_id = user_id
        self.device_id = device_id
        self.features: frozenset[str] = frozenset()
        ledger = Ledger()
        self.outbox = Outbox(ledger, services.limits.outbox_bytes)
        self.calls = SessionCalls(self, ledger, services.registry.approvals)
        self.logs = SessionLogs(services.limits.session_log_bytes)
        self.connection_id: UUID | None = None
        """What other servers know this session by; see `server.devices.registry.OtherServers`."""
        # What concurrent requests are counted by. Unlike `session_id`, it never changes.
        self._source = uuid4()
        self._services = services
        self._view: View | None = None
        self._requests: dict[UUID, RunningRequest] = {}
        self._feeds: dict[UUID, Feed] = {}
        # Answers that were dropped before their time, with the reason.
        self._lost: dict[UUID, str] = {}
        self._overdue: set[UUID] = set()
        self._opened_at = trio.current_time()
        self._draining = False
        self.ended = False

    def __repr__(self) -> str:
        state = "attached" if self.attached else "detached"
        return f"<Session {self.session_id} {state}, {len(self._requests)} requests>"

    # ---- as the registry sees it ------------------------------------------------------------------------------------

    @property
    def attached(self) -> bool:
        """Whether the device has a socket now."""
        return self._view is not None

    @property
    def locale(self) -> StatedLocale | None:
        return self.outbox.locale.stated

    @property
    def has_requests(self) -> bool:
        """Whether a request of this device runs."""
        return bool(self._requests)

    @property
    def queued_bytes(self) -> int:
        return self.outbox.queued_bytes

    def live(self) -> LiveSocket:
        """What the session does now, for an operator."""
        return live_socket(self, self.outbox, self._opened_at, self._requests)

    @property
    def tool_replies(self) -> PendingReplies[WsToolResult]:
        return self.calls.tool_replies

    @property
    def data_replies(self) -> PendingReplies[WsDataResponse]:
        return self.calls.data_replies

    @property
    def answers_approvals(self) -> bool:
        """Whether its client answers approvals of other devices."""
        return self.calls.answers_approvals

    def send_control(self, frame: ServerFrame) -> None:
        """Queue a frame that is sent before text. If the control queue is full, the socket is closed with 4008."""
        if not self.calls.send(frame):
            self.put(frame)

    def put(self, frame: ServerFrame) -> None:
        """Like `send_control`, for a frame about no call."""
        try:
            self.outbox.put_control(frame)
        except OutboxOverflow:
            log.warning("session_control_overflow", session_id=str(self.session_id))
            self.close(CloseCode.TOO_SLOW, "the client reads too slowly")

    def expect_answer(self, frames: int) -> None:
        """A call was sent to the device: allow this many frames more, beyond the rate limit."""
        if self._view is not None:
            self._view.expect_answer(frames)

    def close(self, code: int, reason: str) -> None:
        """Close the socket, if there is one. The session and its requests go on."""
        if self._view is not None:
            self._view.close(code, reason)

    def drain(self) -> None:
        """The server is stopping: close the socket when no request runs."""
        if self._view is not None:
            # The ids of sessions are random, so devices come back spread over this time.
            spread_ms = drain_spread_ms(len(self._services.registry))
            self.send_control(WsDraining(retry_after_ms=self.session_id.int % spread_ms))
        self._draining = True
        self.close_if_drained()

    def close_if_drained(self) -> None:
        """Close the socket if the server is stopping and no request of this session runs."""
        if self._draining and not self._requests:
            self.close(CloseCode.DRAINING, "the server is stopping")

    # ---- sockets ----------------------------------------------------------------------------------------------------

    def attach(
        self,
        view: View,
        features: frozenset[str],
        resume: WsResume | None,
        kept: Sequence[KeptAnswer],
        missed: Missed | None = None,
        locale: DeviceLocale = NO_LOCALE,
    ) -> None:
        """Send to `view` from now on: first `device_ready`, then, if the session is resumed, what the client missed.

        An older socket is closed as replaced. `kept`: the kept answers of this device. `missed`: the changes that its
        client missed; None if the client does not read numbers.
        """
        older = self._view
        self._view = None
        self.outbox.detach()
        self.features = known_features(features)
        self.change_locale(locale)
        if missed is not None and missed.state is not None:
            self.outbox.forget_changes()
        resumed = resume is not None and resume.session_id == self.session_id and self.outbox.can_resume(resume.seq)
        processed = resume.seq if resume is not None and resumed else None
        if processed is None:
            self._renew()
        else:
            self.outbox.rewind(processed)
        outcome = "resumed" if resumed else "new" if resume is None else "lost"
        self.outbox.attach(view, self._ready(outcome, kept, missed))
        self._view = view
        if older is not None:
            older.close(CloseCode.REPLACED, "this device connected again")
        for frame in () if missed is None else missed.frames:
            self.outbox.put_control(frame)
        known = {answer.result.request_id for answer in kept}
        for request_id in self.logs.take_dropped(processed):
            if request_id in known:
                self.watch(request_id)
        self.calls.attached(processed)
        for feed in self._feeds.values():
            if processed is not None:
                self.outbox.drop(feed)
                feed.rewind(processed)
            self.outbox.follow(feed)
        self.close_if_drained()

    def ends_at(self, resume: WsResume | None) -> WsResume | Literal["busy"] | None:
        """Where a client that has `resume` can go on with a new session of another server. None: nowhere.

        `busy`: only this session can serve it, because a request runs, a call is open or something is unprocessed.
        """
        if self._requests or len(self.calls):
            return "busy"
        if resume is None or resume.session_id != self.session_id or not self.outbox.can_resume(resume.seq):
            return None
        feeds_end = all(not feed.pending and feed.processed(resume.seq) for feed in self._feeds.values())
        return resume if feeds_end and self.outbox.processed(resume.seq) else "busy"

    def shows(self, view: View) -> bool:
        """Whether `view` is the attached socket."""
        return view is self._view

    def detach(self, view: View) -> bool:
        """`view` has closed. Returns False if another socket is attached."""
        if view is not self._view:
            return False
        self._view = None
        self.outbox.detach(view)
        while self._overdue:
            self.answer_dropped(self._overdue.pop(), "early")
        return True

    def change_locale(self, locale: DeviceLocale) -> None:
        """What the device says about the person from now on; for later requests."""
        self.outbox.locale.change(locale, {*self._requests, *self._feeds, *self.calls.requests})

    def _renew(self) -> None:
        """The client has nothing of this session: it gets a new id, and follows a request only when it asks for it."""
        self.session_id = uuid4()
        self.outbox.forget_sent()
        for request_id in list(self._feeds):
            self.unwatch(request_id)

    def _ready(self, outcome: str, kept: Sequence[KeptAnswer], missed: Missed | None) -> WsDeviceReady:
        return device_ready(
            self.session_id, self.user_id, self._services.limits, outcome,
            kept=kept, running=self._requests, lost=self._lost, missed=missed,
        )  # fmt: skip

    # ---- requests ---------------------------------------------------------------------------------------------------

    def refuse(self, code: ErrorCode, message: str, request_id: UUID | None = None, *, retryable: bool = False) -> None:
        """Answer a frame with `error`."""
        self.send_control(WsError(code=code, message=message, retryable=retryable, request_id=request_id))

    def accept(self, frame: WsHomeRequest | WsPopupRequest) -> None:
        """Run a request, or attach to the one that has its id."""
        request_id = frame.request_id or uuid4()
        wanted = wanted_frames(self.features)
        chat = chat_input(frame, request_id, self.user_id, self.device_id, locale=self.locale, **wanted)
        running = self._services.followed(self.user_id, request_id)
        if running is not None:
            if is_same_request(running.fingerprint, chat):
                self.follow(running)
            else:
                self.refuse(ErrorCode.DUPLICATE_REQUEST, OTHER_MESSAGE, request_id)
            return
        try:
            answer = self._services.pipeline.accept(chat, source=self._source)
        except DuplicateRequest as duplicate:
            self.answer_duplicate(chat, duplicate)
            return
        except RequestRefused as refused:
            self.refuse(refused.code, str(refused), request_id, retryable=refused.retryable)
            return
        request = RunningRequest(chat, answer, self, self._services.limits.log_bytes)
        self._requests[request_id] = request
        self.logs.opened(request.log)
        self.follow(request)
        self._services.run(request)

    def follow(self, request: RunningRequest | MirroredRequest) -> None:
        """Send the request's frames so far, then its live frames. Starts again if the session follows it already."""
        self.unwatch(request.request_id)
        feed = Feed(request.log, **wanted_frames(self.features))
        self._feeds[request.request_id] = feed
        request.follow(self, feed)
        self.outbox.follow(feed)

    def watch(self, request_id: UUID) -> None:
        """Follow a request of this user, or send its kept answer."""
        running = self._services.followed(self.user_id, request_id)
        if running is not None:
            self.follow(running)
        else:
            self.start(partial(send_result, self, self._services, request_id), request_id)

    def unwatch(self, request_id: UUID) -> None:
        """Send nothing more of this request."""
        feed = self._feeds.pop(request_id, None)
        running = self._services.followed(self.user_id, request_id)
        if running is not None:
            running.unfollow(self)
        if feed is not None:
            self.outbox.drop(feed)
        if request_id not in self._requests:
            self.logs.released(request_id, self.outbox)

    def cancel(self, request_id: UUID) -> None:
        """The person stopped a request that this device asked."""
        running = self._requests.get(request_id)
        if running is None:
            self.start(partial(cancel_elsewhere, self, self._services, request_id), request_id)
        else:
            running.cancel()

    def request_ended(self, request: RunningRequest, *, refused: bool) -> None:
        """A request that this session has asked or follows has ended, and its end is in its log."""
        self._requests.pop(request.request_id, None)
        if refused:
            self._feeds.pop(request.request_id, None)
        if request.request_id not in self._feeds:
            self.logs.released(request.request_id, self.outbox)
        self.outbox.wake_waiting()
        self.close_if_drained()

    @property
    def room(self) -> LogRoom:
        return self.logs.room

    async def wait_for_log_room(self) -> None:
        """Drop logs of ended requests until the logs are within their bound, or wait until that is possible."""
        while self.room.full:
            ended = self.logs.droppable(self._requests, self._feeds, attached=self.attached)
            if ended is None:
                await self.logs.wait(self._requests, self.outbox)
            else:
                self._drop_log(ended)

    def _drop_log(self, request_id: UUID) -> None:
        """The log of an ended request can't be replayed any more. A resume sends its kept result instead."""
        feed = self._feeds.pop(request_id, None)
        if feed is not None:
            self.logs.dropped(request_id, feed)
            self.outbox.drop(feed)
        self.logs.released(request_id, self.outbox)

    def answer_dropped(self, request_id: UUID, reason: DropReason) -> None:
        """The answer of an ended request is no longer kept: a resume can't replay it any more.

        One that is being sent to a slow client stays until its socket is lost, unless it was erased.
        """
        feed = self._feeds.get(request_id)
        if feed is not None and feed.pending and self.attached:
            if reason != "erased":
                self._overdue.add(request_id)
                return
            self.refuse(ErrorCode.UNKNOWN_REQUEST, "This answer was erased while it was being sent.", request_id)
        self._drop_log(request_id)
        if feed is not None and reason == "early":
            self._lost[request_id] = "the answer is no longer kept"
            if len(self._lost) > _MAX_LOST:
                del self._lost[next(iter(self._lost))]

    @property
    def replayable(self) -> list[UUID]:
        """The ended requests that a resume would replay."""
        return [request_id for request_id in self._feeds if request_id not in self._requests]

    def expire(self) -> list[RunningRequest]:
        """No socket came back: the session ends. Returns its requests, which must be ended."""
        self.ended = True
        self.calls.ended()
        for request_id in list(self._feeds):
            if request_id not in self._requests:
                self.unwatch(request_id)
        return list(self._requests.values())

    # ---- tasks of frames --------------------------------------------------------------------------------------------

    def start(self, work: Callable[[], Awaitable[None]], request_id: UUID | None = None) -> None:
        """Run `work` in a task of the server, so that a lost socket does not interrupt it.

        A fault in it answers the frame with `error` and touches nothing else.
        """
        self._services.start(self._guarded, work, request_id)

    async def _guarded(self, work: Callable[[], Awaitable[None]], request_id: UUID | None) -> None:
        try:
            await work()
        # The boundary of one frame: a fault answers this frame and ends neither the socket nor any request.
        except Exception:
            log.exception("frame_failed", session_id=str(self.session_id))
            message = "The server failed to answer this frame; the fault is logged."
            self.refuse(ErrorCode.INTERNAL, message, request_id, retryable=True)

    def answer_duplicate(self, chat: ChatInput, duplicate: DuplicateRequest) -> None:
        """The id of a request of this session is known: send what is kept under it."""
        self.start(partial(send_again, self, self._services, chat, duplicate), chat.request_id)
