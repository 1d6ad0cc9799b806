"""What a session does with each frame of its client, except for the frames about the socket itself."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from server.answers import AnswerPipeline
from server.changes import ChangeDelivery
from server.devices import DeviceRegistry
from server.sessions.memory_frames import change_entity, forget_memory
from server.sessions.refused_frames import refuse_frame, unknown_call
from server.sessions.session import LEDGER, Session
from streaming.wire import (
    ClientFrame,
    ErrorCode,
    FrameError,
    WsApproval,
    WsCancel,
    WsChangesSeen,
    WsClientMutation,
    WsDataResponse,
    WsFrameType,
    WsHomeRequest,
    WsMemoryForget,
    WsPing,
    WsPong,
    WsPopupRequest,
    WsToolAccepted,
    WsToolAck,
    WsToolResult,
    WsUnwatch,
    WsWatch,
)


class ClientFrames:
    """Takes the frames of all sessions."""

    def __init__(self, pipeline: AnswerPipeline, registry: DeviceRegistry, changes: ChangeDelivery | None) -> None:
        self._changes = changes
        self._pipeline = pipeline
        self._registry = registry

    def take(self, session: Session, frame: ClientFrame) -> None:
        """Act on one frame. Never waits, never raises: work that waits gets a task with its own boundary."""
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
                session.ledger.accept(call_id)
            case WsToolResult():
                _tool_result(session, frame)
            case WsDataResponse(data_id=data_id):
                session.ledger.close(data_id)
                if not session.data_replies.answer(data_id, frame):
                    session.send_control(unknown_call(frame))
            case WsApproval(call_id=call_id):
                session.refuse(ErrorCode.UNKNOWN_CALL, f"No approval of call {call_id} is waiting for an answer.")
            case WsClientMutation():
                self._changed(session, frame)
            case WsMemoryForget(memory_id=memory_id):
                session.start(partial(self._forget, session, memory_id))
            case WsPing():
                session.send_control(WsPong())
            case WsChangesSeen(change=change):
                self._seen(session, change)
            case _:
                raise AssertionError(f"the socket handles {frame.type}")

    def refuse(self, session: Session, error: FrameError) -> None:
        """Answer a frame that is not valid. If it was the reply to a call, the call fails."""
        subject = error.subject
        replied = {WsFrameType.TOOL_RESULT: subject.call_id, WsFrameType.DATA_RESPONSE: subject.data_id}
        call_id = None if subject.frame_type is None else replied.get(subject.frame_type)
        if call_id is not None:
            session.ledger.close(call_id)
        session.send_control(refuse_frame(error, session.tool_replies, session.data_replies))

    def _seen(self, session: Session, change: int) -> None:
        if self._changes is not None:
            session.start(partial(self._changes.seen, session.user_id, session.device_id, change))

    def _changed(self, session: Session, frame: WsClientMutation) -> None:
        refused = change_entity(self._pipeline.memory, self._registry, session.user_id, session.device_id, frame)
        if refused is not None:
            session.send_control(refused)

    async def _forget(self, session: Session, memory_id: UUID) -> None:
        session.send_control(await forget_memory(self._pipeline.memory, session.user_id, memory_id))


def _tool_result(session: Session, frame: WsToolResult) -> None:
    session.ledger.close(frame.call_id)
    answered = session.tool_replies.answer(frame.call_id, frame)
    if LEDGER in session.features:
        # Also if no task waits for it: the device can then delete its journal entry.
        session.send_control(WsToolAck(call_id=frame.call_id))
    elif not answered:
        session.send_control(unknown_call(frame))
