"""The writer of a socket: numbers the frames and sends them, from the outbox or directly."""

from __future__ import annotations

import trio

from server.sockets.device_socket import DeviceSocket
from streaming.outbox import Outbox
from streaming.wire import StreamText


class FrameWriter:
    """Numbers the frames of one socket 1, 2, 3, ... in the order in which they are sent.

    Implements `streaming.outbox.DirectSender`: while its task waits for a frame, text is sent without waking that task.
    """

    def __init__(self, socket: DeviceSocket) -> None:
        self._socket = socket
        self._seq = 0

    @property
    def unsent(self) -> bool:
        """Whether a part of a frame that `try_send` accepted is not sent yet."""
        return self._socket.unsent

    def try_send(self, frame: StreamText) -> bool:
        """Send `frame`, whole or in part, if that needs no waiting. Returns False if nothing was sent."""
        if not self._socket.try_send(frame.to_json(self._seq + 1)):
            return False
        self._seq += 1
        return True

    async def flush(self) -> None:
        """Send the rest of a frame. Raises `server.sockets.device_socket.SocketClosed`."""
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
            del frame  # release its memory while waiting for the next frame
