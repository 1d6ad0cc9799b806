"""The calls to one session's device: what its client is sent, what it answers, and what it gets again after a gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import trio

from server.devices import APPROVALS, OpenApprovals, PendingReplies, change_of
from server.sessions.approvals import AskedCalls
from server.sessions.features import LEDGER
from server.sessions.ledger import Ledger
from server.sessions.outbox import Outbox
from streaming.wire import (
    ClientFrame,
    ServerFrame,
    WsApproval,
    WsApprovalClosed,
    WsApprovalRequest,
    WsDataRequest,
    WsDataResponse,
    WsMutationRecord,
    WsToolAck,
    WsToolCall,
    WsToolCancel,
    WsToolResult,
)


@dataclass(frozen=True, slots=True)
class MadeChange:
    """A change that the device made for the call `call_id` of a request."""

    call_id: UUID
    request_id: UUID
    record: WsMutationRecord


class CalledSession(Protocol):
    """The session, as its calls see it."""

    @property
    def user_id(self) -> UUID: ...

    @property
    def device_id(self) -> UUID: ...

    @property
    def features(self) -> frozenset[str]: ...

    @property
    def attached(self) -> bool: ...

    @property
    def outbox(self) -> Outbox: ...

    def put(self, frame: ServerFrame) -> None:
        """Queue a control frame. Never blocks, never raises."""
        ...

    def expect_answer(self, frames: int) -> None:
        """Allow the client this many frames more, beyond its rate limit."""
        ...


class SessionCalls:
    """The open calls of one session, in its ledger, and the approvals that its client is asked for."""

    __slots__ = (
        "_approvals",
        "_asked_here",
        "_ledger",
        "_open_approvals",
        "_session",
        "data_replies",
        "tool_replies",
    )

    def __init__(self, session: CalledSession, ledger: Ledger, approvals: OpenApprovals) -> None:
        self.tool_replies = PendingReplies[WsToolResult]()
        self.data_replies = PendingReplies[WsDataResponse]()
        self._session = session
        self._ledger = ledger
        self._open_approvals = approvals
        self._approvals = AskedCalls(session.user_id, session.device_id, self, approvals)
        # The approvals of other devices that the client was asked, and that are not closed, with their requests.
        self._asked_here: dict[UUID, UUID] = {}

    def __len__(self) -> int:
        """The number of calls without a result."""
        return len(self._ledger)

    def __contains__(self, call_id: UUID) -> bool:
        """Whether this call is open."""
        return call_id in self._ledger

    @property
    def has_journal(self) -> bool:
        """Whether the client keeps a journal of its calls."""
        return LEDGER in self._session.features

    @property
    def answers_approvals(self) -> bool:
        """Whether the client answers approvals of other devices, and confirms calls that are withdrawn from it."""
        return APPROVALS in self._session.features and self.has_journal

    @property
    def requests(self) -> set[UUID]:
        """The requests with an open call, or with an approval that the client is asked for."""
        return self._ledger.requests | {*self._asked_here.values()}

    def request_of(self, frame: ClientFrame) -> UUID | None:
        """The request whose open call `frame` answers; None if it answers none."""
        match frame:
            case WsToolResult():
                return self._ledger.request_of(frame.call_id)
            case WsDataResponse():
                return self._ledger.request_of(frame.data_id)
            case WsApproval():
                return self._asked_here.get(frame.call_id)
        return None

    # ---- frames for the client --------------------------------------------------------------------------------------

    def send(self, frame: ServerFrame) -> bool:
        """Take a frame that is about a call. Returns False if it is about something else."""
        match frame:
            case WsToolCall() | WsDataRequest():
                self.offer(frame)
            case WsToolCancel():
                self._withdraw(self._approvals.withdrawn(frame.call_id))
            case WsApprovalRequest():
                self._asked_here[frame.call_id] = frame.request_id
                if self._session.attached:  # else it is sent when a socket is attached
                    self._session.put(frame)
            case WsApprovalClosed():
                if frame.call_id in self._asked_here:
                    del self._asked_here[frame.call_id]
                    self._session.put(frame)
            case _:
                return False
        return True

    def offer(self, call: WsToolCall | WsDataRequest) -> None:
        """Send a new call, or keep it in the ledger until a socket is attached."""
        session = self._session
        self._ledger.offer(call, trio.current_time())
        if session.attached:
            session.expect_answer(self._frames_per_call())
            session.put(call)
        if isinstance(call, WsToolCall) and call.requires_approval and self.answers_approvals:
            self._approvals.ask(call)

    def _withdraw(self, call_id: UUID) -> None:
        if not self.take_back(call_id):
            self._session.put(WsToolCancel(call_id=call_id))

    def take_back(self, call_id: UUID) -> bool:
        """Withdraw a call. Returns True if no socket got it, so that the device never learns of it."""
        unsent = call_id in self._ledger and not self._ledger.was_sent(call_id)
        self._ledger.withdraw(call_id)
        if unsent:
            self._session.outbox.withdraw(call_id)
        return unsent

    def confirm_unstarted(self, call_id: UUID) -> None:
        """Let the device confirm that it has not started this call."""
        if self._session.attached:  # else it is sent when a socket is attached
            self._session.expect_answer(1)
            self._session.put(WsToolCancel(call_id=call_id, confirm=True))

    def _frames_per_call(self) -> int:
        return 2 if self.has_journal else 1

    # ---- frames of the client ---------------------------------------------------------------------------------------

    def started(self, call_id: UUID) -> None:
        """The device's journal has the call, and the device is running it."""
        self._ledger.accept(call_id)
        self._approvals.started(call_id)

    def change_of(self, result: WsToolResult) -> MadeChange | None:
        """The change that this result tells of. None if there is none, or the call is unknown here."""
        call = self._ledger.find(result.call_id)
        record = None if call is None else change_of(call, result)
        return None if call is None or record is None else MadeChange(call.call_id, call.request_id, record)

    def knows(self, call_id: UUID) -> bool:
        """Whether this call is open, or was closed not long ago."""
        return self._ledger.knows(call_id)

    def acknowledge(self, call_id: UUID) -> None:
        """Let the client delete the call from its journal, if it has one."""
        if self.has_journal:
            self._session.put(WsToolAck(call_id=call_id))

    def must_record(self, change: MadeChange) -> bool:
        """Keep the call until `recorded` is called. Returns False if the change is being recorded already."""
        return self._ledger.record(change.call_id)

    def recorded(self, change: MadeChange, *, stored: bool) -> None:
        """The change is in the log of changes and can be acknowledged, or could not be stored."""
        if not stored:
            self._ledger.unrecorded(change.call_id)
            return
        self._ledger.close(change.call_id)
        self.acknowledge(change.call_id)

    def tool_answered(self, result: WsToolResult) -> bool:
        """The result of a tool call. Returns False if nothing waits for it."""
        if self.change_of(result) is None:
            self._ledger.close(result.call_id)
        delivered = self._approvals.answered(result)
        return delivered is None or self.tool_replies.answer(delivered.call_id, delivered)

    def approval_answered(self, answer: WsApproval) -> bool:
        """The client's answer to an approval of another device. Returns False if it does not wait for this client."""
        session = self._session
        return answer.call_id in self._asked_here and self._open_approvals.answer(
            session.user_id, session.device_id, answer
        )

    def data_answered(self, response: WsDataResponse) -> bool:
        """The response to a data request. Returns False if nothing waits for it."""
        self._ledger.close(response.data_id)
        return self.data_replies.answer(response.data_id, response)

    # ---- sockets ----------------------------------------------------------------------------------------------------

    def attached(self, processed: int | None) -> None:
        """A socket was attached: send what its client must get again.

        `processed`: the last frame that the client has processed, if it resumed the session.
        """
        session = self._session
        offered = self._ledger.reoffer(trio.current_time(), processed=processed, journal=self.has_journal)
        unconfirmed = self._approvals.unconfirmed()
        for frame in offered.send:
            if isinstance(frame, WsToolCall) and frame.call_id in unconfirmed:
                continue
            session.expect_answer(self._frames_per_call())
            session.put(frame)
        for call_id in offered.lost:
            self._ledger.lose(call_id)
            self.tool_replies.give_up(self._approvals.original(call_id))
        for call_id in unconfirmed:
            self.confirm_unstarted(call_id)
        if self.answers_approvals:
            for request in self._open_approvals.waiting(session.user_id, session.device_id):
                self._asked_here[request.call_id] = request.request_id
                session.put(request)
        else:
            self._asked_here.clear()
            self._approvals.close_all(undecided_only=True)

    def ended(self) -> None:
        """The session ends: fail every open call."""
        self._approvals.close_all()
        self.tool_replies.device_gone()
        self.data_replies.device_gone()
