"""The parts that frames are made of: what is nested in more than one of them, and the base of all."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

from streaming.wire.codes import ErrorCode

T = TypeVar("T")

Entity = Literal["task", "project", "note", "checkpoint"]
Domain = Literal["tasks", "checkpoints", "notes", "projects"]
MutationOp = Literal["create", "update", "delete"]
MAX_ENTITY_ID_CHARS: Final = 200
MemoryTier = Literal["core", "associative", "episodic", "proactive"]
# Optional fields are left out of the JSON when they are None; nulls inside data stay.
Optional = Annotated[T | None, Field(exclude_if=lambda value: value is None)]


class FrameModel(BaseModel, frozen=True, hide_input_in_errors=True, json_schema_serialization_defaults_required=True):
    """Unknown fields are ignored."""


class WsClientInfo(FrameModel):
    name: str = Field(max_length=200)
    version: str = Field(max_length=100)
    platform: str = Field(max_length=100)


class WsResume(FrameModel):
    session_id: UUID
    seq: int = Field(ge=0)


class WsLimits(FrameModel):
    max_frame_bytes: int
    max_concurrent_requests: int
    max_message_chars: int


class WsHistoryMessage(FrameModel):
    role: Literal["user", "assistant"]
    content: str


class WsScope(FrameModel):
    """What a popup was opened on: an entity kind (singular) and, when it is about one item, its id."""

    type: Entity
    id: Optional[Annotated[str, Field(max_length=200)]] = None


class WsUsage(FrameModel):
    input_tokens: int
    output_tokens: int


class WsFailure(FrameModel):
    code: ErrorCode
    message: str
    retryable: bool


class WsToolError(FrameModel):
    code: str = Field(max_length=100)
    message: str = Field(default="", max_length=10_000)


class WsMutationRecord(FrameModel):
    """One change a request made on the device, as `stream_end.mutations` lists it."""

    op: MutationOp
    entity: Entity
    id: str = Field(min_length=1, max_length=MAX_ENTITY_ID_CHARS)
    data: Optional[dict[str, Any]] = None


class WsMemoryUsed(FrameModel):
    """One memory that was recalled for an answer, and why."""

    id: UUID
    tier: MemoryTier
    reason: str
