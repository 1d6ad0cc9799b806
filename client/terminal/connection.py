"""One WebSocket to the server. It sends and receives frames, and answers nothing itself except WebSocket pings.

`open_connection` yields a `Connection`; `client.terminal.device` builds a device on top. Only this module names
the WebSocket library.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import SplitResult, urlsplit

import trio
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_client_stream

from parser import well_formed
from streaming.wire import SERVER_FRAME, ServerFrame

MAX_FRAME_BYTES = 16 * 2**20
NO_CLOSE_CODE = 1006
Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


class ConnectionLostError(Exception):
    """The socket is closed. `code` is the close code, or 1006 if there was none."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"connection closed with {code}" + (f": {reason}" if reason else ""))
        self.code = code
        self.reason = reason


class ConnectError(Exception):
    """The WebSocket could not be opened: nothing listens, the upgrade was refused, or it took too long."""


class ProtocolError(Exception):
    """The server sent a frame that the protocol does not allow."""


def frame_text(frame: BaseModel) -> str:
    """The JSON of `frame`. Unpaired surrogates become U+FFFD: an item's title may be cut inside an emoji."""
    try:
        return frame.model_dump_json()
    except PydanticSerializationError:
        text = well_formed(json.dumps(frame.model_dump(), ensure_ascii=False, default=to_jsonable_python))
        return to_json(from_json(text), inf_nan_mode="null").decode()


class Connection:
    """Whole frames over one WebSocket. Only one task at a time may send, and only one may receive.

    A cancelled send makes the socket unusable, because part of a frame may have been sent.
    """

    def __init__(self, socket: WebSocketConnection, stream: Stream) -> None:
        self._socket = socket
        self._stream = stream
        self._seq: int | None = None

    async def send_raw(self, message: str | bytes) -> None:
        """Send any text or binary message, even if it is not a valid frame. Raises `ConnectionLostError`."""
        with _lost():
            await self._socket.send_message(message)

    async def send(self, frame: BaseModel) -> None:
        """Send one frame. Raises `ConnectionLostError`."""
        await self.send_raw(frame_text(frame))

    async def receive_raw(self) -> str:
        """Return the next message as text. Raises `ConnectionLostError` after the last message."""
        with _lost():
            message = await self._socket.get_message()
        return message if isinstance(message, str) else message.decode(errors="replace")

    async def receive(self) -> ServerFrame:
        """Return the next frame of a known type; skip unknown types of a newer server.

        Raises `ConnectionLostError`, and `ProtocolError` for an invalid frame or a `seq` that is not the next one.
        """
        while True:
            text = await self.receive_raw()
            try:
                frame = SERVER_FRAME.validate_json(text)
            except ValidationError as error:
                if error.errors(include_url=False)[0]["type"] == "union_tag_invalid":
                    self._seq = None if self._seq is None else self._seq + 1
                    continue
                raise ProtocolError(f"the server sent an invalid frame: {error}") from None
            if self._seq is not None and frame.seq != self._seq + 1:
                raise ProtocolError(f"the server sent seq {frame.seq} after {self._seq}")
            self._seq = frame.seq
            return frame

    async def ping(self) -> None:
        """Send a WebSocket ping and wait for its pong. Raises `ConnectionLostError`."""
        with _lost():
            await self._socket.ping()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send the close frame and wait for the peer's close frame. May be called twice."""
        await self._socket.aclose(code, reason or None)

    async def vanish(self) -> None:
        """Simulate a network failure: end the TCP connection without a close frame."""
        await trio.aclose_forcefully(self._stream)


