"""What the frames of both directions share: their types, their base class, and the parts nested in them."""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from person import WEEKDAYS, HourCycle, LocaleSource, StatedLocale, zone_named
from streaming.wire.codes import ErrorCode

PROTOCOL_VERSION: Final = 3

T = TypeVar("T")

Entity = Literal["task", "project", "note", "checkpoint"]
Domain = Literal["tasks", "checkpoints", "notes", "projects"]
MutationOp = Literal["create", "update", "delete"]
MAX_ENTITY_ID_CHARS: Final = 200
MAX_CONVERSATION_ID_CHARS: Final = 200
MAX_HISTORY_MESSAGES: Final = 200
MAX_HISTORY_BYTES: Final = 262_144
MemoryTier = Literal["core", "associative", "episodic", "proactive"]
# Optional fields are left out of the JSON when they are None; nulls inside data stay.
Optional = Annotated[T | None, Field(exclude_if=lambda value: value is None)]


ERROR_TEXT: Any = Field(
    default=None, description="A sentence for the person in their language. `message` is for developers, in English."
)


class WsFrameType(StrEnum):
    """Every value of `type` on the wire."""

    DEVICE_HELLO = "device_hello"
    DEVICE_READY = "device_ready"
    HOME_REQUEST = "home_request"
    POPUP_REQUEST = "popup_request"
    CANCEL = "cancel"
    WATCH = "watch"
    UNWATCH = "unwatch"
    STREAM_START = "stream_start"
    POPUP_DOMAIN = "popup_domain"
    BLOCK_OPEN = "block_open"
    STREAM_TEXT = "stream_text"
    STREAM_BLOCK = "stream_block"
    STREAM_END = "stream_end"
    REQUEST_RESULT = "request_result"
    TOOL_EVENT = "tool_event"
    TOOL_CALL = "tool_call"
    TOOL_CANCEL = "tool_cancel"
    TOOL_ACCEPTED = "tool_accepted"
    TOOL_RESULT = "tool_result"
    TOOL_ACK = "tool_ack"
    APPROVAL_REQUEST = "approval_request"
    APPROVAL = "approval"
    APPROVAL_CLOSED = "approval_closed"
    DATA_REQUEST = "data_request"
    DATA_RESPONSE = "data_response"
    MUTATION = "mutation"
    MUTATION_ACK = "mutation_ack"
    CHANGES_SEEN = "changes_seen"
    LOCALE_CHANGED = "locale_changed"
    MEMORY_FORGET = "memory_forget"
    MEMORY_FORGOTTEN = "memory_forgotten"
    MEMORY_FORGET_PREVIEW = "memory_forget_preview"
    MEMORY_PREVIEW = "memory_preview"
    PING = "ping"
    PONG = "pong"
    AUTH_REFRESH = "auth_refresh"
    AUTH_EXPIRING = "auth_expiring"
    DRAINING = "draining"
    ERROR = "error"


class FrameModel(BaseModel, frozen=True, hide_input_in_errors=True, json_schema_serialization_defaults_required=True):
    """Unknown fields are ignored."""


class WsClientInfo(FrameModel):
    name: str = Field(max_length=200)
    version: str = Field(max_length=100)
    platform: str = Field(max_length=100)


def _known_zone(name: str) -> str:
    return zone_named(name).key


def _weekday(value: object) -> object:
    """`Intl.Locale.getWeekInfo` numbers the days from 1, Monday."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= len(WEEKDAYS):
        return WEEKDAYS[value - 1]
    return value.lower() if isinstance(value, str) else value


TimeZone = Annotated[
    str, Field(max_length=100, description="IANA name, such as `Europe/Berlin`."), AfterValidator(_known_zone)
]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class WsLocale(FrameModel):
    """The person's locale on this device, as `Intl` has it. What the device does not know is left out."""

    time_zone: Optional[TimeZone] = None
    language: Optional[
        Annotated[
            str,
            Field(
                max_length=100, pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$", description="BCP 47, such as `de-AT`."
            ),
        ]
    ] = None
    week_start: Optional[
        Annotated[
            Weekday,
            BeforeValidator(_weekday),
            Field(description="The first day of the week. Default: that of the language's region."),
        ]
    ] = None
    hour_cycle: Optional[HourCycle] = None

    def stated(self, source: LocaleSource) -> StatedLocale:
        """What it says, as a statement of `source`."""
        week_start = None if self.week_start is None else WEEKDAYS.index(self.week_start)
        return StatedLocale(source, self.time_zone, self.language, week_start, self.hour_cycle)


