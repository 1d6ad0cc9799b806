"""The frames that a client sends: frozen pydantic models, discriminated by `type`. `inbound` validates them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, TypeAdapter, model_validator

from person import DayForm
from streaming.wire.frames import (
    MAX_ENTITY_ID_CHARS,
    ConversationFields,
    Entity,
    FrameModel,
    History,
    MutationOp,
    Optional,
    WsClientInfo,
    WsFrameType,
    WsLocale,
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
        default_factory=list,
        max_length=32,
        description="What the client also understands: `block_open`, `ledger`, `changes`, `approvals`,"
        " `tool_events`, `quota`. Others are ignored.",
    )
    resume: Optional[WsResume] = None
    changes_after: Optional[Annotated[int, Field(ge=0)]] = Field(
        default=None, description="The number of the last change that this device has applied."
    )
    locale: Optional[WsLocale] = None
    dates: Optional[DayForm] = Field(
        default=None,
        description="How this device stores calendar days: as `2026-03-09` (`date`), or as the epoch milliseconds of"
        " the day's midnight in `locale.time_zone` (`local_midnight`) or in UTC (`utc_midnight`). Default: `date`, or"
        " `utc_midnight` for a client that sends no `locale`.",
    )

    @model_validator(mode="after")
    def _local_midnight_has_a_zone(self) -> Self:
        if self.dates == "local_midnight" and self.locale is None:
            raise ValueError("dates: local_midnight needs locale.time_zone")
        return self

    @property
    def day_form(self) -> DayForm:
        """`dates`, or its default. Clients from before `locale` existed store numbers."""
        return self.dates or ("utc_midnight" if self.locale is None else "date")


class WsHomeRequest(ConversationFields):
    type: Literal[WsFrameType.HOME_REQUEST] = WsFrameType.HOME_REQUEST
    request_id: Optional[UUID] = None
    message: str = Field(min_length=1)
    conversation_history: History = Field(default_factory=list)


class WsPopupRequest(ConversationFields):
    type: Literal[WsFrameType.POPUP_REQUEST] = WsFrameType.POPUP_REQUEST
    request_id: Optional[UUID] = None
    message: str = Field(min_length=1)
    scope: WsScope


class WsCancel(FrameModel):
    type: Literal[WsFrameType.CANCEL] = WsFrameType.CANCEL
    request_id: UUID


class WsWatch(FrameModel):
    """Follow a request of this user on this socket: its frames so far, then its live frames."""

    type: Literal[WsFrameType.WATCH] = WsFrameType.WATCH
    request_id: UUID


class WsUnwatch(FrameModel):
    """Follow the request no longer. It goes on."""

    type: Literal[WsFrameType.UNWATCH] = WsFrameType.UNWATCH
    request_id: UUID


class WsToolAccepted(FrameModel):
    """The device has written the call to its journal and now runs it."""

    type: Literal[WsFrameType.TOOL_ACCEPTED] = WsFrameType.TOOL_ACCEPTED
    call_id: UUID


class WsToolResult(FrameModel):
    """The device's answer: `data` if `ok`, else `error`. `edited_args`: arguments that the person approved instead.

    `error.code` is `denied` if the person refused, and `unknown` if the device started the call and has no result.
    `request_id` and `tool` are those of the call, and `id` is that of the item: with them, a change of a call that the
    server does not know any more is recorded.
    """

    type: Literal[WsFrameType.TOOL_RESULT] = WsFrameType.TOOL_RESULT
    call_id: UUID
    request_id: Optional[UUID] = None
    tool: Optional[Annotated[str, Field(max_length=100)]] = None
    id: Optional[Annotated[str, Field(min_length=1, max_length=MAX_ENTITY_ID_CHARS)]] = None
    ok: bool
    data: Any = None
    edited_args: Optional[dict[str, Any]] = None
    error: Optional[WsToolError] = None


class WsApproval(FrameModel):
    """The person's answer to an `approval_request`, which another device of theirs asked for."""

    type: Literal[WsFrameType.APPROVAL] = WsFrameType.APPROVAL
    call_id: UUID
    approved: bool
    edited_args: Optional[dict[str, Any]] = None


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
    mutation_id: Optional[UUID] = Field(
        default=None, description="Idempotency key: a mutation that is sent again with it is not applied again."
    )


class WsChangesSeen(FrameModel):
    """The device has applied every change up to this number."""

    type: Literal[WsFrameType.CHANGES_SEEN] = WsFrameType.CHANGES_SEEN
    change: int = Field(ge=0)


class WsLocaleChanged(FrameModel):
    """The person's locale on this device has changed, for example after a journey. It applies to later requests."""

    type: Literal[WsFrameType.LOCALE_CHANGED] = WsFrameType.LOCALE_CHANGED
    locale: WsLocale


class WsMemoryForget(FrameModel):
    """The person wants one memory deleted, for example one of `stream_end.memory_used`."""

    type: Literal[WsFrameType.MEMORY_FORGET] = WsFrameType.MEMORY_FORGET
    memory_id: UUID


class WsMemoryForgetPreview(FrameModel):
    """The person wants to see what `memory_forget` would delete. Nothing is deleted."""

    type: Literal[WsFrameType.MEMORY_FORGET_PREVIEW] = WsFrameType.MEMORY_FORGET_PREVIEW
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
    | WsWatch
    | WsUnwatch
    | WsToolAccepted
    | WsToolResult
    | WsApproval
    | WsDataResponse
    | WsClientMutation
    | WsChangesSeen
    | WsLocaleChanged
    | WsMemoryForget
    | WsMemoryForgetPreview
    | WsPing
    | WsAuthRefresh,
    Field(discriminator="type"),
]
CLIENT_FRAME: TypeAdapter[ClientFrame] = TypeAdapter(ClientFrame)
