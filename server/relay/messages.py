"""The messages between servers, and how they are encrypted while they wait in the database. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Final, Literal
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from streaming.wire import (
    WsApproval,
    WsApprovalClosed,
    WsApprovalRequest,
    WsDataRequest,
    WsDataResponse,
    WsServerMutation,
    WsToolCall,
    WsToolCancel,
    WsToolResult,
)

SEAL_LABEL: Final = "relay between servers"
"""The label that the encryption keys are derived with: `KeyRing.derive(SEAL_LABEL)`."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class ForDevice(_Message):
    """Send `frame` to the device, and its answer back to the server `asker` within `within_s` seconds."""

    kind: Literal["for_device"] = "for_device"
    device_id: UUID
    asker: UUID
    within_s: float
    frame: Annotated[WsToolCall | WsToolCancel | WsDataRequest, Field(discriminator="type")]

    def bounded(self, left_s: float) -> ForDevice:
        """The same message with at most `left_s` seconds to answer. The frame's deadline is shortened too."""
        within_s = max(0.0, min(self.within_s, left_s))
        frame = self.frame
        if isinstance(frame, WsToolCall):
            frame = frame.model_copy(update={"deadline_ms": min(frame.deadline_ms, int(within_s * 1000))})
        return self.model_copy(update={"within_s": within_s, "frame": frame})


class FromDevice(_Message):
    """The answer of a device."""

    kind: Literal["from_device"] = "from_device"
    frame: Annotated[WsToolResult | WsDataResponse, Field(discriminator="type")]


class DeviceGoneMessage(_Message):
    """The device will not answer the call or data request `id`, because it is no longer connected."""

    kind: Literal["device_gone"] = "device_gone"
    id: UUID


class Announced(_Message):
    """An entity of the user changed: tell all of their devices but the origin."""

    kind: Literal["announced"] = "announced"
    frame: WsServerMutation


class ApprovalAsked(_Message):
    """A call of `device_id`, at the server `asker`, waits for the person's approval: ask the user's other devices."""

    kind: Literal["approval_asked"] = "approval_asked"
    device_id: UUID
    asker: UUID
    frame: WsApprovalRequest


class ApprovalGiven(_Message):
    """The device `device_id` has answered an approval of the receiving server."""

    kind: Literal["approval_given"] = "approval_given"
    device_id: UUID
    frame: WsApproval


class ApprovalEnded(_Message):
    """The approval needs no answer any more."""

    kind: Literal["approval_ended"] = "approval_ended"
    frame: WsApprovalClosed


class Replaced(_Message):
    """The device connected to another server: the session `connection_id` must end."""

    kind: Literal["replaced"] = "replaced"
    device_id: UUID
    connection_id: UUID


class AccessEnded(_Message):
    """A user's access has ended; see `server.accounts.EndedAccess`."""

    kind: Literal["access_ended"] = "access_ended"
    logins: list[UUID] | None
    device_id: UUID | None
    keep: UUID | None
    account: bool


class StreamData(_Message):
    """The message `number` of one side of a byte stream between two servers; the first has number 0."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    kind: Literal["stream_data"] = "stream_data"
    stream_id: UUID
    sender: UUID
    number: int
    data: bytes
    last: bool


Message = Annotated[
    ForDevice
    | FromDevice
    | DeviceGoneMessage
    | Announced
    | ApprovalAsked
    | ApprovalGiven
    | ApprovalEnded
    | Replaced
    | AccessEnded
    | StreamData,
    Field(discriminator="kind"),
]
_MESSAGE: Final[TypeAdapter[Message]] = TypeAdapter(Message)


class Unreadable(Exception):
    """A message can't be decrypted: it was changed or moved, or its sender has other master keys or another version."""

    def __init__(self) -> None:
        super().__init__(
            "a message of another server can't be decrypted: do all servers have the same master keys and version?"
        )


class Seal:
    """Encrypts messages with keys of 32 bytes: the first key encrypts, every key decrypts."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])

    def close(self, user_id: UUID, message_id: UUID, message: Message) -> bytes:
        """Encrypt to a token that only decrypts as message `message_id` of this user."""
        return self._fernet.encrypt(user_id.bytes + message_id.bytes + _MESSAGE.dump_json(message))

    def open(self, user_id: UUID, message_id: UUID, token: bytes) -> Message:
        """Decrypt a token of `close`. Raises `Unreadable`, which holds nothing of the contents."""
        try:
            plain = self._fernet.decrypt(token)
            if plain[:32] != user_id.bytes + message_id.bytes:
                raise Unreadable
            return _MESSAGE.validate_json(plain[32:])
        except (InvalidToken, ValidationError):
            raise Unreadable from None
