"""The calls of one session that wait for the person's approval, here or on another device of the user.

A call is asked on its own device. Another device may answer instead; the first answer wins. The session then withdraws
the call and waits until the device confirms that it has not started it. Only then is the other device's decision
carried out, with a new call if it approved. So a call that the own device has started at the same time is never run a
second time: its result counts, and the other device's decision does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol
from uuid import UUID, uuid4

import trio

from server.devices import OpenApproval, OpenApprovals
from streaming.wire import (
    WsApproval,
    WsApprovalClosed,
    WsApprovalRequest,
    WsToolCall,
    WsToolError,
    WsToolResult,
)

NOT_STARTED: Final = "not_started"
"""The error code of a device that confirms that it has not started a call, and will not."""

# The asking task's deadline ends a call a little before the deadline of the ledger, which counts from the offer.
_NEARLY_S: Final = 1.0

Outcome = Literal["approved", "denied", "expired", "cancelled"]


@dataclass(slots=True)
class _Asked:
    """A call that was asked. `answer` of the device `by` waits for the confirmation of the session's own device."""

    call: WsToolCall
    deadline: float
    answer: WsApproval | None = None
    by: UUID | None = None


class Calls(Protocol):
    """The calls of the session, as its approvals see them."""

    def offer(self, call: WsToolCall) -> None:
        """Send a new call to the session's device."""
        ...

    def take_back(self, call_id: UUID) -> bool:
        """Remove a call. Returns True if no socket got it."""
        ...

    def confirm_unstarted(self, call_id: UUID) -> None:
        """Let the device confirm that it has not started this call."""
        ...

    def tool_answered(self, result: WsToolResult) -> bool:
        """Deliver the result of a call."""
        ...


class AskedCalls:
    """The approvals of one session's calls, and the calls that are made after another device's approval."""

    __slots__ = ("_approvals", "_asked", "_calls", "_device_id", "_in_place_of", "_user_id")

    def __init__(self, user_id: UUID, device_id: UUID, calls: Calls, approvals: OpenApprovals) -> None:
        self._user_id = user_id
        self._device_id = device_id
        self._calls = calls
        self._approvals = approvals
        self._asked: dict[UUID, _Asked] = {}
        # The id of the asked call, by the id of the call that was made in its place.
        self._in_place_of: dict[UUID, UUID] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, call: WsToolCall) -> None:
        """The session's device is asked. Ask the user's other devices too."""
        expires_at = trio.current_time() + call.deadline_ms / 1000
        self._asked[call.call_id] = _Asked(call, expires_at)
        request = WsApprovalRequest(
            call_id=call.call_id,
            request_id=call.request_id,
            tool=call.tool,
            args=call.args,
            expires_ms=call.deadline_ms,
        )
        self._approvals.ask(OpenApproval(self._user_id, self._device_id, request, expires_at, self._decide))

    def _decide(self, device_id: UUID, answer: WsApproval) -> bool:
        """Another device answered. Returns False if this approval has been answered."""
        asked = self._asked.get(answer.call_id)
        if asked is None or asked.answer is not None:
            return False
        asked.answer, asked.by = answer, device_id
        if self._calls.take_back(answer.call_id):
            self._carry_out(asked, answer)
        else:
            self._calls.confirm_unstarted(answer.call_id)
        return True

    def unconfirmed(self) -> list[UUID]:
        """The calls that were withdrawn after another device's answer, and that the device has not confirmed."""
        return [call_id for call_id, asked in self._asked.items() if asked.answer is not None]

    def started(self, call_id: UUID) -> None:
        """The session's device is running the call: the person approved it there."""
        self._close(call_id, "approved", self._device_id)

    def answered(self, result: WsToolResult) -> WsToolResult | None:
        """The device's result of a call. Returns the result to deliver; None if the call goes on."""
        original = self._in_place_of.pop(result.call_id, None)
        if original is not None:
            return _of_original(result, original)
        if result.call_id in self._in_place_of.values():
            return None  # the withdrawal was sent twice over two sockets, and the device confirms it again
        asked = self._asked.get(result.call_id)
        if asked is None:
            return result
        code = None if result.error is None else result.error.code
        unstarted = code in {NOT_STARTED, "denied"} or result.edited_args is not None
        if asked.answer is not None and unstarted:
            self._carry_out(asked, asked.answer)
            return None
        # An error without a decision, such as a tool that the device does not have, is not an approval.
        outcome: Outcome = "approved" if result.ok or asked.answer is not None else "cancelled"
        self._close(result.call_id, "denied" if code == "denied" else outcome, self._device_id)
        return result

    def withdrawn(self, call_id: UUID) -> UUID:
        """The call is no longer wanted. Returns the id under which the device has it now."""
        asked = self._asked.get(call_id)
        if asked is not None:
            expired = trio.current_time() >= asked.deadline - _NEARLY_S
            self._close(call_id, "expired" if expired else "cancelled", None)
        for made, original in self._in_place_of.items():
            if original == call_id:
                del self._in_place_of[made]
                return made
        return call_id

    def original(self, call_id: UUID) -> UUID:
        """The id under which the call was asked, if `call_id` was made in its place."""
        return self._in_place_of.get(call_id, call_id)

    def close_all(self, *, undecided_only: bool = False) -> None:
        """No other device can answer any more: the session ends, or its client can't confirm withdrawn calls."""
        for call_id, asked in list(self._asked.items()):
            if asked.answer is None or not undecided_only:
                self._close(call_id, "cancelled", None)

    def _carry_out(self, asked: _Asked, answer: WsApproval) -> None:
        """Do what another device decided: the session's device has not started the call, and will not."""
        call, calls = asked.call, self._calls
        self._close(call.call_id, "approved" if answer.approved else "denied", asked.by)
        if not answer.approved:
            denied = WsToolError(code="denied", message="The person refused on another device.")
            calls.tool_answered(WsToolResult(call_id=call.call_id, ok=False, error=denied))
        elif answer.edited_args is not None:
            # The task that made the call checks the arguments, and makes a new call.
            calls.tool_answered(WsToolResult(call_id=call.call_id, ok=True, edited_args=answer.edited_args))
        else:
            made = uuid4()
            self._in_place_of[made] = call.call_id
            left_ms = max(int((asked.deadline - trio.current_time()) * 1000), 0)
            changes = {"call_id": made, "requires_approval": False, "deadline_ms": left_ms}
            calls.offer(call.model_copy(update=changes))

    def _close(self, call_id: UUID, outcome: Outcome, device_id: UUID | None) -> None:
        if self._asked.pop(call_id, None) is not None:
            closed = WsApprovalClosed(call_id=call_id, outcome=outcome, device_id=device_id)
            self._approvals.close(self._user_id, closed)


def _of_original(result: WsToolResult, original: UUID) -> WsToolResult:
    if result.edited_args is not None:
        fault = WsToolError(code="not_asked", message="The call did not ask for approval.")
        return WsToolResult(call_id=original, ok=False, error=fault)
    return result.model_copy(update={"call_id": original})
