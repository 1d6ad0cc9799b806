"""The two clocks of a session, its heartbeat and its token's end, kept by whoever reads its frames."""

from __future__ import annotations

from typing import Protocol

import trio

from server.sockets.expiry import Expiry
from server.sockets.heartbeat import Heartbeat
from streaming.wire import CloseCode, ServerFrame, WsAuthExpiring


class Timed(Protocol):
    """A session, as its clocks see it."""

    def send_control(self, frame: ServerFrame) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


def next_due(heartbeat: Heartbeat, expiry: Expiry) -> float:
    """When `keep_time` has something to do, on trio's clock."""
    return min(heartbeat.due, trio.current_time() + expiry.wait_s())


def keep_time(session: Timed, heartbeat: Heartbeat, expiry: Expiry, pings: trio.Nursery) -> None:
    """Do what is due: ping the peer in a task of `pings`, warn it of its token's end, or close the session."""
    if trio.current_time() >= heartbeat.due:
        if heartbeat.beat():
            pings.start_soon(heartbeat.ping, lambda closed: session.close(closed.code, closed.reason))
        else:
            session.close(CloseCode.HEARTBEAT_LOST, "nothing heard for two heartbeats")
    if expiry.take_warning():
        session.send_control(WsAuthExpiring(in_s=round(expiry.left_s(), 1)))
    if expiry.left_s() <= 0:
        session.close(CloseCode.TOKEN_EXPIRED, "the token has expired")
