"""Every frame of the device protocol, version 3: frozen pydantic models, discriminated by `type`.

`inbound` validates what clients send; the socket's writer stamps `seq` on what the server sends. The JSON
Schema, the AsyncAPI document and the clients' types are generated from this module.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from streaming.wire.codes import ErrorCode
from streaming.wire.frame_parts import (
    MAX_ENTITY_ID_CHARS,
    Domain,
    Entity,
    FrameModel,
    MemoryTier,
    MutationOp,
    Optional,
    WsClientInfo,
    WsFailure,
    WsHistoryMessage,
    WsLimits,
    WsMemoryUsed,
    WsMutationRecord,
    WsResume,
    WsScope,
    WsToolError,
    WsUsage,
)
from streaming.wire.frame_types import WsFrameType

# The parts are imported from here too: clients and tests need one module for the wire.
__all__ = [
    "Domain",
    "Entity",
    "MemoryTier",
    "MutationOp",
    "Optional",
    "WsClientInfo",
    "WsFailure",
    "WsFrameType",
    "WsHistoryMessage",
    "WsLimits",
    "WsMemoryUsed",
    "WsMutationRecord",
    "WsResume",
    "WsScope",
    "WsToolError",
    "WsUsage",
]

PROTOCOL_VERSION = 3


class _ServerFrame(FrameModel):
    seq: int = Field(default=0, ge=0, description="Rises by one per frame of the session, from 1; 0 before sending.")


# ---- client to server -----------------------------------------------------------------------------------------------


class WsDeviceHello(FrameModel):
    type: Literal[WsFrameType.DEVICE_HELLO] = WsFrameType.DEVICE_HELLO
    token: Optional[Annotated[str, Field(max_length=8192)]] = None
    device_id: UUID
    protocol_versions: list[int] = Field(min_length=1, max_length=16)
    client: WsClientInfo
    features: list[Annotated[str, Field(max_length=100)]] = Field(
        default_factory=list, max_length=32, description="What the client also wants: `block_open`. Others are ignored."
    )
    resume: Optional[WsResume] = None


class WsHomeRequest(FrameModel):
    type: Literal[WsFrameType.HOME_REQUEST] = WsFrameType.HOME_REQUEST
    request_id: Optional[UUID] = None
    message: str = Field(min_length=1)
    conversation_history: list[WsHistoryMessage] = Field(default_factory=list, max_length=200)
    session_id: Optional[Annotated[str, Field(max_length=200)]] = None


class WsPopupRequest(FrameModel):
    type: Literal[WsFrameType.POPUP_REQUEST] = WsFrameType.POPUP_REQUEST
    request_id: Optional[UUID] = None
    message: str = Field(min_length=1)
    scope: WsScope


class WsCancel(FrameModel):
    type: Literal[WsFrameType.CANCEL] = WsFrameType.CANCEL
    request_id: UUID


class WsToolResult(FrameModel):
    """The device's answer: `data` with `ok`, `error` without; `edited_args`: approved so, to be called again."""

    type: Literal[WsFrameType.TOOL_RESULT] = WsFrameType.TOOL_RESULT
    call_id: UUID
    ok: bool
    data: Any = None
    edited_args: Optional[dict[str, Any]] = None
    error: Optional[WsToolError] = None


class WsDataResponse(FrameModel):
    type: Literal[WsFrameType.DATA_RESPONSE] = WsFrameType.DATA_RESPONSE
    data_id: UUID
    items: Optional[Annotated[list[dict[str, Any]], Field(max_length=10_000)]] = None
    error: Optional[WsToolError] = None


class WsClientMutation(FrameModel):
    """The person edited something on this device."""

    type: Literal[WsFrameType.MUTATION] = WsFrameType.MUTATION
    op: MutationOp
    entity: Entity
    id: str = Field(min_length=1, max_length=MAX_ENTITY_ID_CHARS)
    data: Optional[dict[str, Any]] = None


class WsMemoryForget(FrameModel):
    """The person wants one memory removed for good, one of `stream_end.memory_used` for example."""

    type: Literal[WsFrameType.MEMORY_FORGET] = WsFrameType.MEMORY_FORGET
    memory_id: UUID


class WsPing(FrameModel):
    type: Literal[WsFrameType.PING] = WsFrameType.PING


class WsAuthRefresh(FrameModel):
    type: Literal[WsFrameType.AUTH_REFRESH] = WsFrameType.AUTH_REFRESH
    token: str = Field(max_length=8192)


ClientFrame = Annotated[
    WsDeviceHello
    | WsHomeRequest
    | WsPopupRequest
    | WsCancel
    | WsToolResult
    | WsDataResponse
    | WsClientMutation
    | WsMemoryForget
    | WsPing
    | WsAuthRefresh,
    Field(discriminator="type"),
]
CLIENT_FRAME: TypeAdapter[ClientFrame] = TypeAdapter(ClientFrame)

