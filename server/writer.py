"""The one task that sends on a socket: it takes frames from the outbox, numbers them and writes them."""

from __future__ import annotations

import trio

from server.socket import DeviceSocket
from streaming.outbox import Outbox


async def write_frames(outbox: Outbox, socket: DeviceSocket) -> None:
    """Send every frame of `outbox` with `seq` 1, 2, 3, ... until the outbox is closed and empty.

    Raises `server.socket.SocketClosed` when the peer is gone.
    """
    seq = 0
    while True:
        try:
            frame = await outbox.take()
        except trio.EndOfChannel:
            return
        seq += 1
        await socket.send(frame.model_copy(update={"seq": seq}).model_dump_json())
