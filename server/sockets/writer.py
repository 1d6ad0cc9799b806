"""What sends on a socket: it numbers the frames and writes them, from the outbox in its task, or at once."""

from __future__ import annotations

import trio

from server.sockets.device_socket import DeviceSocket
from streaming.outbox import Outbox
from streaming.wire import StreamText


class FrameWriter:
    """Numbers the frames of one socket 1, 2, 3, ... in the order in which they are sent.

    Implements `streaming.outbox.DirectSender`: while its task waits for a frame, text may go out without waking it.
    """

    def __init__(self, socket: DeviceSocket) -> None:
        self._socket = socket
        self._seq = 0

    @property
    def unsent(self) -> bool:
        """Whether a part of a frame that was sent at once is still to be sent."""
        return self._socket.unsent

    def try_send(self, frame: StreamText) -> bool:
        """Send `frame`, whole or in part, if that needs no waiting; False when nothing was sent."""
        if not self._socket.try_send(frame.to_json(self._seq + 1)):
            return False
        self._seq += 1
        return True

    async def flush(self) -> None:
        """Send what is left of a frame. Raises `server.sockets.device_socket.SocketClosed`."""
        await self._socket.flush()

    async def run(self, outbox: Outbox) -> None:
        """Send every frame of `outbox` until it is closed and empty.

        Raises `server.sockets.device_socket.SocketClosed` when the peer is gone.
        """
        while True:
            try:
                frame = await outbox.take()
            except trio.EndOfChannel:
                return
            self._seq += 1
            if isinstance(frame, StreamText):
                await self._socket.send(frame.to_json(self._seq).decode())
            else:
                await self._socket.send(frame.model_copy(update={"seq": self._seq}).model_dump_json())
            del frame  # the next one may be long in coming