# ---- server to client -----------------------------------------------------------------------------------------------


class WsDeviceReady(_ServerFrame):
    type: Literal[WsFrameType.DEVICE_READY] = WsFrameType.DEVICE_READY
    session_id: UUID
    protocol_version: int = PROTOCOL_VERSION
    user_id: UUID
    heartbeat_s: float
    limits: WsLimits
    resume: Literal["new", "replayed", "lost"]


class WsStreamStart(_ServerFrame):
    type: Literal[WsFrameType.STREAM_START] = WsFrameType.STREAM_START
    request_id: UUID
    agent: str


class WsPopupDomain(_ServerFrame):
    type: Literal[WsFrameType.POPUP_DOMAIN] = WsFrameType.POPUP_DOMAIN
    request_id: UUID
    domain: Domain


class WsBlockOpen(_ServerFrame):
    """A block has begun and its type is known; only for clients that asked for the feature `block_open`."""

    type: Literal[WsFrameType.BLOCK_OPEN] = WsFrameType.BLOCK_OPEN
    request_id: UUID
    block: int
    block_type: Literal["text", "chart", "table", "timeline", "entity_ref"]


class WsStreamText(_ServerFrame):
    type: Literal[WsFrameType.STREAM_TEXT] = WsFrameType.STREAM_TEXT
    request_id: UUID
    block: int
    chunk: str


class WsStreamBlock(_ServerFrame):
    type: Literal[WsFrameType.STREAM_BLOCK] = WsFrameType.STREAM_BLOCK
    request_id: UUID
    block: int
    block_type: Literal["chart", "table", "timeline", "entity_ref"]
    data: dict[str, Any]


class WsStreamEnd(_ServerFrame):
    type: Literal[WsFrameType.STREAM_END] = WsFrameType.STREAM_END
    request_id: UUID
    status: Literal["completed", "cancelled", "failed"]
    mutations: list[WsMutationRecord] = Field(default_factory=list)
    memory_used: Optional[list[WsMemoryUsed]] = Field(
        default=None, description="What was recalled for this answer; left out when nothing was."
    )
    usage: Optional[WsUsage] = None
    error: Optional[WsFailure] = None


class WsToolCall(_ServerFrame):
    type: Literal[WsFrameType.TOOL_CALL] = WsFrameType.TOOL_CALL
    call_id: UUID
    request_id: UUID
    tool: str
    args: dict[str, Any]
    deadline_ms: int = Field(description="Milliseconds the device has, from receipt.")
    requires_approval: bool


class WsToolCancel(_ServerFrame):
    type: Literal[WsFrameType.TOOL_CANCEL] = WsFrameType.TOOL_CANCEL
    call_id: UUID


class WsDataRequest(_ServerFrame):
    type: Literal[WsFrameType.DATA_REQUEST] = WsFrameType.DATA_REQUEST
    data_id: UUID
    request_id: UUID
    entity: Entity
    id: Optional[str] = None
    filter: Optional[dict[str, Any]] = None


class WsServerMutation(_ServerFrame):
    """Another device of this user changed something, by a tool (`request_id`) or by hand."""

    type: Literal[WsFrameType.MUTATION] = WsFrameType.MUTATION
    op: MutationOp
    entity: Entity
    id: str
    data: Optional[dict[str, Any]] = None
    request_id: Optional[UUID] = None
    origin_device_id: Optional[UUID] = None


class WsMemoryForgotten(_ServerFrame):
    """The memory is gone, with what it came from and what came of it: something was removed in each of `tiers`."""

    type: Literal[WsFrameType.MEMORY_FORGOTTEN] = WsFrameType.MEMORY_FORGOTTEN
    memory_id: UUID
    tiers: list[MemoryTier]


class WsPong(_ServerFrame):
    type: Literal[WsFrameType.PONG] = WsFrameType.PONG


class WsAuthExpiring(_ServerFrame):
    type: Literal[WsFrameType.AUTH_EXPIRING] = WsFrameType.AUTH_EXPIRING
    in_s: float


class WsError(_ServerFrame):
    type: Literal[WsFrameType.ERROR] = WsFrameType.ERROR
    code: ErrorCode
    message: str
    retryable: bool = False
    request_id: Optional[UUID] = None


ServerFrame = Annotated[
    WsDeviceReady
    | WsStreamStart
    | WsPopupDomain
    | WsBlockOpen
    | WsStreamText
    | WsStreamBlock
    | WsStreamEnd
    | WsToolCall
    | WsToolCancel
    | WsDataRequest
    | WsServerMutation
    | WsMemoryForgotten
    | WsPong
    | WsAuthExpiring
    | WsError,
    Field(discriminator="type"),
]
SERVER_FRAME: TypeAdapter[ServerFrame] = TypeAdapter(ServerFrame)
