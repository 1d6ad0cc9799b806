"""A device that is connected to another server, as a request at this server sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from server.devices import PendingReplies
from streaming.wire import (
    ServerFrame,
    WsDataRequest,
    WsDataResponse,
    WsToolCall,
    WsToolCancel,
    WsToolResult,
)

RelayedFrame = WsToolCall | WsToolCancel | WsDataRequest


@dataclass(frozen=True, slots=True)
class OpenCalls:
    """The calls to devices of one other server that are not answered yet."""

    tools: PendingReplies[WsToolResult] = field(default_factory=PendingReplies)
    data: PendingReplies[WsDataResponse] = field(default_factory=PendingReplies)

    def __len__(self) -> int:
        return len(self.tools) + len(self.data)

    def answer(self, frame: WsToolResult | WsDataResponse) -> bool:
        """Deliver a device's answer. Returns False if no task waits for it."""
        if isinstance(frame, WsToolResult):
            return self.tools.answer(frame.call_id, frame)
        return self.data.answer(frame.data_id, frame)

    def gone(self, call_id: UUID) -> None:
        """Fail one call: it will not be answered."""
        self.tools.give_up(call_id)
        self.data.give_up(call_id)

    def all_gone(self) -> None:
        """Fail every open call, and every later one."""
        self.tools.device_gone()
        self.data.device_gone()


class RelayedLink:
    """Implements `server.devices.registry.DeviceSide`. `post` sends the frames to the other server."""

    def __init__(
        self,
        user_id: UUID,
        device_id: UUID,
        server_id: UUID,
        open_calls: OpenCalls,
        post: Callable[[RelayedLink, RelayedFrame], None],
    ) -> None:
        self.user_id = user_id
        self.device_id = device_id
        self.server_id = server_id
        self.open_calls = open_calls
        self._post = post

    def __repr__(self) -> str:
        return f"<RelayedLink to {self.device_id} at {self.server_id}>"

    @property
    def tool_replies(self) -> PendingReplies[WsToolResult]:
        return self.open_calls.tools

    @property
    def data_replies(self) -> PendingReplies[WsDataResponse]:
        return self.open_calls.data

    def send_control(self, frame: ServerFrame) -> None:
        """Send `frame` to the other server. Never blocks, never raises. A call that can't be sent fails."""
        if isinstance(frame, RelayedFrame):
            self._post(self, frame)
