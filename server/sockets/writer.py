"""The writer of a socket: sends the frames that its session's outbox numbers."""

from __future__ import annotations

import trio

from server.sessions import Outbox, Sender
from server.sockets.device_socket import DeviceSocket
from streaming.wire import StreamText


async def write_frames(socket: DeviceSocket, outbox: Outbox, sender: Sender) -> None:
    """Send every frame that `outbox` has for `sender`, until `take` ends.

    Raises `server.sockets.device_socket.SocketClosed` when the peer is gone.
    """
    while True:
        try:
            seq, frame = await outbox.take(sender)
        except trio.EndOfChannel:
            return
        if isinstance(frame, StreamText):
            text = frame.to_json(seq).decode()
        else:
            text = frame.model_copy(update={"seq": seq}).model_dump_json()
        del frame  # release its memory while waiting, and that of the text below
        await socket.send(text)
        del text
