"""Approvals of calls on the person's other devices, which the person may answer here. The first answer counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import trio

from streaming.wire import WsApproval, WsApprovalClosed, WsApprovalRequest

_MOST_DECIDED: Final = 100


class RemoteApprovals:
    """The open questions, the oldest first, and the decisions that the server has not confirmed. Pure."""

    def __init__(self, show: Callable[[WsApprovalRequest], None], closed: Callable[[WsApprovalClosed], None]) -> None:
        """`show` asks the person. `closed` tells the person that an open question needs no answer any more."""
        self._show = show
        self._on_closed = closed
        self._open: dict[UUID, WsApprovalRequest] = {}
        self._decided: dict[UUID, WsApproval] = {}
        # The decisions that were sent over the present connection. Without one, `connected` returns all of them later.
        self._sent: set[UUID] = set()

    def __len__(self) -> int:
        return len(self._open)

    def asked(self, request: WsApprovalRequest) -> WsApproval | None:
        """The server asks. Returns the decision if there is one that this connection has not carried."""
        decided = self._decided.get(request.call_id)
        if decided is not None:
            return None if request.call_id in self._sent else self._sending(decided)
        if request.call_id not in self._open:
            self._open[request.call_id] = request
            self._show(request)
        return None

    def decide(self, *, approved: bool) -> WsApproval | None:
        """The person's answer to the oldest question. Returns the frame to send, or None if no question is open."""
        if not self._open:
            return None
        call_id = next(iter(self._open))
        del self._open[call_id]
        decision = self._decided[call_id] = WsApproval(call_id=call_id, approved=approved)
        if len(self._decided) > _MOST_DECIDED:
            del self._decided[next(iter(self._decided))]
        return self._sending(decision)

    def closed(self, closed: WsApprovalClosed) -> None:
        """The question needs no answer any more."""
        self._decided.pop(closed.call_id, None)
        if self._open.pop(closed.call_id, None) is not None:
            self._on_closed(closed)

    def connected(self, *, resumed: bool) -> list[WsApproval]:
        """A session has started, or goes on. Returns the decisions to send again: the server may not have them."""
        if not resumed:
            for call_id in list(self._open):  # a new session sends the open questions again
                self.closed(WsApprovalClosed(call_id=call_id, outcome="cancelled"))
        self._sent.clear()
        return [self._sending(decision) for decision in self._decided.values()]

    def _sending(self, decision: WsApproval) -> WsApproval:
        self._sent.add(decision.call_id)
        return decision

    def too_late(self, call_id: UUID | None) -> None:
        """The server refused the decision: the call has been decided on another device."""
        if call_id is not None:
            self._decided.pop(call_id, None)


async def expire(approvals: RemoteApprovals, question: WsApprovalRequest) -> None:
    """Remove the question when its time has passed, also without a connection."""
    await trio.sleep(question.expires_ms / 1000)
    approvals.closed(WsApprovalClosed(call_id=question.call_id, outcome="expired"))
