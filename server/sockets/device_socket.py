"""The interface of a device socket that sessions use: text messages, close codes, pings.

`server/sockets/websocket.py` implements it over trio-websocket; tests implement it over memory channels.
"""

from __future__ import annotations

from typing import Protocol


class SocketClosed(Exception):
    """The peer or the network closed the socket. `code` is the close code received, 1006 when there was none."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"socket closed with {code}")
        self.code = code
        self.reason = reason


class DeviceSocket(Protocol):
    """One connected WebSocket. `send` is called by one task at a time; `receive` by one other."""

    @property
    def peer(self) -> str:
        """Address and port of the peer, for the logs."""
        ...

    @property
    def bearer_token(self) -> str | None:
        """The token of the upgrade request's `Authorization: Bearer` header, if there was one."""
        ...

    async def receive(self) -> str:
        """The next text message. Raises `SocketClosed`; a binary message counts as an unreadable frame ("")."""
        ...

    async def send(self, text: str) -> None:
        """Send one text message. Raises `SocketClosed`. A cancelled send leaves the socket unusable."""
        ...

    def try_send(self, message: bytes) -> int | None:
        """Send one text message, in UTF-8, if the network accepts some of it without waiting.

        Returns how many bytes are unsent; None if nothing was sent.
        Must not be called during a `send`. The unsent part of the message is sent before anything else: see `flush`.
        """
        ...

    @property
    def unsent(self) -> bool:
        """Whether a part of a message that `try_send` accepted is not sent yet."""
        ...

    async def flush(self) -> None:
        """Send the unsent part. Raises `SocketClosed`. A cancelled flush leaves the socket unusable."""
        ...

    async def ping(self) -> None:
        """Send a WebSocket ping and wait for its pong. Raises `SocketClosed`."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Send the close frame and wait, bounded, for the peer's. Safe to call twice and after `SocketClosed`."""
        ...
