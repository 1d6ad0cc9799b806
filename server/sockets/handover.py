"""Hands a device's socket to the process that has the device's session.

The process that accepted the socket verifies the device and forwards its frames. The process that has the session
serves them like those of the sockets that it accepted. On one host the frames go over a Unix socket. Its folder is
private to the server's account, so the identity that comes over it needs no second proof. Between hosts they go through
the relay, which encrypts its messages with a key that only the servers have.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import trio

from server.sockets.device_socket import DeviceSocket
from server.sockets.direct_stream import DirectStream
from server.sockets.handed_socket import (
    PacedStream,
    Serve,
    VerifiedDevice,
    hand_over,
    serve_handed,
    serve_handed_paced,
)

_BACKLOG: Final = 1024


class OtherHosts(Protocol):
    """Streams to the servers of other hosts; `server.relay.streams.RelayStreams` is one."""

    accept: Callable[[Any], Awaitable[None]] | None
    """Serves a `PacedStream` that another server opened."""

    def open(self, user_id: UUID, server_id: UUID) -> PacedStream: ...


class Handover:
    """The sockets that this process hands to others, and serves for others."""

    def __init__(self, server_id: UUID, folder: Path | None, other_hosts: OtherHosts | None = None) -> None:
        """Each process of a host listens in `folder` under its server id. None: this is the only one of its host."""
        self._server_id = server_id
        self._folder = folder
        self._other_hosts = other_hosts

    def __repr__(self) -> str:
        return f"<Handover of {self._server_id}>"

    async def serve(self, serve: Serve, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve the sockets that other processes hand over, until cancelled. Reports when it listens."""
        if self._other_hosts is not None:
            self._other_hosts.accept = partial(serve_handed_paced, serve=serve)
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

                async def accept(stream: trio.SocketStream) -> None:
                    await serve_handed(DirectStream(stream), serve)

                await trio.serve_listeners(accept, [trio.SocketListener(listener)])
            finally:
                with trio.CancelScope(shield=True):
                    await trio.Path(path).unlink(missing_ok=True)

    async def hand_over(self, server_id: UUID, device_socket: DeviceSocket, device: VerifiedDevice) -> int | None:
        """Let the process `server_id` serve the socket until it closes. Returns the close code.

        None if that process can't be reached or does not answer: then the socket is unchanged.
        """
        if self._folder is not None:
            try:
                accepted = await trio.open_unix_socket(str(_path(self._folder, server_id)))
            except FileNotFoundError:
                pass  # not on this host
            except OSError:
                return None
            else:
                return await hand_over(DirectStream(accepted), device_socket, device)
        if self._other_hosts is None:
            return None
        return await hand_over(self._other_hosts.open(device.user_id, server_id), device_socket, device)


def _path(folder: Path, server_id: UUID) -> Path:
    # The path of a Unix socket has at most 107 bytes.
    return folder / f"{server_id.hex[:16]}.sock"
