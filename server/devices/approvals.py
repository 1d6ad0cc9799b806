"""The calls of a user's devices that wait for the person's approval, as the user's other devices see them.

The device that has the call decides with its own answer, or another device answers for it. The first answer wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import trio

from streaming.wire import ServerFrame, WsApproval, WsApprovalClosed, WsApprovalRequest

APPROVALS: Final = "approvals"
"""The feature of a client that answers approvals of other devices, and confirms calls that are withdrawn from it."""


@dataclass(frozen=True, slots=True)
class OpenApproval:
    """A call of `device_id` that waits. `expires_at` is on trio's clock.

    `decide` takes another device's answer. It returns False if the approval has been answered.
    """

    user_id: UUID
    device_id: UUID
    request: WsApprovalRequest
    expires_at: float
    decide: Callable[[UUID, WsApproval], bool]

    def request_now(self) -> WsApprovalRequest:
        """The request with the time that is left."""
        left_ms = max(int((self.expires_at - trio.current_time()) * 1000), 0)
        return self.request.model_copy(update={"expires_ms": left_ms})


class ApprovalLink(Protocol):
    """A device with a session at this server, as approvals see it."""

    @property
    def device_id(self) -> UUID: ...

    @property
    def answers_approvals(self) -> bool:
        """Whether its client has the feature `approvals`."""
        ...

    def send_control(self, frame: ServerFrame) -> None: ...


class OtherApprovers(Protocol):
    """The user's devices at other servers; `server.relay.Relay` is one. The methods never block and never raise."""

    def approval_asked(self, approval: OpenApproval) -> None:
        """Ask them, and those that connect while the approval is open."""
        ...

    def approval_closed(self, user_id: UUID, closed: WsApprovalClosed) -> None:
        """Tell those that were asked."""
        ...


class OpenApprovals:
    """The open approvals of calls at this server and, as far as they were relayed, at other servers."""

    def __init__(self, links: Callable[[UUID], Iterable[ApprovalLink]]) -> None:
        """`links` returns a user's devices at this server."""
        self._links = links
        self._open: dict[UUID, dict[UUID, OpenApproval]] = {}
        self.others: OtherApprovers | None = None

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def ask(self, approval: OpenApproval) -> None:
        """A call at this server waits: ask the user's other devices, at every server."""
        self.asked_elsewhere(approval)
        if self.others is not None:
            self.others.approval_asked(approval)

    def asked_elsewhere(self, approval: OpenApproval) -> None:
        """A call at another server waits: ask the user's devices at this server."""
        self._open.setdefault(approval.user_id, {})[approval.request.call_id] = approval
        for link in self._links(approval.user_id):
            if link.answers_approvals and link.device_id != approval.device_id:
                link.send_control(approval.request)

    def close(self, user_id: UUID, closed: WsApprovalClosed) -> None:
        """An approval of a call at this server needs no answer any more. Does nothing if it is not open."""
        if self.closed_elsewhere(user_id, closed) and self.others is not None:
            self.others.approval_closed(user_id, closed)

    def closed_elsewhere(self, user_id: UUID, closed: WsApprovalClosed) -> bool:
        """An approval of a call at another server needs no answer any more. Returns False if it is not open."""
        approvals = self._open.get(user_id, {})
        if approvals.pop(closed.call_id, None) is None:
            return False
        if not approvals:
            del self._open[user_id]
        for link in self._links(user_id):
            link.send_control(closed)
        return True

    def answer(self, user_id: UUID, device_id: UUID, answer: WsApproval) -> bool:
        """Take a device's answer. Returns False if no such approval waits for it: the first answer has won."""
        approval = self._open.get(user_id, {}).get(answer.call_id)
        if approval is None or approval.device_id == device_id or approval.expires_at <= trio.current_time():
            return False
        return approval.decide(device_id, answer)

    def waiting(self, user_id: UUID, device_id: UUID) -> list[WsApprovalRequest]:
        """The approvals that a device of this user may answer now, the oldest first."""
        now = trio.current_time()
        return [
            approval.request_now()
            for approval in self._open.get(user_id, {}).values()
            if approval.device_id != device_id and approval.expires_at > now
        ]
