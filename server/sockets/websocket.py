"""The device socket over trio-websocket. No other module of the server names that library."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import structlog
import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    WebSocketRequest,
    wrap_server_stream,
)
from wsproto import ConnectionType, WSConnection
from wsproto.connection import Connection

from server.net import TrustedProxies
from server.sockets.device_socket import SocketClosed
from server.sockets.direct_stream import DirectStream
from server.sockets.secure_stream import SecureStream
from server.sockets.upgrade_request import Headers, read_upgrade_request

DEVICE_PATH: Final = "/api/v1/ws/device"
_ABNORMAL: Final = 1006
_TEXT_FRAME: Final = 0x81  # FIN and opcode 1: one whole text message
_TWO_BYTES: Final = 126  # instead of a length: the length follows in two bytes
_EIGHT_BYTES: Final = 127
_MOST_IN_TWO_BYTES: Final = 0xFFFF
UPGRADE_TIMEOUT_S: Final = 10.0
_CLOSE_TIMEOUT_S: Final = 2.0
RECEIVE_BYTES: Final = 16 * 1024
_NO_BODY: Final = [(b"Content-Length", b"0")]
# For developers whose page can't connect. It repeats nothing of the request.
_ORIGIN_REFUSED: Final = b"This page's origin may not open a device socket: TESSERA_ALLOWED_ORIGINS does not list it.\n"
_ORIGIN_REFUSED_HEADERS: Final = [
    (b"Content-Type", b"text/plain; charset=utf-8"),
    (b"Content-Length", b"%d" % len(_ORIGIN_REFUSED)),
]
_LOGGED_CHARS: Final = 200
log = structlog.get_logger(__name__)

OriginCheck = Callable[[str | None], bool]
DeviceStream = DirectStream | SecureStream


class TrioWebSocket:
    """A `DeviceSocket` over one accepted trio-websocket connection."""

    def __init__(
        self, connection: WebSocketConnection, stream: DeviceStream, peer: str, bearer_token: str | None
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._closing = False
        self._peer = peer
        self._bearer_token = bearer_token

    def __repr__(self) -> str:
        return f"TrioWebSocket(peer={self._peer!r})"

    @property
    def peer(self) -> str:
        return self._peer

    @property
    def bearer_token(self) -> str | None:
        return self._bearer_token

    async def receive(self) -> str:
        try:
            message = await self._connection.get_message()
        except ConnectionClosed as error:
            raise _closed(error) from None
        return message if isinstance(message, str) else ""

    async def send(self, text: str) -> None:
        # The library takes two locks for a message, each of which lets all other tasks run.
        unsent = self.try_send(text.encode())
        if unsent == 0:
            await trio.lowlevel.checkpoint_if_cancelled()
            return
        if unsent is not None:
            await self.flush()
            return
        try:
            await self._connection.send_message(text)
        except ConnectionClosed as error:
            raise _closed(error) from None

    def try_send(self, message: bytes) -> int | None:
        # No extension is negotiated, so a frame is a header and the message. The library's own frames, such as pongs,
        # go through the same stream, which never mixes two frames.
        if self._closing or self._connection.closed is not None:
            return None
        length = len(message)
        # Most frames are short: this runs per token.
        header = bytes((_TEXT_FRAME, length)) if length < _TWO_BYTES else _long_header(length)
        return self._stream.try_send(header + message)

    @property
    def unsent(self) -> bool:
        return self._stream.unsent

    async def flush(self) -> None:
        try:
            await self._stream.send_all(b"")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise SocketClosed(_ABNORMAL) from None

    async def ping(self) -> None:
        try:
            await self._connection.ping()
        except ConnectionClosed as error:
            raise _closed(error) from None

    async def close(self, code: int, reason: str) -> None:
        self._closing = True
        with trio.move_on_after(_CLOSE_TIMEOUT_S):
            await self._connection.aclose(code, reason)


def _long_header(length: int) -> bytes:
    """The header of an unmasked text frame (RFC 6455, 5.2) whose length is not in its second byte."""
    if length <= _MOST_IN_TWO_BYTES:
        return struct.pack("!BBH", _TEXT_FRAME, _TWO_BYTES, length)
    return struct.pack("!BBQ", _TEXT_FRAME, _EIGHT_BYTES, length)


def _closed(error: ConnectionClosed) -> SocketClosed:
    # The library gives a CloseReason, or None if the TCP connection ended without a close frame.
    if error.reason is None:
        return SocketClosed(_ABNORMAL)
    return SocketClosed(error.reason.code, error.reason.reason or "")


async def upgrade(
    nursery: trio.Nursery,
    stream: DeviceStream,
    head: bytes,
    max_message_bytes: int,
    origin_allowed: OriginCheck,
    proxies: TrustedProxies,
) -> TrioWebSocket | None:
    """The opening handshake of RFC 6455. Returns None if it failed; the peer has then been answered.

    `head`: what `stream` has received. A usual request that is not refused takes no further step of another task.
    """
    usual = read_upgrade_request(head)
    if usual is None or _path(usual.path) != DEVICE_PATH or not origin_allowed(_value(usual.headers, b"origin")):
        stream.unread(head)
        return await _upgrade_by_library(nursery, stream, max_message_bytes, origin_allowed, proxies)
    if usual.rest:
        stream.unread(usual.rest)
    if not await _answered(stream, usual.answer):
        return None
    connection = WebSocketConnection(
        stream,
        _OpenConnection(),
        path=usual.path,
        max_message_size=max_message_bytes,
        receive_buffer_size=RECEIVE_BYTES,
    )
    connection._connection_proposal = None  # as the library does when it has the request
    connection._open_handshake.set()
    nursery.start_soon(connection._reader_task)
    return TrioWebSocket(connection, stream, _client(stream, usual.headers, proxies), _bearer(usual.headers))


async def _answered(stream: DeviceStream, answer: bytes) -> bool:
    if stream.try_send(answer) == 0:
        return True
    with trio.move_on_after(UPGRADE_TIMEOUT_S):
        try:
            await stream.send_all(b"" if stream.unsent else answer)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        return True
    return False


async def _upgrade_by_library(
    nursery: trio.Nursery,
    stream: DeviceStream,
    max_message_bytes: int,
    origin_allowed: OriginCheck,
    proxies: TrustedProxies,
) -> TrioWebSocket | None:
    request: WebSocketRequest | None = None
    with trio.move_on_after(UPGRADE_TIMEOUT_S):
        try:
            request = await wrap_server_stream(
                nursery, stream, max_message_size=max_message_bytes, receive_buffer_size=RECEIVE_BYTES
            )
            if _path(request.path) != DEVICE_PATH:
                await request.reject(404, extra_headers=_NO_BODY)
                return None
            origin = _value(request.headers, b"origin")
            if not origin_allowed(origin):
                log.warning(
                    "origin_refused",
                    peer=_client(stream, request.headers, proxies),
                    origin=(origin or "")[:_LOGGED_CHARS],
                )
                await request.reject(403, extra_headers=_ORIGIN_REFUSED_HEADERS, body=_ORIGIN_REFUSED)
                return None
            connection = await request.accept()
            _forget_handshake(connection)
        except (ConnectionClosed, ConnectionRejected, HandshakeError, trio.BrokenResourceError):
            return None
        return TrioWebSocket(connection, stream, _client(stream, request.headers, proxies), _bearer(request.headers))
    return None


class _HandshakeOver:
    """Replaces the handshake of an open connection, which has no more events."""

    def events(self) -> tuple[()]:
        return ()


_OVER: Final = _HandshakeOver()


class _OpenConnection(WSConnection):
    """wsproto's connection after a handshake that it has not seen. It calls nothing of the handshake but `events`."""

    def __init__(self) -> None:
        self.client = False
        self.handshake = _OVER  # type: ignore[assignment]
        self.connection = Connection(ConnectionType.SERVER)


