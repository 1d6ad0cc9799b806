"""The frames that a client sends: frozen pydantic models, discriminated by `type`. `inbound` validates them."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from streaming.wire.frames import (
    MAX_ENTITY_ID_CHARS,
    Entity,
    FrameModel,
    MutationOp,
    Optional,
    WsClientInfo,
    WsFrameType,
    WsHistoryMessage,
    WsResume,
    WsScope,
    WsToolError,
)


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
    """The device's answer: `data` if `ok`, else `error`. `edited_args`: arguments that the person approved instead."""

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
    """The person wants one memory deleted, for example one of `stream_end.memory_used`."""

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
