"""The streams between the processes that serve the devices of one database.

The process that accepted a device's socket verifies the device. If another process has its session, that one serves the
socket like those that it accepted. Processes also follow, read and cancel requests that run at another one.

On one host the streams are Unix sockets. Their folder is private to the server's account, so the identity that comes
over them needs no second proof. Between hosts they go through the relay, which encrypts its messages with a key that
only the servers have.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Protocol
from uuid import UUID

import structlog
import trio

from server.sessions import RunningRequest
from server.sockets.device_socket import DeviceSocket
from server.sockets.direct_stream import DirectStream
from server.sockets.forwarded_sockets import ForwardedSockets
from server.sockets.frame_stream import ByteStream, FrameStream
from server.sockets.handed_socket import HandedSocket, PacedSocket, PacedStream
from server.sockets.openings import (
    Refused,
    RequestOrder,
    VerifiedDevice,
    accept,
    confirm,
    confirmed,
    open_with,
    read_opening,
    refuse,
)
from server.sockets.remote_requests import cancel_request, read_frames, read_result, serve_order
from streaming.wire import ServerFrame, WsRequestResult, WsResume

log = structlog.get_logger(__name__)

_BACKLOG: Final = 1024


class OtherHosts(Protocol):
    """Streams to the servers of other hosts; `server.relay.streams.RelayStreams` is one."""

    accept: Callable[[Any], Awaitable[None]] | None
    """Serves a `PacedStream` that another server opened."""

    def open(self, user_id: UUID, server_id: UUID) -> PacedStream: ...


class Owner(Protocol):
    """What this process does for others; `server.sockets.DeviceGate` implements it."""

    def release(self, device: VerifiedDevice) -> WsResume | Literal["busy"] | None:
        """See `server.sessions.SessionHost.release`."""
        ...

    async def serve_handed(self, socket: HandedSocket, device: VerifiedDevice) -> None:
        """Serve a device's socket that another process has, until it closes."""
        ...

    def running(self, user_id: UUID, request_id: UUID) -> RunningRequest | None:
        """A request that runs here."""
        ...


@dataclass(frozen=True, slots=True)
class NotServed:
    """The other process does not serve the socket, which is unchanged.

    `reached`: it has answered. `go_on`: where a new session of the device can go on; None if it can't.
    """

    reached: bool
    go_on: WsResume | None = None


class Handover:
    """The streams of this process. Implements `server.sessions.OtherProcesses`."""

    def __init__(self, server_id: UUID, folder: Path | None, other_hosts: OtherHosts | None = None) -> None:
        """Each process of a host listens in `folder` under its server id. None: this is the only one of its host."""
        self._server_id = server_id
        self._folder = folder
        self._other_hosts = other_hosts
        self._forwarded = ForwardedSockets()

    def __repr__(self) -> str:
        return f"<Handover of {self._server_id}, {len(self._forwarded)} sockets handed to others>"

    async def serve(self, owner: Owner, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Do what other processes want, until cancelled. Reports when it listens."""
        if self._other_hosts is not None:
            self._other_hosts.accept = partial(_serve_paced, owner)
        if self._folder is None:
            task_status.started()
            await trio.sleep_forever()
        path = _path(self._folder, self._server_id)
        listener = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with listener:
            await listener.bind(str(path))
            try:
                listener.listen(_BACKLOG)
                task_status.started()

                async def accepted(stream: trio.SocketStream) -> None:
                    await _serve_stream(owner, DirectStream(stream), HandedSocket)

                await trio.serve_listeners(accepted, [trio.SocketListener(listener)])
            finally:
                with trio.CancelScope(shield=True):
                    await trio.Path(path).unlink(missing_ok=True)

    def drain(self, spread_ms: int) -> None:
        """Serve no further socket through others: the devices reconnect, spread over `spread_ms` milliseconds."""
        self._forwarded.drain(spread_ms)

    def close_all(self) -> None:
        """Close every socket that another process serves."""
        self._forwarded.close_all()

    async def hand_over(self, server_id: UUID, device_socket: DeviceSocket, device: VerifiedDevice) -> int | NotServed:
        """Let the process `server_id` serve the socket until it closes. Returns the close code, or why it did not."""
        stream = await self._open(server_id, device.user_id)
        if stream is None:
            return NotServed(reached=False)
        try:
            if not await open_with(stream, device):
                return NotServed(reached=False)
            await confirm(stream)
            return await self._forwarded.forward(device_socket, FrameStream(stream))
        except Refused as refused:
            return NotServed(reached=True, go_on=refused.go_on)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return NotServed(reached=False)
        finally:
            await stream.aclose()

    # ---- as sessions see it -----------------------------------------------------------------------------------------

    async def follow(
        self, server_id: UUID, user_id: UUID, request_id: UUID, take: Callable[[ServerFrame], bool]
    ) -> None:
        """See `server.sessions.OtherProcesses`."""
        stream = await self._open(server_id, user_id)
        if stream is not None:
            await read_frames(stream, RequestOrder(kind="follow", user_id=user_id, request_id=request_id), take)

    async def result(self, server_id: UUID, user_id: UUID, request_id: UUID) -> WsRequestResult | None:
        """See `server.sessions.OtherProcesses`."""
        stream = await self._open(server_id, user_id)
        if stream is None:
            return None
        return await read_result(stream, RequestOrder(kind="result", user_id=user_id, request_id=request_id))

    async def cancel(self, server_id: UUID, user_id: UUID, request_id: UUID) -> bool:
        """See `server.sessions.OtherProcesses`."""
        stream = await self._open(server_id, user_id)
        if stream is None:
            return False
        return await cancel_request(stream, RequestOrder(kind="cancel", user_id=user_id, request_id=request_id))

    async def _open(self, server_id: UUID, user_id: UUID) -> ByteStream | None:
        """A stream to another process about a user; None if it can't be reached."""
        if self._folder is not None:
            try:
                return DirectStream(await trio.open_unix_socket(str(_path(self._folder, server_id))))
            except FileNotFoundError:
                pass  # not on this host
            except OSError:
                return None
        return None if self._other_hosts is None else self._other_hosts.open(user_id, server_id)


async def _serve_paced(owner: Owner, stream: PacedStream) -> None:
    await _serve_stream(owner, stream, lambda frames, peer: PacedSocket(frames, peer, stream))


async def _serve_stream(
    owner: Owner, stream: ByteStream, make_socket: Callable[[FrameStream, str], HandedSocket]
) -> None:
    try:
        match await read_opening(stream):
            case VerifiedDevice() as device:
                await _serve_device(owner, device, stream, make_socket)
            case RequestOrder() as order:
                await serve_order(order, owner.running(order.user_id, order.request_id), stream, make_socket)
            case None:
                pass
    # The other process is gone, or does not wait any longer.
    except* (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    # The boundary of one stream: a failure here ends this stream and no other.
    except* Exception:
        log.exception("handed_socket_failed")
    finally:
        await stream.aclose()


async def _serve_device(
    owner: Owner, device: VerifiedDevice, stream: ByteStream, make_socket: Callable[[FrameStream, str], HandedSocket]
) -> None:
    place = owner.release(device)
    if place != "busy":
        await refuse(stream, place)
        return
    await accept(stream)
    if not await confirmed(stream):
        return
    frames = FrameStream(stream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(frames.run)
        await owner.serve_handed(make_socket(frames, device.peer), device)
        nursery.cancel_scope.cancel()


def _path(folder: Path, server_id: UUID) -> Path:
    # The path of a Unix socket has at most 107 bytes.
    return folder / f"{server_id.hex[:16]}.sock"
