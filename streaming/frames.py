"""Every frame of the device protocol, version 3: frozen pydantic models, discriminated by `type`.

`streaming.inbound` validates what clients send; the socket's writer stamps `seq` on what the server sends. The JSON
Schema, the AsyncAPI document and the clients' types are generated from this module.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter

from streaming.codes import ErrorCode

PROTOCOL_VERSION = 3
T = TypeVar("T")


class WsFrameType(StrEnum):
    """Every value of `type` on the wire."""

    DEVICE_HELLO = "device_hello"
    DEVICE_READY = "device_ready"
    HOME_REQUEST = "home_request"
    POPUP_REQUEST = "popup_request"
    CANCEL = "cancel"
    STREAM_START = "stream_start"
    POPUP_DOMAIN = "popup_domain"
    STREAM_TEXT = "stream_text"
    STREAM_BLOCK = "stream_block"
    STREAM_END = "stream_end"
    TOOL_CALL = "tool_call"
    TOOL_CANCEL = "tool_cancel"
    TOOL_RESULT = "tool_result"
    DATA_REQUEST = "data_request"
    DATA_RESPONSE = "data_response"
    MUTATION = "mutation"
    PING = "ping"
    PONG = "pong"
    AUTH_REFRESH = "auth_refresh"
    AUTH_EXPIRING = "auth_expiring"
    ERROR = "error"


Entity = Literal["task", "project", "note", "checkpoint"]
Domain = Literal["tasks", "checkpoints", "notes", "projects"]
MutationOp = Literal["create", "update", "delete"]
# Left out of the JSON when they are None; nulls inside data stay.
Optional = Annotated[T | None, Field(exclude_if=lambda value: value is None)]


class _Model(BaseModel, frozen=True, hide_input_in_errors=True, json_schema_serialization_defaults_required=True):
    """Unknown fields are ignored."""


class _ServerFrame(_Model):
    seq: int = Field(default=0, ge=0, description="Rises by one per frame of the session, from 1; 0 before sending.")


# ---- parts ----------------------------------------------------------------------------------------------------------


class WsClientInfo(_Model):
    name: str = Field(max_length=200)
    version: str = Field(max_length=100)
    platform: str = Field(max_length=100)


class WsResume(_Model):
    session_id: UUID
    seq: int = Field(ge=0)


class WsLimits(_Model):
    max_frame_bytes: int
    max_concurrent_requests: int
    max_message_chars: int


class WsHistoryMessage(_Model):
    role: Literal["user", "assistant"]
    content: str


class WsScope(_Model):
    """What a popup was opened on: an entity kind (singular) and, when it is about one item, its id."""

    type: Entity
    id: Optional[Annotated[str, Field(max_length=200)]] = None


class WsUsage(_Model):
    input_tokens: int
    output_tokens: int


class WsFailure(_Model):
    code: ErrorCode
    message: str
    retryable: bool


class WsToolError(_Model):
    code: str = Field(max_length=100)
    message: str = Field(default="", max_length=10_000)


class WsMutationRecord(_Model):
    """One change a request made on the device, as `stream_end.mutations` lists it."""

    op: MutationOp
    entity: Entity
    id: str
    data: Optional[dict[str, Any]] = None


# ---- client to server -----------------------------------------------------------------------------------------------


class WsDeviceHello(_Model):
    type: Literal[WsFrameType.DEVICE_HELLO] = WsFrameType.DEVICE_HELLO
    token: Optional[Annotated[str, Field(max_length=8192)]] = None
    device_id: UUID
    protocol_versions: list[int] = Field(min_length=1, max_length=16)
    client: WsClientInfo
    resume: Optional[WsResume] = None


class WsHomeRequest(_Model):
    type: Literal[WsFrameType.HOME_REQUEST] = WsFrameType.HOME_REQUEST
    request_id: Optional[UUID] = None
    message: str = Field(min_length=1)
    conversation_history: list[WsHistoryMessage] = Field(default_factory=list, max_length=200)
    session_id: Optional[Annotated[str, Field(max_length=200)]] = None


class WsPopupRequest(_Model):
    type: Literal[WsFrameType.POPUP_REQUEST] = WsFrameType.POPUP_REQUEST
    request_id: Optional[UUID] = None
    message: str = Field(min_length=1)
    scope: WsScope


class WsCancel(_Model):
    type: Literal[WsFrameType.CANCEL] = WsFrameType.CANCEL
    request_id: UUID


class WsToolResult(_Model):
    """The device's answer: `data` with `ok`, `error` without; `edited_args`: approved so, to be called again."""

    type: Literal[WsFrameType.TOOL_RESULT] = WsFrameType.TOOL_RESULT
    call_id: UUID
    ok: bool
    data: Any = None
    edited_args: Optional[dict[str, Any]] = None
    error: Optional[WsToolError] = None


class WsDataResponse(_Model):
    type: Literal[WsFrameType.DATA_RESPONSE] = WsFrameType.DATA_RESPONSE
    data_id: UUID
    items: Optional[Annotated[list[dict[str, Any]], Field(max_length=10_000)]] = None
    error: Optional[WsToolError] = None


class WsClientMutation(_Model):
    """The person edited something on this device."""

    type: Literal[WsFrameType.MUTATION] = WsFrameType.MUTATION
    op: MutationOp
    entity: Entity
    id: str = Field(min_length=1, max_length=200)
    data: Optional[dict[str, Any]] = None


class WsPing(_Model):
    type: Literal[WsFrameType.PING] = WsFrameType.PING


class WsAuthRefresh(_Model):
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
    | WsStreamText
    | WsStreamBlock
    | WsStreamEnd
    | WsToolCall
    | WsToolCancel
    | WsDataRequest
    | WsServerMutation
    | WsPong
    | WsAuthExpiring
    | WsError,
    Field(discriminator="type"),
]
SERVER_FRAME: TypeAdapter[ServerFrame] = TypeAdapter(ServerFrame)
