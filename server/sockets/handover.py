"""Hands a device's socket to the process of this host that has the device's session, over a Unix socket.

The process that accepted the socket verifies the device and forwards its frames. The process that has the session
serves them like those of the sockets that it accepted. The folder of the Unix sockets is private to the server's
account, so the identity that comes over them needs no second proof.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final
from uuid import UUID

import trio

from server.sockets.device_socket import DeviceSocket
from server.sockets.direct_stream import DirectStream
from server.sockets.handed_socket import Serve, VerifiedDevice, hand_over, serve_handed

_BACKLOG: Final = 1024


class Handover:
    """The sockets handed between the processes of this host. Each process listens in `folder` under its server id."""

    def __init__(self, folder: Path, server_id: UUID) -> None:
        self._folder = folder
        self._server_id = server_id

    def __repr__(self) -> str:
        return f"<Handover of {self._server_id}>"

    async def serve(self, serve: Serve, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve the sockets that other processes hand over, until cancelled. Reports when it listens."""
        path = self._path(self._server_id)
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

        None if that process is not on this host or not running: then the socket is as it was.
        """
        path = str(self._path(server_id))
        try:
            accepted = await trio.open_unix_socket(path)
        except OSError:
            return None
        return await hand_over(DirectStream(accepted), device_socket, device)

    def _path(self, server_id: UUID) -> Path:
        # The path of a Unix socket has at most 107 bytes.
        return self._folder / f"{server_id.hex[:16]}.sock"
