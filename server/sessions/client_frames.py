"""What a session does with each frame of its client, except for the frames about the socket itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

import structlog

from memory.delivery import LoggedChange
from person import resolve_locale
from server.answers import AnswerPipeline
from server.changes import ChangeDelivery, record_change
from server.devices import DeviceRegistry, read_days, stated_change
from server.memory_service import ChangeSource
from server.sessions.calls import MadeChange
from server.sessions.features import QUOTA
from server.sessions.memory_frames import change_entity, forget_memory
from server.sessions.refused_frames import refuse_frame, refuse_over_rate, unknown_call
from server.sessions.session import Session
from server.telemetry import LogRate
from streaming.wire import (
    ClientFrame,
    ErrorCode,
    FrameError,
    WsApproval,
    WsCancel,
    WsChangesSeen,
    WsClientMutation,
    WsDataResponse,
    WsHomeRequest,
    WsMemoryForget,
    WsMemoryForgetPreview,
    WsPing,
    WsPong,
    WsPopupRequest,
    WsToolAccepted,
    WsToolResult,
    WsUnwatch,
    WsWatch,
)

log = structlog.get_logger(__name__)


class ClientFrames:
    """Takes the frames of all sessions."""

    def __init__(
        self,
        pipeline: AnswerPipeline,
        registry: DeviceRegistry,
        changes: ChangeDelivery | None,
        made: Callable[[Session, MadeChange, bool], str],
        is_open: Callable[[UUID, UUID], bool],
    ) -> None:
        """`made` is called with each change that a device made for a request, and whether a task waited for it.

        It returns the person's time zone, an IANA name. `is_open`: whether any session of this user has this call open.
        """
        self._made = made
        self._is_open = is_open
        self._changes = changes
        self._pipeline = pipeline
        self._registry = registry
        self._logged = LogRate()

    def refuse_over_rate(self, session: Session, text: str) -> None:
        """Answer the frame `text`, which is not acted on because the socket sends too many."""
        code = ErrorCode.RATE_LIMITED
        self._logged.log(log.info, "frame_refused", f"{session.user_id} {code}", code=code)
        session.send_control(refuse_over_rate(text))

    def take(self, session: Session, frame: ClientFrame, size: int) -> None:
        """Act on one frame. Never waits, never raises: work that waits gets a task with its own boundary.

        `size`: characters of the frame.
        """
        frame = read_days(frame, session.outbox.locale.forms(session.calls.request_of(frame)))
        match frame:
            case WsHomeRequest() | WsPopupRequest():
                session.accept(frame)
            case WsCancel(request_id=request_id):
                session.cancel(request_id)
            case WsWatch(request_id=request_id):
                session.watch(request_id)
            case WsUnwatch(request_id=request_id):
                session.unwatch(request_id)
            case WsToolAccepted(call_id=call_id):
                session.calls.started(call_id)
            case WsToolResult():
                self._tool_result(session, frame, size)
            case WsDataResponse() | WsApproval():
                _reply(session, frame)
            case WsClientMutation():
                self._changed(session, frame, size)
            case WsMemoryForget() | WsMemoryForgetPreview():
                session.start(partial(self._forget, session, frame))
            case WsPing():
                session.send_control(WsPong())
            case WsChangesSeen(change=change):
                self._seen(session, change)
            case _:
                raise AssertionError(f"the socket handles {frame.type}")

    def refuse(self, session: Session, error: FrameError) -> None:
        """Answer a frame that is not valid. If it was the reply to a call, the call fails."""
        calls = session.calls
        self._logged.log(log.info, "frame_refused", f"{session.user_id} {error.code}", code=error.code)
        session.send_control(refuse_frame(error, calls.tool_answered, calls.data_answered))

    def _seen(self, session: Session, change: int) -> None:
        if self._changes is not None:
            session.start(partial(self._changes.seen, session.user_id, session.device_id, change))

    def _changed(self, session: Session, frame: WsClientMutation, size: int) -> None:
        refused = change_entity(
            self._pipeline.memory,
            self._registry,
            session.user_id,
            session.device_id,
            frame,
            session.locale,
            size=size,
            knows_quota=QUOTA in session.features,
        )
        if refused is not None:
            session.send_control(refused)

    def _tool_result(self, session: Session, frame: WsToolResult, size: int) -> None:
        calls = session.calls
        known, change = calls.knows(frame.call_id), calls.change_of(frame)
        answered = calls.tool_answered(frame)
        if change is not None:
            self._record(session, change, size, awaited=answered)
        elif not (answered or known):
            self._record_stated(session, frame, size)
            return
        elif calls.has_journal:
            # Also if no task waits for it: the device can then delete its journal entry.
            calls.acknowledge(frame.call_id)
        if not answered and not calls.has_journal:
            session.send_control(unknown_call(frame))

    def _record_stated(self, session: Session, frame: WsToolResult, size: int) -> None:
        """The result of a call that is not known any more, for example because its server is gone.

        The change that it names is recorded. Any other result is refused, so that nothing counts as received that is
        not.
        """
        record = stated_change(frame)
        if record is None or self._is_open(session.user_id, frame.call_id):
            session.send_control(unknown_call(frame))
            return
        zone = resolve_locale(session.locale).time_zone
        source = ChangeSource(session.device_id, frame.request_id, frame.call_id, zone, size)

        def settled(place: LoggedChange | None) -> None:
            if place is None:
                return  # the client keeps the result and sends it again
            if place.id_reused:
                session.send_control(unknown_call(frame))
                return
            if place.is_new and frame.request_id is not None:
                self._made(session, MadeChange(frame.call_id, frame.request_id, record), False)
            session.calls.acknowledge(frame.call_id)

        record_change(self._pipeline.memory, self._registry, session.user_id, record, source, settled)

    def _record(self, session: Session, change: MadeChange, size: int, *, awaited: bool) -> None:
        """Record what the device has changed, also if nothing waits for it. The device's copy is needed until then."""
        calls = session.calls
        if not calls.must_record(change):
            return
        time_zone = self._made(session, change, awaited)
        # The call's id makes the change unique: a device may send the result again.
        source = ChangeSource(session.device_id, change.request_id, change.call_id, time_zone, size)

        def settled(place: LoggedChange | None) -> None:
            calls.recorded(change, stored=place is not None)

        if not record_change(self._pipeline.memory, self._registry, session.user_id, change.record, source, settled):
            # The queue is full. The other devices learn of the change now, the log when the result is sent again.
            self._registry.announce(
                session.user_id, change.record, origin=session.device_id, request_id=change.request_id
            )
            calls.recorded(change, stored=False)

    async def _forget(self, session: Session, frame: WsMemoryForget | WsMemoryForgetPreview) -> None:
        session.send_control(await forget_memory(self._pipeline.memory, session.user_id, frame))


def _reply(session: Session, frame: WsDataResponse | WsApproval) -> None:
    calls = session.calls
    answered = calls.data_answered(frame) if isinstance(frame, WsDataResponse) else calls.approval_answered(frame)
    if not answered:
        session.send_control(unknown_call(frame))
