"""Whether the peer is still there: when to ping it, and since when nothing was heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from server.sockets.device_socket import DeviceSocket, SocketClosed

SILENT_INTERVALS: Final = 2


class Heartbeat:
    """A beat every `interval_s`, on trio's clock; a pong counts as hearing, and so does any frame."""

    __slots__ = ("_interval_s", "_last_heard", "_socket", "due")

    def __init__(self, socket: DeviceSocket, interval_s: float) -> None:
        self._socket = socket
        self._interval_s = interval_s
        self._last_heard = trio.current_time()
        self.due = self._last_heard + interval_s
        """When to `beat` next."""

    def heard(self) -> None:
        """Something came from the peer."""
        self._last_heard = trio.current_time()

    def beat(self) -> bool:
        """It is `due`: ping the peer now. False when nothing was heard for `SILENT_INTERVALS` intervals instead."""
        now = trio.current_time()
        self.due = now + self._interval_s
        return now - self._last_heard < SILENT_INTERVALS * self._interval_s

    async def ping(self, on_closed: Callable[[SocketClosed], None]) -> None:
        """Ping, and wait for the pong. In a task of its own: a ping whose sending was cancelled breaks the socket."""
        try:
            await self._socket.ping()
        except SocketClosed as closed:
            on_closed(closed)
        else:
            self.heard()
