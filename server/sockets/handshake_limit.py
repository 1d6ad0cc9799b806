"""Admission control of handshakes, so that thousands of devices that connect together do not delay running answers."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import trio


class HandshakeLimit:
    """At most `running` handshakes work at the same time; the others wait in their order.

    The event loop runs every task that is ready before it returns to the sockets of running answers. So `running`
    bounds how long a token waits. Take a place with `async with` only for work of the server: a peer that sends nothing
    must not hold one. When `waiting` handshakes wait, the limit is `full`: refuse new connections.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self._places = trio.CapacityLimiter(running)
        self._max_waiting = waiting
        self._waiting = 0

    def __repr__(self) -> str:
        return f"<HandshakeLimit, {self._places.borrowed_tokens} running, {self._waiting} waiting>"

    @property
    def waiting(self) -> int:
        """The number of handshakes that wait for a place."""
        return self._waiting

    @property
    def full(self) -> bool:
        """Whether no further handshake may wait."""
        return self._waiting >= self._max_waiting

    async def __aenter__(self) -> Self:
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places.release()
