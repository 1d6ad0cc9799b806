"""A chat frame as the answer pipeline takes it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from server.requests import ChatInput
from streaming.chat import Message
from streaming.wire.frames import WsHomeRequest, WsPopupRequest

BLOCK_OPEN: Final = "block_open"
"""The feature of a client that wants to hear of a block when it begins."""


def chat_input(
    frame: WsHomeRequest | WsPopupRequest, request_id: UUID, user_id: UUID, device_id: UUID, *, block_open: bool
) -> ChatInput:
    """`frame` under `request_id`, asked by this device: it serves the tools, and may want `block_open` frames."""
    match frame:
        case WsHomeRequest():
            return ChatInput(
                request_id=request_id,
                user_id=user_id,
                message=frame.message,
                mode="home",
                history=tuple(Message(turn.role, turn.content) for turn in frame.conversation_history),
                session_id=frame.session_id,
                device_id=device_id,
                block_open=block_open,
            )
        case WsPopupRequest():
            return ChatInput(
                request_id=request_id,
                user_id=user_id,
                message=frame.message,
                mode="popup",
                scope=frame.scope,
                device_id=device_id,
            )
