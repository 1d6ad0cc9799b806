"""How a stream between two processes begins: what the opening process wants, and whether the other one does it.

The opening process sends one message and nothing more until it has the reply. A device is served only after the opening
process has confirmed that it still waits: a process that was frozen finds streams of devices that went on elsewhere.
"""

from __future__ import annotations

import struct
from typing import Annotated, Final, Literal
from uuid import UUID

import structlog
import trio
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from server.sockets.frame_stream import ByteStream
from streaming.wire import WsDeviceHello, WsResume

log = structlog.get_logger(__name__)

_WITHIN_S: Final = 3.0
_MAX_BYTES: Final = 64 * 1024
_LENGTH: Final = struct.Struct("!I")
_REPLY: Final = struct.Struct("!B16sQ")
_DONE: Final = 1
_REFUSED: Final = 2
_GO_ON: Final = 3
_CONFIRMED: Final = b"\x01"
_NOWHERE: Final = WsResume(session_id=UUID(int=0), seq=0)


class VerifiedDevice(BaseModel):
    """Serve a device that passed the handshake here. `expires_at` and `issued_at`: its token's, in epoch seconds.
    `checked_ago_s`: seconds since the check of the token began.

    `hello` is what the device sent, without its token.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["device"] = "device"
    user_id: UUID
    expires_at: float
    login_id: UUID | None = None
    issued_at: float = 0.0
    checked_ago_s: float = 0.0
    hello: WsDeviceHello
    peer: str


class RequestOrder(BaseModel):
    """Send the frames of a running request, send its answer so far, or cancel it."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["follow", "result", "cancel"]
    user_id: UUID
    request_id: UUID


Opening = Annotated[VerifiedDevice | RequestOrder, Field(discriminator="kind")]
_OPENING: Final[TypeAdapter[VerifiedDevice | RequestOrder]] = TypeAdapter(Opening)


class Refused(Exception):
    """The other process refused. `go_on`: where a new session of the device can go on, None if it can't."""

    def __init__(self, go_on: WsResume | None = None) -> None:
        super().__init__("the other process refused")
        self.go_on = go_on


async def open_with(stream: ByteStream, opening: VerifiedDevice | RequestOrder) -> bool:
    """Send the opening and wait for the reply. Returns False if none came in time, raises `Refused`.

    Raises the errors of the stream.
    """
    data = opening.model_dump_json().encode()
    await stream.send_all(_LENGTH.pack(len(data)) + data)
    reply = b""
    with trio.move_on_after(_WITHIN_S):
        while len(reply) < _REPLY.size:
            received = await stream.receive_some(_REPLY.size - len(reply))
            reply += received
            if not received:
                return False
    if len(reply) < _REPLY.size:
        return False
    outcome, session_id, seq = _REPLY.unpack(reply)
    if outcome == _DONE:
        return True
    raise Refused(WsResume(session_id=UUID(bytes=session_id), seq=seq) if outcome == _GO_ON else None)


async def read_opening(stream: ByteStream) -> VerifiedDevice | RequestOrder | None:
    """What the other process wants. None if it sent nothing valid in time; then close the stream."""
    data = b""
    with trio.move_on_after(_WITHIN_S):
        try:
            while len(data) < _LENGTH.size or len(data) < _LENGTH.size + _LENGTH.unpack_from(data)[0]:
                received = await stream.receive_some(_MAX_BYTES)
                data += received
                if not received or len(data) > _MAX_BYTES:
                    return None
            return _OPENING.validate_json(data[_LENGTH.size :])
        except (trio.BrokenResourceError, ValidationError) as error:
            log.warning("handed_socket_refused", reason=type(error).__name__)
    return None


async def accept(stream: ByteStream) -> None:
    """Reply that the order is carried out. Raises the errors of the stream."""
    await stream.send_all(_REPLY.pack(_DONE, _NOWHERE.session_id.bytes, 0))


async def confirm(stream: ByteStream) -> None:
    """Say that the device still waits. Raises the errors of the stream."""
    await stream.send_all(_CONFIRMED)


async def confirmed(stream: ByteStream) -> bool:
    """Whether the other process confirms in time. Raises the errors of the stream."""
    with trio.move_on_after(_WITHIN_S):
        return await stream.receive_some(len(_CONFIRMED)) == _CONFIRMED
    return False


async def refuse(stream: ByteStream, go_on: WsResume | None = None) -> None:
    """Reply that it is not carried out. Raises the errors of the stream."""
    place = go_on or _NOWHERE
    outcome = _REFUSED if go_on is None else _GO_ON
    await stream.send_all(_REPLY.pack(outcome, place.session_id.bytes, place.seq))
