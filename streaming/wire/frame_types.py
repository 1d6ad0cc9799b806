"""The names of the frames: what tells them apart on the wire."""

from __future__ import annotations

from enum import StrEnum


class WsFrameType(StrEnum):
    """Every value of `type` on the wire."""

    DEVICE_HELLO = "device_hello"
    DEVICE_READY = "device_ready"
    HOME_REQUEST = "home_request"
    POPUP_REQUEST = "popup_request"
    CANCEL = "cancel"
    STREAM_START = "stream_start"
    POPUP_DOMAIN = "popup_domain"
    BLOCK_OPEN = "block_open"
    STREAM_TEXT = "stream_text"
    STREAM_BLOCK = "stream_block"
    STREAM_END = "stream_end"
    TOOL_CALL = "tool_call"
    TOOL_CANCEL = "tool_cancel"
    TOOL_RESULT = "tool_result"
    DATA_REQUEST = "data_request"
    DATA_RESPONSE = "data_response"
    MUTATION = "mutation"
    MEMORY_FORGET = "memory_forget"
    MEMORY_FORGOTTEN = "memory_forgotten"
    PING = "ping"
    PONG = "pong"
    AUTH_REFRESH = "auth_refresh"
    AUTH_EXPIRING = "auth_expiring"
    ERROR = "error"
