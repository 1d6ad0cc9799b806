"""A device's socket whose connection another process has: what each of the two processes does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from uuid import UUID

import structlog
import trio
from pydantic import BaseModel, ConfigDict, ValidationError

from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.frame_stream import ByteStream, FrameStream
from streaming.wire import CloseCode, WsClientInfo, WsResume

log = structlog.get_logger(__name__)

_ACCEPTED: Final = b"\x01"
_IDENTITY_S: Final = 3.0
_LAST_FRAMES_S: Final = 1.0
# Longer than the last frames and the close of a WebSocket together take at most.
_CLOSE_S: Final = 4.0
_MAX_IDENTITY_BYTES: Final = 64 * 1024
_TEXT_TYPE: Final = '"type":"stream_text"'
_TYPE_WITHIN_CHARS: Final = 60


class VerifiedDevice(BaseModel):
    """A device that passed the handshake at another process. `expires_at`: its token's, in seconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    user_id: UUID
    expires_at: float
    device_id: UUID
    client: WsClientInfo
    resume: WsResume | None
    features: frozenset[str]
    peer: str


class HandedSocket:
    """A `DeviceSocket` whose connection another process of this host has."""

    def __init__(self, stream: FrameStream, peer: str) -> None:
        self._stream = stream
        self._peer = peer
        self._closing = False

    def __repr__(self) -> str:
        return f"<HandedSocket of {self._peer}>"

    @property
    def peer(self) -> str:
        return self._peer

    @property
    def bearer_token(self) -> str | None:
        return None

    async def receive(self) -> str:
        return (await self._stream.receive()).decode()

    async def send(self, text: str) -> None:
        await self._stream.send(text.encode())

    def try_send(self, message: bytes) -> bool:
        return not self._closing and self._stream.try_send(message)

    @property
    def unsent(self) -> bool:
        return self._stream.unsent

    async def flush(self) -> None:
        await self._stream.flush()

    async def ping(self) -> None:
        await self._stream.ping()

    async def close(self, code: int, reason: str) -> None:
        if self._closing:
            return
        self._closing = True
        with trio.move_on_after(_CLOSE_S):
            await self._stream.close(code, reason)
            await self._stream.closed()


class PacedStream(ByteStream, Protocol):
    """A stream that sends only a few times a second; `server.relay.streams.RelayedStream` is one."""

    async def sent(self) -> None:
        """Wait until everything was sent, or the stream is broken."""
        ...


class PacedSocket(HandedSocket):
    """A `HandedSocket` over a `PacedStream`.

    `send` of text waits until the stream has sent it, so that the outbox merges the text that comes meanwhile. Other
    frames do not wait for that.
    """

    def __init__(self, stream: FrameStream, peer: str, paced: PacedStream) -> None:
        super().__init__(stream, peer)
        self._paced = paced

    async def send(self, text: str) -> None:
        await super().send(text)
        if _TEXT_TYPE in text[:_TYPE_WITHIN_CHARS]:
            await self._paced.sent()

    def try_send(self, message: bytes) -> bool:  # noqa: ARG002 - every text frame waits
        return False


Serve = Callable[[DeviceSocket, VerifiedDevice], Awaitable[None]]


async def serve_handed(stream: ByteStream, serve: Serve) -> None:
    """In the process that has the session: serve a device that another process hands over. Closes the stream.

    Raises nothing but `Cancelled`.
    """
    await _serve(stream, HandedSocket, serve)


async def serve_handed_paced(stream: PacedStream, serve: Serve) -> None:
    """Like `serve_handed`, for a stream that sends only a few times a second."""
    await _serve(stream, lambda frames, peer: PacedSocket(frames, peer, stream), serve)


async def _serve(stream: ByteStream, make_socket: Callable[[FrameStream, str], HandedSocket], serve: Serve) -> None:
    try:
        device = await _read_identity(stream)
        if device is None:
            return
        await stream.send_all(_ACCEPTED)
        frames = FrameStream(stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(frames.run)
            await serve(make_socket(frames, device.peer), device)
            nursery.cancel_scope.cancel()
    # The boundary of one socket: a failure here ends this socket and no other.
    except* Exception:
        log.exception("handed_socket_failed")
    finally:
        await stream.aclose()


async def hand_over(stream: ByteStream, device_socket: DeviceSocket, device: VerifiedDevice) -> int | None:
    """In the process that accepted the socket: let the other process serve it until it closes. Closes the stream.

    Returns the close code. None if the other process does not take it: then the socket is unchanged.
    """
    try:
        identity = device.model_dump_json().encode()
        await stream.send_all(len(identity).to_bytes(4, "big") + identity)
        answer = b""
        with trio.move_on_after(_IDENTITY_S):
            answer = await stream.receive_some(len(_ACCEPTED))
        if answer != _ACCEPTED:
            return None
        return await _forward(device_socket, FrameStream(stream))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return None
    finally:
        await stream.aclose()


async def _read_identity(stream: ByteStream) -> VerifiedDevice | None:
    data = b""
    with trio.move_on_after(_IDENTITY_S):
        try:
            # The other process sends nothing more until it has the answer, so no bytes are lost.
            while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
                received = await stream.receive_some(_MAX_IDENTITY_BYTES)
                data += received
                if not received or len(data) > _MAX_IDENTITY_BYTES:
                    return None
            return VerifiedDevice.model_validate_json(data[4:])
        except (trio.BrokenResourceError, ValidationError) as error:
            log.warning("handed_socket_refused", reason=type(error).__name__)
    return None


async def _forward(device_socket: DeviceSocket, stream: FrameStream) -> int:
    """Forward frames, pings and close codes both ways until one side closes. Returns the close code."""
    ended: list[SocketClosed] = []
    forwarded = trio.Event()
    async with trio.open_nursery() as nursery:

        async def from_device() -> None:
            while True:
                try:
                    text = await device_socket.receive()
                except SocketClosed as closed:
                    ended.append(closed)
                    await stream.close(closed.code, closed.reason)
                    nursery.cancel_scope.cancel()
                    return
                try:
                    await stream.send(text.encode())
                except SocketClosed:
                    return  # the other process has closed

        async def to_device() -> None:
            try:
                while True:
                    await _send(device_socket, await stream.receive())
            except SocketClosed:
                forwarded.set()

        async def answer_pings() -> None:
            try:
                while True:
                    number = await stream.pinged()
                    await device_socket.ping()
                    await stream.pong(number)
            except SocketClosed:
                pass

        for task in (stream.run, from_device, to_device, answer_pings):
            nursery.start_soon(task)
        await stream.closed()
        # The frames that came before the close code are sent first, if the device takes them in time.
        with trio.move_on_after(_LAST_FRAMES_S):
            await forwarded.wait()
        nursery.cancel_scope.cancel()
    if ended:
        return ended[0].code
    code, reason = stream.close_code or (int(CloseCode.DRAINING), "the server process of this session ended")
    await device_socket.close(code, reason)
    return code


async def _send(device_socket: DeviceSocket, text: bytes) -> None:
    if not device_socket.try_send(text):
        await device_socket.send(text.decode())
    elif device_socket.unsent:
        await device_socket.flush()
