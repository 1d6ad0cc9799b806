"""The frames that the server sends: frozen pydantic models, discriminated by `type`. The socket's writer sets `seq`."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from streaming.wire.codes import ErrorCode
from streaming.wire.frames import (
    PROTOCOL_VERSION,
    Domain,
    Entity,
    FrameModel,
    MemoryTier,
    MutationOp,
    Optional,
    WsFailure,
    WsFrameType,
    WsLimits,
    WsMemoryUsed,
    WsMutationRecord,
    WsUsage,
)


class _ServerFrame(FrameModel):
    seq: int = Field(default=0, ge=0, description="Rises by one per frame of the session, from 1; 0 before sending.")


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
    """A block has begun and its type is known. Sent only to clients with the feature `block_open`."""

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
        default=None, description="Memories that were recalled for this answer; left out if there are none."
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
    """The memory was deleted, with its sources and everything derived from it, in each of `tiers`."""

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
