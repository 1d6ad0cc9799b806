"""An open socket, as the session that it is attached to sees it."""

from __future__ import annotations

from typing import Protocol

from server.sessions.outbox import Sender


class View(Sender, Protocol):
    """The socket; `server.sockets.view.SocketView` is one."""

    def close(self, code: int, reason: str) -> None:
        """Close the socket with `code`, after it has sent what waits. Only the first call counts."""
        ...

    def expect_answer(self, frames: int) -> None:
        """A call was sent to the device: allow this many frames more, beyond the rate limit."""
        ...
