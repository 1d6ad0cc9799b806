"""Whether the peer is still there: WebSocket pings, and the time since anything was heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from server.socket import DeviceSocket, SocketClosed

SILENT_INTERVALS: Final = 2


class Heartbeat:
    """Pings `socket` every `interval_s`. A pong counts as hearing, and so does whatever `heard` is called for."""

    def __init__(self, socket: DeviceSocket, interval_s: float) -> None:
        self._socket = socket
        self._interval_s = interval_s
        self._last_heard = trio.current_time()

    def heard(self) -> None:
        """Something came from the peer."""
        self._last_heard = trio.current_time()

    async def run(self, on_silence: Callable[[], None], on_closed: Callable[[SocketClosed], None]) -> None:
        """Ping until nothing was heard for `SILENT_INTERVALS` intervals; then call `on_silence` and return."""
        async with trio.open_nursery() as pings:
            while True:
                await trio.sleep(self._interval_s)
                if trio.current_time() - self._last_heard >= SILENT_INTERVALS * self._interval_s:
                    on_silence()
                    return
                # In a task of its own: a ping whose sending was cancelled would break the socket.
                pings.start_soon(self._ping, on_closed)

    async def _ping(self, on_closed: Callable[[SocketClosed], None]) -> None:
        try:
            await self._socket.ping()
        except SocketClosed as closed:
            on_closed(closed)
        else:
            self.heard()
