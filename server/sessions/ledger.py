"""The calls to one device that have no result yet, and what happens to them when a socket is attached. Pure.

A call is offered (created), sent (a socket got it), accepted (the device's journal has it) and closed (it has a result,
or was withdrawn before a socket got it). A call that was sent is never sent again as a new call: a client with the
feature `ledger` is offered it again under the same id; for another client that lost it, its outcome is unknown.

A call that changes data stays here after it was withdrawn, until its device has said whether it made the change. It
also stays until the change that its result names is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from server.devices import changes_data
from streaming.wire import WsDataRequest, WsToolCall

_MAX_WITHDRAWN: Final = 200
_MAX_CLOSED: Final = 200

LedgerFrame: Final = WsToolCall | WsDataRequest


@dataclass(slots=True)
class OpenCall:
    """A call without a result. `deadline` is on trio's clock. `seq` is 0 until a socket got the call."""

    frame: WsToolCall | WsDataRequest
    deadline: float | None
    seq: int = 0
    accepted: bool = False
    withdrawn: bool = False
    recording: bool = False

    @property
    def awaited(self) -> bool:
        """Whether the device still owes a result, or its change is not recorded."""
        return not self.withdrawn or self.accepted

    def frame_at(self, now: float, *, again: bool) -> WsToolCall | WsDataRequest:
        """The frame with the time that is left at `now`. A device never runs a call that is marked as accepted."""
        if not isinstance(self.frame, WsToolCall) or self.deadline is None:
            return self.frame
        started = self.accepted or self.withdrawn or self.recording
        left_ms = max(int((self.deadline - now) * 1000), 0)
        marks = {"offered_again": True if again else None, "accepted": True if again and started else None}
        return self.frame.model_copy(update={"deadline_ms": left_ms, **marks})


@dataclass(frozen=True, slots=True)
class Reoffered:
    """The frames for a newly attached socket, and the calls whose outcome the device can't tell any more."""

    send: list[WsToolCall | WsDataRequest]
    lost: list[UUID]


class Ledger:
    """The open calls of one session, by id."""

    def __init__(self) -> None:
        self._calls: dict[UUID, OpenCall] = {}
        # Calls whose result may come again, and changes nothing then.
        self._closed: dict[UUID, None] = {}

    def __len__(self) -> int:
        """The number of calls whose result is awaited, or whose change is not recorded."""
        return sum(call.awaited for call in self._calls.values())

    def __contains__(self, call_id: UUID) -> bool:
        return call_id in self._calls

    def offer(self, frame: WsToolCall | WsDataRequest, now: float) -> None:
        """A call was made at `now`."""
        if isinstance(frame, WsToolCall):
            self._calls[frame.call_id] = OpenCall(frame, now + frame.deadline_ms / 1000)
        else:
            self._calls[frame.data_id] = OpenCall(frame, None)

    def sent(self, frame: WsToolCall | WsDataRequest, seq: int) -> None:
        """The socket got the call in frame `seq`."""
        call = self._calls.get(_id(frame))
        if call is not None:
            call.seq = seq

    def was_sent(self, call_id: UUID) -> bool:
        """Whether the call is open and a socket got it."""
        call = self._calls.get(call_id)
        return call is not None and call.seq > 0

    def accept(self, call_id: UUID) -> bool:
        """The device's journal has the call. Returns False if the call is not open."""
        call = self._calls.get(call_id)
        if call is None:
            return False
        call.accepted = True
        return True

    def knows(self, call_id: UUID) -> bool:
        """Whether the call is open, or was closed not long ago."""
        return call_id in self._calls or call_id in self._closed

    def close(self, call_id: UUID) -> None:
        """The call has a result, and its change is recorded if it made one. A later result of it changes nothing."""
        if self._calls.pop(call_id, None) is not None:
            self._closed[call_id] = None
            if len(self._closed) > _MAX_CLOSED:
                del self._closed[next(iter(self._closed))]

    def lose(self, call_id: UUID) -> None:
        """The device can't tell the outcome any more. If it still does, the call counts as unknown."""
        self._calls.pop(call_id, None)

    def find(self, call_id: UUID) -> WsToolCall | None:
        """The tool call with this id, if its result may still tell of a change."""
        call = self._calls.get(call_id)
        return call.frame if call is not None and isinstance(call.frame, WsToolCall) else None

    def request_of(self, call_id: UUID) -> UUID | None:
        """The request of an open call; None if the call is not open."""
        call = self._calls.get(call_id)
        return None if call is None else call.frame.request_id

    @property
    def requests(self) -> set[UUID]:
        """The requests with an open call."""
        return {call.frame.request_id for call in self._calls.values()}

    def withdraw(self, call_id: UUID) -> None:
        """Nothing waits for the call any more. Its device may have made the change, and may still say so."""
        call = self._calls.get(call_id)
        if call is None or call.recording:
            return
        if call.seq == 0 or not isinstance(call.frame, WsToolCall) or not changes_data(call.frame.tool):
            self.close(call_id)
            return
        call.withdrawn = True
        withdrawn = [one for one, other in self._calls.items() if other.withdrawn]
        for oldest in withdrawn[:-_MAX_WITHDRAWN]:
            del self._calls[oldest]

    def record(self, call_id: UUID) -> bool:
        """The result names a change, which must be recorded now. Returns False if that is happening already."""
        call = self._calls[call_id]
        if call.recording:
            return False
        call.recording = call.accepted = True
        return True

    def unrecorded(self, call_id: UUID) -> None:
        """The change could not be recorded: the device is asked for the result again when it connects again."""
        call = self._calls.get(call_id)
        if call is not None:
            call.recording, call.withdrawn = False, True

    def reoffer(self, now: float, *, processed: int | None, journal: bool) -> Reoffered:
        """What a new socket must get. `processed`: the last frame its client has processed, if it resumed the session.

        `journal`: the client has the feature `ledger`.
        """
        send: list[WsToolCall | WsDataRequest] = []
        lost: list[UUID] = []
        for call_id, call in self._calls.items():
            if call.withdrawn or call.recording:
                if journal:
                    send.append(call.frame_at(now, again=True))
            elif call.seq == 0:
                send.append(call.frame_at(now, again=False))
            elif isinstance(call.frame, WsDataRequest) or (processed is not None and call.seq > processed):
                # A read can be repeated. A call in a frame that was not processed never reached the device's tools.
                send.append(call.frame_at(now, again=journal and isinstance(call.frame, WsToolCall)))
            elif journal:
                send.append(call.frame_at(now, again=True))
            elif processed is None:
                lost.append(call_id)
        return Reoffered(send, lost)


def _id(frame: WsToolCall | WsDataRequest) -> UUID:
    return frame.call_id if isinstance(frame, WsToolCall) else frame.data_id