class WsAnswerLocale(FrameModel):
    """The locale that an answer was made for: "today" in it is a day of `time_zone`.

    `time_zone_source` says where the zone comes from: the request, the device that asked, the person's preferences in
    memory, or none of them (`default`, UTC).
    """

    time_zone: str
    time_zone_source: LocaleSource
    language: Optional[str] = None
    week_start: Weekday
    hour_cycle: Optional[HourCycle] = None


class WsResume(FrameModel):
    """The session that the client continues, and the `seq` of the last frame of it that the client has processed."""

    session_id: UUID
    seq: int = Field(ge=0)


class WsRequestState(FrameModel):
    """A request of this device that the server still knows. `reason`: why it failed or is lost."""

    request_id: UUID
    state: Literal["running", "completed", "failed", "cancelled", "lost"]
    reason: Optional[str] = None


class WsChangesState(FrameModel):
    """The user's change log: the number of its last change, and what happens to the changes that the device missed.

    `sent`: they follow as `mutation` frames. `lost`: the log no longer has them; the client must read everything again.
    """

    last: int = Field(ge=0)
    missed: Literal["none", "sent", "lost"]


class WsResultBlock(FrameModel):
    """One block of a `request_result`: a text block has `content`, any other block has `data`."""

    block: int
    block_type: Literal["text", "chart", "table", "timeline", "entity_ref"]
    content: Optional[str] = None
    data: Optional[dict[str, Any]] = None


class WsLimits(FrameModel):
    max_frame_bytes: int
    max_concurrent_requests: int
    max_message_chars: int
    resume_grace_s: float = Field(
        default=0,
        description="Seconds that a session keeps its running requests without a socket. Reconnect within this time.",
    )


class WsHistoryMessage(FrameModel):
    """One message of `conversation_history`. There is no role `system`: clients send no instructions to the model."""

    role: Literal["user", "assistant"]
    content: str


def _bounded(history: list[WsHistoryMessage]) -> list[WsHistoryMessage]:
    size = sum(len(message.content.encode("utf-8", "surrogatepass")) for message in history)
    if size > MAX_HISTORY_BYTES:
        raise ValueError(f"the messages have {size} bytes of UTF-8; the limit is {MAX_HISTORY_BYTES}")
    return history


History = Annotated[
    list[WsHistoryMessage],
    Field(
        max_length=MAX_HISTORY_MESSAGES,
        description="The conversation so far, oldest first, at most 262,144 bytes of UTF-8. Left out: the server reads"
        " it from memory if `conversation_id` names a conversation.",
    ),
    AfterValidator(_bounded),
]


def _in_a_path(conversation_id: str) -> str:
    """Clients and proxies remove or refuse such ids in the path of a URL, so the conversation could not be read."""
    if conversation_id in {".", ".."}:
        raise ValueError("a conversation's id is not . or ..")
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in conversation_id):
        raise ValueError("a conversation's id has no control characters, line breaks or lone surrogates")
    return conversation_id


ConversationId = Annotated[str, Field(min_length=1, max_length=MAX_CONVERSATION_ID_CHARS), AfterValidator(_in_a_path)]


class ConversationFields(FrameModel):
    """The two names of a conversation's id. `session_id` is the older one."""

    conversation_id: Optional[ConversationId] = Field(
        default=None,
        description="The conversation that the message belongs to, chosen by the client. Not `.` or `..`, and without"
        " control characters.",
    )
    session_id: Optional[Annotated[str, Field(max_length=MAX_CONVERSATION_ID_CHARS), AfterValidator(_in_a_path)]] = (
        Field(default=None, description="The older name of `conversation_id`.", json_schema_extra={"deprecated": True})
    )

    @model_validator(mode="after")
    def _one_conversation(self) -> Self:
        if self.conversation_id and self.session_id and self.session_id != self.conversation_id:
            raise ValueError("conversation_id and session_id differ; send conversation_id only")
        return self

    @property
    def conversation(self) -> str | None:
        """The conversation's id under either name."""
        return self.conversation_id or self.session_id or None


class WsScope(FrameModel):
    """What a popup was opened on: an entity kind (singular) and, when it is about one item, its id."""

    type: Entity
    id: Optional[Annotated[str, Field(max_length=200)]] = None


class WsUsage(FrameModel):
    input_tokens: int
    output_tokens: int
    cached_tokens: Optional[int] = None
    """Those of `input_tokens` that providers read from their caches."""


class WsFailure(FrameModel):
    code: ErrorCode
    message: str
    retryable: bool
    text: Optional[str] = ERROR_TEXT


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
    text: Optional[str] = Field(
        default=None, description="What the memory says, at most 500 characters: it is the person's own."
    )
