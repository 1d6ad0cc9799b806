"""What servers tell one another, and how it is sealed while it waits in the database. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Final, Literal
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from streaming.wire import (
    WsDataRequest,
    WsDataResponse,
    WsServerMutation,
    WsToolCall,
    WsToolCancel,
    WsToolResult,
)

SEAL_LABEL: Final = "relay between servers"
"""What the sealing keys are derived for: `KeyRing.derive(SEAL_LABEL)`."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class ForDevice(_Message):
    """Send `frame` to the device; what it answers goes back to `asker`, a server, within `within_s` seconds."""

    kind: Literal["for_device"] = "for_device"
    device_id: UUID
    asker: UUID
    within_s: float
    frame: Annotated[WsToolCall | WsToolCancel | WsDataRequest, Field(discriminator="type")]

    def bounded(self, left_s: float) -> ForDevice:
        """The same with at most `left_s` seconds to answer, which the device is told too."""
        within_s = max(0.0, min(self.within_s, left_s))
        frame = self.frame
        if isinstance(frame, WsToolCall):
            frame = frame.model_copy(update={"deadline_ms": min(frame.deadline_ms, int(within_s * 1000))})
        return self.model_copy(update={"within_s": within_s, "frame": frame})


class FromDevice(_Message):
    """A device answered."""

    kind: Literal["from_device"] = "from_device"
    frame: Annotated[WsToolResult | WsDataResponse, Field(discriminator="type")]


class DeviceGoneMessage(_Message):
    """The device will not answer the call or data request `id`: it is not connected there any more."""

    kind: Literal["device_gone"] = "device_gone"
    id: UUID


class Announced(_Message):
    """Something of the user's changed: tell their devices, all but its origin."""

    kind: Literal["announced"] = "announced"
    frame: WsServerMutation


class Replaced(_Message):
    """The device connected elsewhere: the session `connection_id` is over."""

    kind: Literal["replaced"] = "replaced"
    device_id: UUID
    connection_id: UUID


Message = Annotated[ForDevice | FromDevice | DeviceGoneMessage | Announced | Replaced, Field(discriminator="kind")]
_MESSAGE: Final[TypeAdapter[Message]] = TypeAdapter(Message)


class Unreadable(Exception):
    """A sealed message was changed or moved, or its server has other master keys or another version."""

    def __init__(self) -> None:
        super().__init__("a relayed message does not open: do all servers have the same master keys and version?")


class Seal:
    """Seals messages under keys of 32 bytes: the first seals, all open."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])

    def close(self, user_id: UUID, message_id: UUID, message: Message) -> bytes:
        """A token that opens as message `message_id` of this user only."""
        return self._fernet.encrypt(user_id.bytes + message_id.bytes + _MESSAGE.dump_json(message))

    def open(self, user_id: UUID, message_id: UUID, token: bytes) -> Message:
        """What `close` was given. Raises `Unreadable`, with nothing of the contents in it."""
        try:
            plain = self._fernet.decrypt(token)
            if plain[:32] != user_id.bytes + message_id.bytes:
                raise Unreadable
            return _MESSAGE.validate_json(plain[32:])
        except (InvalidToken, ValidationError):
            raise Unreadable from None
