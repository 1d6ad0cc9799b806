"""Calls from other servers to devices that are connected here: each is sent once and answered once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
import trio

from server.devices import DeviceGone, DeviceLink, PendingReplies
from server.relay.messages import DeviceGoneMessage, ForDevice, FromDevice, Message
from streaming.wire import WsDataResponse, WsToolCall, WsToolCancel, WsToolResult

log = structlog.get_logger(__name__)

_WAITING: Final = 1000

Respond = Callable[[UUID, UUID, Message], None]
"""Sends a message about a user to a server. Never blocks, never raises."""


@dataclass(frozen=True, slots=True)
class _Question:
    user_id: UUID
    call_id: UUID
    device: DeviceLink
    asked: ForDevice
    scope: trio.CancelScope


class ServedCalls:
    """Sends each call to its device, in a task of `run`, and its answer back with `respond`."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._open: dict[tuple[UUID, UUID], _Question] = {}
        self._send, self._receive = trio.open_memory_channel[_Question](_WAITING)

    def __len__(self) -> int:
        return len(self._open)

    def serve(self, user_id: UUID, device: DeviceLink | None, asked: ForDevice) -> None:
        """Take a frame for `device`, in the order of the calls. None: the device is not connected here."""
        frame = asked.frame
        if isinstance(frame, WsToolCancel):
            question = self._open.get((user_id, frame.call_id))
            if question is not None:
                question.scope.cancel()
            return
        call_id = frame.call_id if isinstance(frame, WsToolCall) else frame.data_id
        if device is None:
            self._respond(user_id, asked.asker, DeviceGoneMessage(id=call_id))
            return
        if asked.within_s <= 0:  # the deadline has passed at the asking server too
            return
        question = _Question(user_id, call_id, device, asked, trio.CancelScope())
        try:
            self._send.send_nowait(question)
        except trio.WouldBlock:
            log.warning("relay_overflow", waiting=_WAITING)
            self._respond(user_id, asked.asker, DeviceGoneMessage(id=call_id))
        else:
            self._open[user_id, call_id] = question

    async def run(self) -> None:
        """Send the calls until cancelled."""
        async with trio.open_nursery() as nursery:
            async for question in self._receive:
                nursery.start_soon(self._ask, question)

    async def _ask(self, question: _Question) -> None:
        device, asked = question.device, question.asked
        try:
            # Withdrawn before it was sent: the device never learns of it.
            if question.scope.cancel_called:
                return
            answer: Message | None = None
            with question.scope:
                if isinstance(asked.frame, WsToolCall):
                    answer = await self._put(question, device.tool_replies)
                else:
                    answer = await self._put(question, device.data_replies)
            if answer is not None:
                self._respond(question.user_id, asked.asker, answer)
            elif isinstance(asked.frame, WsToolCall):
                # Withdrawn or past its deadline: the asking server knows, or is gone.
                device.send_control(WsToolCancel(call_id=asked.frame.call_id))
        finally:
            del self._open[question.user_id, question.call_id]

    async def _put(
        self, question: _Question, replies: PendingReplies[WsToolResult] | PendingReplies[WsDataResponse]
    ) -> Message | None:
        """The device's answer, or a message that the device is gone. None if the deadline passed."""
        with replies.expect(question.call_id) as reply:
            question.device.send_control(question.asked.frame)
            with trio.move_on_after(question.asked.within_s):
                try:
                    return FromDevice(frame=await reply.wait())
                except DeviceGone:
                    return DeviceGoneMessage(id=question.call_id)
        return None
