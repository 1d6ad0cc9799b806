"""Approvals of calls at one server that the user's devices at other servers may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from uuid import UUID

import trio

from server.devices import OpenApproval, OpenApprovals
from server.relay.messages import ApprovalAsked, ApprovalEnded, ApprovalGiven, Message
from server.relay.send_queue import SendQueue
from streaming.wire import WsApproval, WsApprovalClosed

_LASTING_S: Final = 30.0


@dataclass(slots=True)
class _Asked:
    """An approval of a call at this server, and the servers that were asked."""

    approval: OpenApproval
    servers: set[UUID] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Foreign:
    """An approval of a call at the server `server_id`."""

    server_id: UUID
    expires_at: float


class RelayedApprovals:
    """Implements `server.devices.approvals.OtherApprovers`, and serves the approvals of other servers."""

    def __init__(
        self,
        server_id: UUID,
        out: SendQueue,
        approvals: OpenApprovals,
        reply: Callable[[UUID, UUID, Message], None],
    ) -> None:
        """`reply` sends a message about a user to a server. It never blocks and never raises."""
        self._server_id = server_id
        self._out = out
        self._approvals = approvals
        self._reply = reply
        self._asked: dict[tuple[UUID, UUID], _Asked] = {}
        self._foreign: dict[tuple[UUID, UUID], _Foreign] = {}

    def __repr__(self) -> str:
        return f"<RelayedApprovals, {len(self._asked)} asked, {len(self._foreign)} of other servers>"

    # ---- calls at this server ---------------------------------------------------------------------------------------

    def approval_asked(self, approval: OpenApproval) -> None:
        """See `OtherApprovers`."""
        asked = self._asked[approval.user_id, approval.request.call_id] = _Asked(approval)
        self._ask(asked)

    def approval_closed(self, user_id: UUID, closed: WsApprovalClosed) -> None:
        """See `OtherApprovers`."""
        asked = self._asked.pop((user_id, closed.call_id), None)
        if asked is not None:
            # The question may still wait in the queue. It adds its servers before this message is sent.
            self._out.put_all(user_id, asked.servers, ApprovalEnded(frame=closed), _LASTING_S)

    def ask_new_servers(self) -> None:
        """Ask the servers to which a device of the user has connected since. Call it at every heartbeat."""
        for asked in self._asked.values():
            self._ask(asked)

    def _ask(self, asked: _Asked) -> None:
        approval = asked.approval
        left_s = approval.expires_at - trio.current_time()
        if left_s > 0:
            message = partial(self._question, approval)
            self._out.announce_once(approval.user_id, asked.servers, message, left_s)

    def _question(self, approval: OpenApproval) -> ApprovalAsked:
        return ApprovalAsked(device_id=approval.device_id, asker=self._server_id, frame=approval.request_now())

    def given(self, user_id: UUID, message: ApprovalGiven) -> None:
        """A device at another server has answered. A late answer changes nothing: its device was told the outcome."""
        self._approvals.answer(user_id, message.device_id, message.frame)

    # ---- calls at other servers -------------------------------------------------------------------------------------

    def asked(self, user_id: UUID, message: ApprovalAsked, took_s: float) -> None:
        """A call at another server waits. The message took `took_s` seconds."""
        expires_at = trio.current_time() + message.frame.expires_ms / 1000 - took_s
        self._foreign[user_id, message.frame.call_id] = _Foreign(message.asker, expires_at)

        def decide(device_id: UUID, answer: WsApproval) -> bool:
            self._reply(user_id, message.asker, ApprovalGiven(device_id=device_id, frame=answer))
            return True

        self._approvals.asked_elsewhere(OpenApproval(user_id, message.device_id, message.frame, expires_at, decide))

    def ended(self, user_id: UUID, closed: WsApprovalClosed) -> None:
        """An approval of another server is closed."""
        self._foreign.pop((user_id, closed.call_id), None)
        self._approvals.closed_elsewhere(user_id, closed)

    def servers(self) -> set[UUID]:
        """The servers whose approvals are open here."""
        return {foreign.server_id for foreign in self._foreign.values()}

    def server_gone(self, server_id: UUID) -> None:
        """Close the approvals of this server."""
        self._end_where(lambda foreign: foreign.server_id == server_id, "cancelled")

    def end_expired(self) -> None:
        """Close the approvals of other servers whose time has passed. Their servers may be slow to say so."""
        now = trio.current_time()
        self._end_where(lambda foreign: foreign.expires_at <= now, "expired")

    def _end_where(self, ends: Callable[[_Foreign], bool], outcome: str) -> None:
        for (user_id, call_id), foreign in list(self._foreign.items()):
            if ends(foreign):
                self.ended(user_id, WsApprovalClosed.model_validate({"call_id": call_id, "outcome": outcome}))
