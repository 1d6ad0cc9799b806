"""The frames that the server sends: frozen pydantic models, discriminated by `type`. The socket's writer sets `seq`."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, TypeAdapter

from streaming.wire.codes import ErrorCode
from streaming.wire.frames import (
    ERROR_TEXT,
    PROTOCOL_VERSION,
    Domain,
    Entity,
    FrameModel,
    MemoryTier,
    MutationOp,
    Optional,
    WsAnswerLocale,
    WsChangesState,
    WsFailure,
    WsFrameType,
    WsLimits,
    WsMemoryUsed,
    WsMutationRecord,
    WsRequestState,
    WsResultBlock,
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
    resume: Literal["new", "resumed", "lost"]
    requests: list[WsRequestState] = Field(
        default_factory=list, description="Every request of this device that the server still knows."
    )
    changes: Optional[WsChangesState] = None


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
    replace: Optional[Literal[True]] = Field(
        default=None, description="`chunk` is the whole text of the block so far: it replaces the text that you have."
    )


class WsStreamBlock(_ServerFrame):
    type: Literal[WsFrameType.STREAM_BLOCK] = WsFrameType.STREAM_BLOCK
    request_id: UUID
    block: int
    block_type: Literal["chart", "table", "timeline", "entity_ref"]
    data: dict[str, Any]


ToolState = Literal["started", "waiting_for_approval", "finished", "failed"]
"""Where a tool call of an answer is."""


class WsToolEvent(_ServerFrame):
    """A tool call of this answer: once when it begins, once when it ends. Sent for the feature `tool_events`.

    `waiting_for_approval`: it begins with a question to the person. A call whose outcome is not known has `failed`.
    """

    type: Literal[WsFrameType.TOOL_EVENT] = WsFrameType.TOOL_EVENT
    request_id: UUID
    call_id: UUID
    tool: str
    state: ToolState
    code: Optional[str] = Field(
        default=None,
        description="Why it failed, such as `denied`, `not_found` or `deadline`. `edited`: the person changed the "
        "arguments, and the changed call follows with its own id.",
    )


AnswerFinish = Literal["stop", "length", "content_filter", "tool_limit"]
"""Why a model's answer ended; see `WsStreamEnd`."""

_FINISH: Any = Field(
    default=None,
    description="Why the model's answer ended: the model finished, its token limit, a content filter, or because the "
    "request may make no more tool calls. Left out if the answer did not end. Other than stop: tell the person "
    "that the answer may be incomplete.",
)
_LOCALE: Any = Field(
    default=None, description="The locale that the answer was made for, and where its zone comes from."
)
_SHOWN: Any = Field(default=None, description="How many blocks of this answer have text or data.")
_NOT_STORED: Any = Field(
    default=None,
    description="Why this exchange is not in memory, such as quota_reached. The answer itself is complete.",
)


class WsStreamEnd(_ServerFrame):
    type: Literal[WsFrameType.STREAM_END] = WsFrameType.STREAM_END
    request_id: UUID
    status: Literal["completed", "cancelled", "failed"]
    finish: Optional[AnswerFinish] = _FINISH
    shown: Optional[Annotated[int, Field(ge=0)]] = _SHOWN
    mutations: list[WsMutationRecord] = Field(default_factory=list)
    memory_used: Optional[list[WsMemoryUsed]] = Field(
        default=None, description="Memories that were recalled for this answer; left out if there are none."
    )
    usage: Optional[WsUsage] = None
    locale: Optional[WsAnswerLocale] = _LOCALE
    error: Optional[WsFailure] = None
    not_stored: Optional[WsFailure] = _NOT_STORED


class WsRequestResult(_ServerFrame):
    """The current state of a request: while it runs, its answer so far; after its end, its kept answer.

    Sent instead of a replay if the request has ended.
    """

    type: Literal[WsFrameType.REQUEST_RESULT] = WsFrameType.REQUEST_RESULT
    request_id: UUID
    status: Literal["running", "completed", "failed", "cancelled"]
    agent: Optional[str] = None
    domain: Optional[Domain] = None
    finish: Optional[AnswerFinish] = _FINISH
    shown: Optional[Annotated[int, Field(ge=0)]] = _SHOWN
    blocks: list[WsResultBlock] = Field(default_factory=list)
    mutations: list[WsMutationRecord] = Field(default_factory=list)
    memory_used: Optional[list[WsMemoryUsed]] = None
    usage: Optional[WsUsage] = None
    locale: Optional[WsAnswerLocale] = _LOCALE
    error: Optional[WsFailure] = None
    not_stored: Optional[WsFailure] = _NOT_STORED


class WsToolCall(_ServerFrame):
    type: Literal[WsFrameType.TOOL_CALL] = WsFrameType.TOOL_CALL
    call_id: UUID
    request_id: UUID
    tool: str
    args: dict[str, Any]
    deadline_ms: int = Field(description="Milliseconds the device has, from receipt.")
    requires_approval: bool
    offered_again: Optional[Literal[True]] = Field(
        default=None,
        description="The server sent this call before and has no result of it. Answer from the journal; run it only if"
        " the journal does not have it. Sent only to clients with the feature `ledger`.",
    )
    accepted: Optional[Literal[True]] = Field(
        default=None,
        description="With `offered_again`: the device has sent `tool_accepted` for this call. Never run it again: if"
        " the journal has no result, answer `unknown`.",
    )


