"""The handshake of a device socket: checks the client's first frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import trio

from server.accounts import (
    AccessEnded,
    AuthenticatedUser,
    Authenticator,
    ProviderUnavailable,
    TokenExpired,
    TokenInvalid,
)
from server.devices import DeviceLocale
from server.sockets.device_socket import DeviceSocket
from server.sockets.handshake_limit import HandshakeLimit
from sql.transient import is_transient
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
WORK_S: Final = 8.0
"""Seconds from the check of a token to `device_ready`. Later the device is refused: the clients give up after 15 s.

They count from opening the connection, which may have waited `handshake_limit.MAX_WAIT_S` before."""


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


@contextmanager
def busy_after(began_at: float) -> Iterator[None]:
    """Raise `HandshakeFailed` with 1013 if the block ends over `WORK_S` seconds after `began_at`, on trio's clock.

    The same if the database or the identity provider is away or too slow. The device may try again later.
    """
    try:
        with trio.fail_at(began_at + WORK_S):
            yield
    except Exception as error:
        if _is_busy(error):
            raise HandshakeFailed(CloseCode.TRY_AGAIN_LATER, "the server is busy: try again later") from error
        raise


def _is_busy(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_busy, error.exceptions))
    return isinstance(error, (trio.TooSlowError, ProviderUnavailable)) or is_transient(error)


async def shake_hands(
    socket: DeviceSocket, access: Authenticator, timeout_s: float, handshakes: HandshakeLimit
) -> Hello:
    """Read `device_hello` and check it. Raises `HandshakeFailed` or `server.sockets.device_socket.SocketClosed`.

    The check waits for a place of `handshakes`.
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
        with busy_after(checked_at):
            async with handshakes.place(begun=True):
                user = await access.authenticate(token, frame.device_id)
    except TokenExpired:
        raise HandshakeFailed(CloseCode.TOKEN_EXPIRED, "the token has expired: log in again") from None
    except AccessEnded:
        raise HandshakeFailed(CloseCode.UNAUTHORIZED, "this access has ended: log in again") from None
    except TokenInvalid:
        raise HandshakeFailed(CloseCode.UNAUTHORIZED, "the token is not valid here") from None
    return Hello.of(user, frame, checked_at)
