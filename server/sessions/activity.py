"""Counts the work that a server which stops waits for: running requests, and answers that are being kept."""

from __future__ import annotations

import trio


class Activity:
    """Work in progress. It is idle while nothing that began has not ended."""

    def __init__(self) -> None:
        self._count = 0
        self._idle = trio.Event()
        self._idle.set()

    def __repr__(self) -> str:
        return f"<Activity: {self._count} in progress>"

    def begin(self) -> None:
        """Something begins."""
        self._count += 1
        if self._count == 1:
            self._idle = trio.Event()

    def end(self) -> None:
        """Something that began has ended."""
        self._count -= 1
        if self._count == 0:
            self._idle.set()

    async def idle(self) -> None:
        """Wait until everything has ended."""
        await self._idle.wait()
