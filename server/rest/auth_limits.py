"""Rate limits of the routes that check passwords and refresh tokens.

Guesses are limited per network address and per account. A device that has logged in to the account before proves it
with its device token, and then only has its own limit: nobody can lock the owner out by guessing.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import trio

from server.rest.errors import rate_limited
from server.rest.services import RestLimits
from server.shared_limits import Limit, Limits, Rate

_HOUR_S: Final = 3600.0


class AuthLimits:
    """`make` makes the limits. Each method raises `ApiError` 429, after a delay, if there were too many attempts."""

    def __init__(self, limits: RestLimits, make: Limits) -> None:
        self._addresses = make(Rate("auth_address", limits.auth_address_rate_per_s, limits.auth_address_burst))
        self._accounts = make(Rate("auth_account", limits.auth_email_rate_per_s, limits.auth_email_burst))
        self._signups = make(Rate("signups", limits.signups_per_hour / _HOUR_S, limits.signups_per_hour))
        self._refused_late_s = limits.refused_late_s
        self._refreshes = make(Rate("refreshes", limits.refresh_rate_per_s, limits.refresh_burst))

    async def by_address(self, address: str) -> None:
        """An attempt of this network address."""
        await self._take(self._addresses, address)

    async def by_signup(self, address: str) -> None:
        """A new account of this network address."""
        await self._take(self._signups, address)

    async def by_email(self, email: str, device: str | None) -> None:
        """An attempt for this account, by the known device `device`, or by an unknown one."""
        await self._take(self._accounts, email if device is None else f"{email} {device}")

    async def by_user(self, user_id: UUID) -> None:
        """An attempt with an access token of this user."""
        await self._take(self._accounts, str(user_id))

    async def refreshes(self, address: str) -> None:
        """A use of a refresh token. It has 256 random bits, so this only limits the load of the database."""
        await self._take(self._refreshes, address)

    async def _take(self, limit: Limit, key: str) -> None:
        if wait_s := await limit.take(key):
            await trio.sleep(self._refused_late_s)
            raise rate_limited(wait_s)
