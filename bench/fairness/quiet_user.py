"""The quiet user: what their pings and logins take in one round.

The user logs in at a device that has logged in before. A ping's answer has the latency that the event loop adds to
everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from uuid import uuid4

import trio

from bench.fairness.server import Server, device
from streaming.wire import WsPing, WsPong

_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Noticed:
    """What the quiet user measured in one round, in seconds: the 99th percentile of pings, and the slowest login."""

    ping_s: float
    login_s: float


@dataclass(frozen=True, slots=True)
class QuietUser:
    """A new account."""

    server: Server
    email: str
    device_token: str
    access_token: str

    async def notices(self, seconds: float, logins: int) -> Noticed:
        """Pings and `logins` logins for `seconds`."""
        pings: list[float] = []
        times: list[float] = []

        async def log_in() -> None:
            for _ in range(logins):
                started = trio.current_time()
                await self.server.post("login", self.email, self.device_token)
                times.append(trio.current_time() - started)
                await trio.sleep(seconds / logins / 2)

        async with trio.open_nursery() as nursery, device(self.server, self.access_token) as connection:
            nursery.start_soon(log_in)
            ends_at = trio.current_time() + seconds
            while trio.current_time() < ends_at:
                started = trio.current_time()
                await connection.send(WsPing())
                while not isinstance(await connection.receive(), WsPong):
                    pass
                pings.append(trio.current_time() - started)
                await trio.sleep(_EVERY_S)
        return Noticed(sorted(pings)[math.ceil(len(pings) * 0.99) - 1], max(times))


async def new_user(server: Server) -> QuietUser:
    """Register a quiet user."""
    email = f"quiet.{uuid4().hex}@example.com"
    account = await server.post("register", email)
    return QuietUser(server, email, account["device_token"], account["access_token"])