@asynccontextmanager
async def open_connection(
    url: str, *, bearer: str | None = None, connect_timeout_s: float = 10, close_timeout_s: float = 2
) -> AsyncIterator[Connection]:
    """Connect to a `ws:` or `wss:` URL. Leaving the block closes the socket within `close_timeout_s` seconds.

    `bearer` is sent in the upgrade request's Authorization header. Raises `ConnectError`. An exception of the block is
    raised unchanged, not in a group.
    """
    headers = [(b"authorization", f"Bearer {bearer}".encode())] if bearer else []
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise ConnectError(f"{url!r} is not a ws:// or wss:// URL")
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    deadline = trio.current_time() + connect_timeout_s
    with alone():
        async with trio.open_nursery() as nursery:
            with _connecting(url, deadline):
                stream = await _open_stream(parts)
            finished = trio.Event()
            try:
                watched = _WatchedStream(stream)
                with _connecting(url, deadline), watched.opening:
                    socket = await nursery.start(_read, watched, parts.netloc, resource, headers, finished)
                if watched.opening.cancelled_caught:
                    raise ConnectError(f"{url} closed the connection before it answered")
                connection = Connection(socket, stream)
                try:
                    yield connection
                finally:
                    with trio.CancelScope(shield=True, deadline=trio.current_time() + close_timeout_s):
                        await connection.close()
            finally:
                finished.set()
                await trio.aclose_forcefully(stream)


async def _read(
    stream: _WatchedStream,
    host: str,
    resource: str,
    headers: list[tuple[bytes, bytes]],
    finished: trio.Event,
    *,
    task_status: trio.TaskStatus[WebSocketConnection],
) -> None:
    """Open the WebSocket and let it read until `finished`.

    It reads on if the connection's block is cancelled: otherwise nothing would receive the peer's close frame.
    """
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            socket = await wrap_client_stream(
                nursery,
                stream,  # type: ignore[arg-type]  # the library only needs a `trio.abc.Stream`
                host,
                resource,
                extra_headers=headers,
                max_message_size=MAX_FRAME_BYTES,
            )
            scope.shield = True
            task_status.started(socket)
            await finished.wait()
            nursery.cancel_scope.cancel()


class _WatchedStream(trio.abc.Stream):
    """A stream that ends the opening handshake when it is closed. The WebSocket library would wait for ever."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.opening = trio.CancelScope()
        """A scope to enter once. It is cancelled when the peer has closed."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """See `trio.abc.ReceiveStream`."""
        try:
            received = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError:
            self.opening.cancel()
            raise
        if not received:
            self.opening.cancel()
        return received

    async def aclose(self) -> None:
        """Close the stream. The WebSocket library does it for a peer that does not speak HTTP."""
        self.opening.cancel()
        await self._stream.aclose()


async def _open_stream(parts: SplitResult) -> Stream:
    secure = parts.scheme == "wss"
    host = parts.hostname or ""
    tcp = await trio.open_tcp_stream(host, parts.port or (443 if secure else 80))
    return trio.SSLStream(tcp, ssl.create_default_context(), server_hostname=host) if secure else tcp


@contextmanager
def _connecting(url: str, deadline: float) -> Iterator[None]:
    try:
        with trio.fail_at(deadline):
            yield
    except trio.TooSlowError:
        raise ConnectError(f"{url} did not answer in time") from None
    except OSError as error:
        raise ConnectError(f"{url} cannot be reached: {error.strerror or error}") from None


@contextmanager
def alone() -> Iterator[None]:
    """Raise the only exception of a nursery's group without the group. Convert a refused upgrade to `ConnectError`."""
    try:
        yield
    except BaseExceptionGroup as group:
        only: BaseException = group
        while isinstance(only, BaseExceptionGroup) and len(only.exceptions) == 1:
            only = only.exceptions[0]
        if isinstance(only, HandshakeError):
            raise ConnectError(f"the server refused the WebSocket: {only}") from None
        if only is group:
            raise
        raise only from only.__cause__


@contextmanager
def _lost() -> Iterator[None]:
    try:
        yield
    except ConnectionClosed as error:
        reason = error.reason
        if reason is None:
            raise ConnectionLostError(NO_CLOSE_CODE) from None
        raise ConnectionLostError(int(reason.code), reason.reason or "") from None
