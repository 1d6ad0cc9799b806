"""The handshake of a device socket: checks the client's first frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import trio

from server.accounts import AccessEnded, AuthenticatedUser, Authenticator, TokenExpired, TokenInvalid
from server.devices import DeviceLocale
from server.sockets.device_socket import DeviceSocket
from streaming.wire import (
    PROTOCOL_VERSION,
    CloseCode,
    FrameError,
    WsClientInfo,
    WsDeviceHello,
    WsResume,
    decode_client_frame,
)

VERSIONS: Final = (PROTOCOL_VERSION,)


@dataclass(frozen=True, slots=True)
class Hello:
    """A device that passed the handshake. `frame` is what it sent, without its token."""

    user: AuthenticatedUser
    device_id: UUID
    client: WsClientInfo
    resume: WsResume | None
    features: frozenset[str]
    changes_after: int | None
    locale: DeviceLocale
    frame: WsDeviceHello
    checked_at: float = 0.0
    """When the check of the token began, on trio's clock."""

    @classmethod
    def of(cls, user: AuthenticatedUser, frame: WsDeviceHello, checked_at: float) -> Hello:
        """The device of `user` that sent `frame`."""
        return cls(
            user,
            frame.device_id,
            frame.client,
            frame.resume,
            frozenset(frame.features),
            frame.changes_after,
            DeviceLocale.of(frame.locale, frame.day_form),
            frame.model_copy(update={"token": None}),
            checked_at,
        )


class HandshakeFailed(Exception):
    """The socket must be closed with `code`. The message is the close reason, written for developers."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


async def shake_hands(socket: DeviceSocket, access: Authenticator, timeout_s: float) -> Hello:
    """Read `device_hello` and check it. Raises `HandshakeFailed` or `server.sockets.device_socket.SocketClosed`.

    Also raises the database's errors.
    """
    with trio.move_on_after(timeout_s) as scope:
        text = await socket.receive()
    if scope.cancelled_caught:
        raise HandshakeFailed(CloseCode.HELLO_TIMEOUT, f"no device_hello within {timeout_s:g} s")
    try:
        frame = decode_client_frame(text)
    except FrameError as error:
        raise HandshakeFailed(CloseCode.PROTOCOL_BROKEN, f"not a device_hello: {error}") from None
    if not isinstance(frame, WsDeviceHello):
        raise HandshakeFailed(CloseCode.PROTOCOL_BROKEN, "the first frame must be device_hello")
    if not set(VERSIONS).intersection(frame.protocol_versions):
        raise HandshakeFailed(
            CloseCode.NO_COMMON_VERSION, f"no common version: this server speaks version {PROTOCOL_VERSION}"
        )
    token = frame.token or socket.bearer_token
    if token is None:
        raise HandshakeFailed(CloseCode.UNAUTHORIZED, "no token: send one in device_hello or as Authorization: Bearer")
    checked_at = trio.current_time()
    try:
        user = await access.authenticate(token, frame.device_id)
    except TokenExpired:
        raise HandshakeFailed(CloseCode.TOKEN_EXPIRED, "the token has expired: log in again") from None
    except AccessEnded:
        raise HandshakeFailed(CloseCode.UNAUTHORIZED, "this access has ended: log in again") from None
    except TokenInvalid:
        raise HandshakeFailed(CloseCode.UNAUTHORIZED, "the token is not valid here") from None
    return Hello.of(user, frame, checked_at)
