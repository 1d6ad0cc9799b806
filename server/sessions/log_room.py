"""The logs of one session's own requests, which are bounded together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from server.requests import RequestFailed
from server.sessions.feed import Feed
from server.sessions.outbox import Outbox
from server.sessions.request_log import RequestLog
from streaming.wire import ErrorCode, WsFailure

_MAX_DROPPED: Final = 100
_NEVER_SENT: Final = 2**63


class LogRoom:
    """Bytes that the logs of one session hold. `waiting`: running requests that wait until other logs are released."""

    __slots__ = ("max_bytes", "used", "waiting")

    def __init__(self, max_bytes: float) -> None:
        self.max_bytes: Final = max_bytes
        self.used = 0
        self.waiting = 0

    def __repr__(self) -> str:
        return f"<LogRoom: {self.used} of {self.max_bytes} bytes, {self.waiting} waiting>"

    @property
    def full(self) -> bool:
        return self.used > self.max_bytes


class SessionLogs:
    """The logs of running requests, and those of ended requests that a resume can replay."""

    __slots__ = ("_dropped", "_logs", "room")

    def __init__(self, max_bytes: float) -> None:
        self.room = LogRoom(max_bytes)
        self._logs: dict[UUID, RequestLog] = {}
        # The last frame of each ended request whose log was dropped before its time.
        self._dropped: dict[UUID, int] = {}

    def __repr__(self) -> str:
        return f"<SessionLogs: {len(self._logs)}, {self.room}>"

    def opened(self, log: RequestLog) -> None:
        """A request of the session runs."""
        self._logs[log.request_id] = log

    def released(self, request_id: UUID, outbox: Outbox) -> None:
        """The session no longer needs this log. Requests that wait for room look again."""
        log = self._logs.pop(request_id, None)
        if log is not None:
            self.room.used -= log.size
            outbox.wake_waiting()

    def dropped(self, request_id: UUID, feed: Feed) -> None:
        """The log of an ended request can't be replayed any more. Its result is sent instead."""
        self._dropped[request_id] = _NEVER_SENT if feed.pending else feed.seqs[-1]
        if len(self._dropped) > _MAX_DROPPED:
            del self._dropped[next(iter(self._dropped))]

    def take_dropped(self, processed: int | None) -> list[UUID]:
        """The dropped requests whose end the client has not processed; None: it has nothing of the session."""
        missed = [request_id for request_id, seq in self._dropped.items() if processed is not None and seq > processed]
        self._dropped.clear()
        return missed

    def droppable(self, running: Collection[UUID], feeds: Mapping[UUID, Feed], *, attached: bool) -> UUID | None:
        """The oldest ended request whose log is not being sent. None if there is none."""
        ended = (request_id for request_id in self._logs if request_id not in running)
        return next((one for one in ended if not (attached and one in feeds and feeds[one].pending)), None)

    async def wait(self, running: Collection[UUID], outbox: Outbox) -> None:
        """Wait for a change. Raises `RequestFailed` if none can come: every running request waits already."""
        room = self.room
        if len(self._logs) <= len(running) and room.waiting + 1 >= len(running):
            message = f"The answers of this device are larger than the {room.max_bytes} bytes that the server keeps."
            raise RequestFailed(WsFailure(code=ErrorCode.LOG_OVERFLOW, message=message, retryable=True))
        room.waiting += 1
        try:
            await outbox.wait_for_progress()
        finally:
            room.waiting -= 1
