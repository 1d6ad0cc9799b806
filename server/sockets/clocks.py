"""The two clocks of a session: the heartbeat and the end of its token. The task that reads its frames drives both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import structlog
import trio

from server.accounts import AuthenticatedUser
from server.sockets.device_socket import DeviceSocket, SocketClosed
from streaming.wire import CloseCode, ServerFrame, WsAuthExpiring

log = structlog.get_logger(__name__)

SILENT_INTERVALS: Final = 2
"""Heartbeat intervals without a frame or pong after which the session is closed."""

WARNING_S: Final = 60.0
"""Seconds before the token expires at which the client is warned."""


class Heartbeat:
    """Pings the peer every `interval_s` seconds of trio's clock. Pongs and frames both show that the peer is there."""

    __slots__ = ("_interval_s", "_last_heard", "_pinging", "_socket", "due")

    def __init__(self, socket: DeviceSocket, interval_s: float) -> None:
        self._socket = socket
        self._interval_s = interval_s
        self._last_heard = trio.current_time()
        self._pinging = False
        self.due = self._last_heard + interval_s
        """When to call `beat` next, on trio's clock."""

    def heard(self) -> None:
        """The peer sent something."""
        self._last_heard = trio.current_time()

    def beat(self) -> bool:
        """Call it when `due`. True: ping the peer. False: the peer was silent for `SILENT_INTERVALS` intervals."""
        now = trio.current_time()
        self.due = now + self._interval_s
        return now - self._last_heard < SILENT_INTERVALS * self._interval_s

    async def ping(self, on_closed: Callable[[SocketClosed], None]) -> None:
        """Send a ping and wait for the pong. Runs in its own task: a cancelled send breaks the socket.

        Raises nothing but `Cancelled`. A ping that fails otherwise counts as one without a pong.

        Does nothing while an earlier ping has no pong: a peer that sends frames and never a pong must not make tasks
        pile up.
        """
        if self._pinging:
            return
        self._pinging = True
        try:
            await self._socket.ping()
        except SocketClosed as closed:
            on_closed(closed)
        # The boundary of one ping: a fault in it does not end the socket. If the peer is gone, its silence does.
        except Exception:
            log.exception("ping_failed")
        else:
            self.heard()
        finally:
            self._pinging = False


class RefreshRefused(Exception):
    """The new token can't replace the old one. The message says why and is sent to the client."""


class Expiry:
    """When one session's token expires. `wall_clock` gives seconds since the epoch, like the tokens."""

    __slots__ = ("_user", "_wall_clock", "_warned")

    def __init__(self, user: AuthenticatedUser, wall_clock: Callable[[], float]) -> None:
        self._user = user
        self._wall_clock = wall_clock
        self._warned = False

    @property
    def user(self) -> AuthenticatedUser:
        """The user of the socket, with the claims of the present token."""
        return self._user

    def refresh(self, user: AuthenticatedUser) -> None:
        """A new token came. Raises `RefreshRefused` if it is another user's; the old token then stays in use."""
        if user.user_id != self._user.user_id:
            raise RefreshRefused("The new token belongs to another user; the session continues with the old one.")
        self._user = user
        self._warned = False

    def left_s(self) -> float:
        """Seconds until the token expires; 0 if it has expired."""
        return max(self._user.expires_at - self._wall_clock(), 0.0)

    def wait_s(self) -> float:
        """Seconds until the client must be warned. After the warning: seconds until the token expires."""
        return max(self.left_s() - (0.0 if self._warned else WARNING_S), 0.0)

    def take_warning(self) -> bool:
        """Whether to warn the client now. True at most once per token."""
        warn = not self._warned and self.wait_s() <= 0
        self._warned = self._warned or warn
        return warn


class Timed(Protocol):
    """What the clocks use of a session."""

    def send_control(self, frame: ServerFrame) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


def next_due(heartbeat: Heartbeat, expiry: Expiry) -> float:
    """When to call `keep_time` next, on trio's clock."""
    return min(heartbeat.due, trio.current_time() + expiry.wait_s())


def keep_time(session: Timed, heartbeat: Heartbeat, expiry: Expiry, pings: trio.Nursery) -> None:
    """Do what is due: ping the peer in a task of `pings`, warn it that its token expires, or close the session."""
    if trio.current_time() >= heartbeat.due:
        if heartbeat.beat():
            pings.start_soon(heartbeat.ping, lambda closed: session.close(closed.code, closed.reason))
        else:
            session.close(CloseCode.HEARTBEAT_LOST, "the peer sent nothing for two heartbeat intervals")
    if expiry.take_warning():
        session.send_control(WsAuthExpiring(in_s=round(expiry.left_s(), 1)))
    if expiry.left_s() <= 0:
        session.close(CloseCode.TOKEN_EXPIRED, "the token has expired")
