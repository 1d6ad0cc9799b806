"""How long a session may last: until its token ends, unless the client brings a new one in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from server.auth import Identity, TokenExpired, TokenInvalid, Tokens

WARNING_S: Final = 60.0
"""Seconds before the end at which the client is warned."""


class RefreshRefused(Exception):
    """The new token can't take the old one's place; the message says why, for the client."""


class Expiry:
    """The end of one session's token. `wall_clock` gives seconds since the epoch, as the tokens do."""

    def __init__(self, identity: Identity, tokens: Tokens, wall_clock: Callable[[], float]) -> None:
        self._identity = identity
        self._tokens = tokens
        self._wall_clock = wall_clock
        self._refreshed = trio.Event()

    def refresh(self, token: str) -> None:
        """Take a new token of the same user. Raises `RefreshRefused`; the old token then stays in force."""
        try:
            identity = self._tokens.verify(token)
        except (TokenExpired, TokenInvalid):
            raise RefreshRefused("The new token is not valid; the session goes on with the old one.") from None
        if identity.user_id != self._identity.user_id:
            raise RefreshRefused("The new token is another user's; the session goes on with the old one.")
        self._identity = identity
        self._refreshed.set()

    async def watch(self, warn: Callable[[float], None]) -> None:
        """Return when the token has ended; `warn` is called with the seconds left, `WARNING_S` before."""
        while True:
            self._refreshed = trio.Event()
            if await self._refreshed_within(self._left_s() - WARNING_S):
                continue
            warn(round(self._left_s(), 1))
            if not await self._refreshed_within(self._left_s()):
                return

    def _left_s(self) -> float:
        return max(self._identity.expires_at - self._wall_clock(), 0)

    async def _refreshed_within(self, seconds: float) -> bool:
        with trio.move_on_after(max(seconds, 0)):
            await self._refreshed.wait()
            return True
        return False