class WsToolCancel(_ServerFrame):
    type: Literal[WsFrameType.TOOL_CANCEL] = WsFrameType.TOOL_CANCEL
    call_id: UUID
    confirm: Optional[Literal[True]] = Field(
        default=None,
        description="Another device has answered the approval. Withdraw the question, and never start this call. Answer"
        " with `tool_result`: error code `not_started`, or the call's result if it was started before. Sent only to"
        " clients with the feature `approvals`.",
    )


class WsToolAck(_ServerFrame):
    """The server has the result of the call, or no longer needs it: the device may delete its journal entry."""

    type: Literal[WsFrameType.TOOL_ACK] = WsFrameType.TOOL_ACK
    call_id: UUID


class WsApprovalRequest(_ServerFrame):
    """A call on another device of this user waits for the person's approval. Sent for the feature `approvals`."""

    type: Literal[WsFrameType.APPROVAL_REQUEST] = WsFrameType.APPROVAL_REQUEST
    call_id: UUID
    request_id: UUID
    tool: str
    args: dict[str, Any]
    expires_ms: int = Field(description="Milliseconds the person has, from receipt.")


class WsApprovalClosed(_ServerFrame):
    """The approval needs no answer any more. `device_id`: the device that answered it."""

    type: Literal[WsFrameType.APPROVAL_CLOSED] = WsFrameType.APPROVAL_CLOSED
    call_id: UUID
    outcome: Literal["approved", "denied", "expired", "cancelled"]
    device_id: Optional[UUID] = None


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
    change: Optional[int] = Field(default=None, description="The number of this change in the user's change log.")


class WsMutationAck(_ServerFrame):
    """The mutation with this id is stored. `change` is its number in the user's change log."""

    type: Literal[WsFrameType.MUTATION_ACK] = WsFrameType.MUTATION_ACK
    mutation_id: UUID
    change: int


class WsMemoryForgotten(_ServerFrame):
    """The memory was deleted, with its sources and everything derived from it, in each of `tiers`.

    `removed` has the ids by tier (at most 1000 of each), and `counts` their numbers. `restored` are preferences whose
    earlier value counts again. `redacted` are conversations that lost the sentences about a forgotten preference.
    `mentioned` are conversations that stay although they mention what was deleted, because they say something else too.
    `unreadable_by`: when copies of the database can't be decrypted for the deleted contents any more.
    """

    type: Literal[WsFrameType.MEMORY_FORGOTTEN] = WsFrameType.MEMORY_FORGOTTEN
    memory_id: UUID
    tiers: list[MemoryTier]
    removed: Optional[dict[MemoryTier, list[UUID]]] = None
    counts: Optional[dict[MemoryTier, int]] = None
    restored: Optional[list[UUID]] = None
    redacted: Optional[list[UUID]] = None
    mentioned: Optional[list[UUID]] = None
    unreadable_by: Optional[AwareDatetime] = None


class WsMemoryPreview(_ServerFrame):
    """What `memory_forget` would delete now. The fields are those of `memory_forgotten`."""

    type: Literal[WsFrameType.MEMORY_PREVIEW] = WsFrameType.MEMORY_PREVIEW
    memory_id: UUID
    tiers: list[MemoryTier]
    removed: dict[MemoryTier, list[UUID]]
    counts: dict[MemoryTier, int]
    restored: list[UUID]
    redacted: list[UUID]
    mentioned: list[UUID]


class WsPong(_ServerFrame):
    type: Literal[WsFrameType.PONG] = WsFrameType.PONG


class WsAuthExpiring(_ServerFrame):
    type: Literal[WsFrameType.AUTH_EXPIRING] = WsFrameType.AUTH_EXPIRING
    in_s: float


class WsDraining(_ServerFrame):
    """The server stops: it accepts no new requests and closes this socket when the running ones have ended.

    Reconnect `retry_after_ms` after the close. The time differs by device, so that not all come back together.
    """

    type: Literal[WsFrameType.DRAINING] = WsFrameType.DRAINING
    retry_after_ms: int


class WsError(_ServerFrame):
    """An error that answers a frame carries the type of that frame and its ids, if they could be read."""

    type: Literal[WsFrameType.ERROR] = WsFrameType.ERROR
    code: ErrorCode
    message: str
    retryable: bool = False
    text: Optional[str] = ERROR_TEXT
    frame_type: Optional[WsFrameType] = None
    request_id: Optional[UUID] = None
    call_id: Optional[UUID] = None
    data_id: Optional[UUID] = None
    memory_id: Optional[UUID] = None
    mutation_id: Optional[UUID] = None


ServerFrame = Annotated[
    WsDeviceReady
    | WsStreamStart
    | WsPopupDomain
    | WsBlockOpen
    | WsStreamText
    | WsStreamBlock
    | WsStreamEnd
    | WsRequestResult
    | WsToolEvent
    | WsToolCall
    | WsToolCancel
    | WsToolAck
    | WsApprovalRequest
    | WsApprovalClosed
    | WsDataRequest
    | WsServerMutation
    | WsMutationAck
    | WsMemoryForgotten
    | WsMemoryPreview
    | WsPong
    | WsAuthExpiring
    | WsDraining
    | WsError,
    Field(discriminator="type"),
]
SERVER_FRAME: TypeAdapter[ServerFrame] = TypeAdapter(ServerFrame)