def _forget_handshake(connection: WebSocketConnection) -> None:
    """Release the HTTP parser and the request's headers, a tenth of the memory of an idle session.

    wsproto keeps them while the connection is open, but then only calls `events`.
    """
    connection._wsproto.handshake = _OVER  # type: ignore[assignment]


def _path(target: str) -> str:
    """The path of a request target; empty if the target can't be split."""
    try:
        return urlsplit(target).path
    except ValueError:  # such as an opening bracket without a closing one
        return ""


def _client(stream: DeviceStream, headers: Headers, proxies: TrustedProxies) -> str:
    """The client's address: with its port, or as a trusted proxy has named it."""
    peer = _peer(stream)
    host = peer.rpartition(":")[0].strip("[]")
    if not proxies.trusts(host):
        return peer
    wanted = proxies.header_name.encode()
    values = [value.decode("ascii", "replace") for name, value in headers if name.lower() == wanted]
    client = proxies.client_of(host, values)
    return peer if client == host else client


def _peer(stream: DeviceStream) -> str:
    try:
        return stream.getpeername()
    except OSError:  # the peer is gone already
        return "unknown"


def _bearer(headers: Headers) -> str | None:
    value = _value(headers, b"authorization") or ""
    return value[7:].strip() if value[:7].lower() == "bearer " else None


def _value(headers: Headers, wanted: bytes) -> str | None:
    """The value of a header. Repeated headers are joined to one value, which is never a valid origin or token."""
    values = [value.decode("ascii", "replace") for name, value in headers if name.lower() == wanted]
    return ", ".join(values) if values else None
