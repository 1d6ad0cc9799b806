"""The running requests of a device, and what to send for each of them after a lost connection. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from pydantic import BaseModel

from client.terminal.answer import REQUEST_TYPES, UNREAD_CODES, Answer, AnswerFrame, RequestRefusedError
from client.terminal.replay import Replay
from streaming.wire import (
    ErrorCode,
    WsCancel,
    WsDeviceReady,
    WsError,
    WsHomeRequest,
    WsPopupRequest,
    WsRequestResult,
    WsRequestState,
    WsStreamEnd,
    WsWatch,
)

SEND_AGAIN_S = 600
"""The server knows an accepted request for longer than this, so one that it does not list was never accepted."""


@dataclass(slots=True)
class Asked:
    """A request without an end. `asked_at` is on the monotonic clock. `watching`: `watch` was sent."""

    answer: Answer
    frame: WsHomeRequest | WsPopupRequest
    asked_at: float
    replay: Replay = field(init=False)
    cancelled: bool = False
    watching: bool = False

    def __post_init__(self) -> None:
        self.replay = Replay(self.answer.request_id)


class Requests:
    """The requests by id. Each method returns the frames to send."""

    def __init__(self) -> None:
        self._asked: dict[UUID, Asked] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, answer: Answer, frame: WsHomeRequest | WsPopupRequest, now: float) -> list[BaseModel]:
        """Add a request."""
        self._asked[answer.request_id] = Asked(answer, frame, now)
        return [frame]

    def cancel(self, request_id: UUID) -> list[BaseModel]:
        """The person stops the request. Without a connection, `connected` sends it."""
        asked = self._asked.get(request_id)
        if asked is None:
            return []
        asked.cancelled = True
        return [WsCancel(request_id=request_id)]

    def connected(self, ready: WsDeviceReady, now: float) -> list[BaseModel]:
        """A session has started or goes on: get what was missed of each request."""
        listed = {state.request_id: state for state in ready.requests}
        frames: list[BaseModel] = []
        for asked in list(self._asked.values()):
            known = listed.get(asked.answer.request_id)
            frames += self._reconcile(asked, known, now, resumed=ready.resume == "resumed")
        return frames

    def receive(self, frame: AnswerFrame | WsRequestResult) -> None:
        """Deliver what is new in `frame`."""
        asked = self._asked.get(frame.request_id)
        if asked is None:
            return
        asked.watching = False
        for new in asked.replay.new(frame):
            if isinstance(new, WsStreamEnd):
                del self._asked[frame.request_id]
            asked.answer.deliver(new)

    def refused(self, frame: WsError) -> bool:
        """Process an error frame. Returns whether it belongs to a request."""
        if frame.call_id is not None:
            return False  # it answers the result of a call, which names its request too
        asked = self._asked.get(frame.request_id) if frame.request_id is not None else None
        if frame.request_id is None and frame.code in UNREAD_CODES and frame.frame_type in REQUEST_TYPES:
            # The server could not read the id: the frame was the oldest request that has no answer yet.
            asked = next((asked for asked in self._asked.values() if not asked.replay.begun), None)
        if asked is None:
            return False
        if frame.code is not ErrorCode.UNKNOWN_REQUEST or asked.watching:
            self._fail(asked, RequestRefusedError(frame))
        return True  # otherwise a `cancel` was too late, and the end still arrives

    def fail_all(self, loss: Exception) -> None:
        """The connection is closed for good."""
        for asked in list(self._asked.values()):
            self._fail(asked, loss)

    def _reconcile(self, asked: Asked, known: WsRequestState | None, now: float, *, resumed: bool) -> list[BaseModel]:
        request_id = asked.answer.request_id
        never_ran = not asked.replay.begun and now - asked.asked_at < SEND_AGAIN_S
        if (known is None and not never_ran) or (known is not None and known.state == "lost"):
            reason = f": {known.reason}" if known is not None and known.reason else ""
            message = f"The server no longer has this answer{reason}. What it has done is not known."
            lost = WsError(code=ErrorCode.UNKNOWN_REQUEST, message=message, request_id=request_id)
            self._fail(asked, RequestRefusedError(lost))
            return []
        if known is None:
            if asked.cancelled:  # the server does not have the request
                del self._asked[request_id]
                asked.answer.deliver(WsStreamEnd(request_id=request_id, status="cancelled"))
                return []
            return [asked.frame]
        asked.watching = asked.watching or not resumed
        frames: list[BaseModel] = [WsWatch(request_id=request_id)] if asked.watching else []
        return [*frames, WsCancel(request_id=request_id)] if asked.cancelled else frames

    def _fail(self, asked: Asked, failure: Exception) -> None:
        self._asked.pop(asked.answer.request_id, None)
        asked.answer.fail(failure)
