"""How long a session may last: until its token ends, unless the client brings a new one in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from server.accounts import AuthenticatedUser, TokenExpired, TokenInvalid, Tokens

WARNING_S: Final = 60.0
"""Seconds before the end at which the client is warned."""


class RefreshRefused(Exception):
    """The new token can't take the old one's place; the message says why, for the client."""


class Expiry:
    """The end of one session's token. `wall_clock` gives seconds since the epoch, as the tokens do."""

    __slots__ = ("_identity", "_tokens", "_wall_clock", "_warned")

    def __init__(self, identity: AuthenticatedUser, tokens: Tokens, wall_clock: Callable[[], float]) -> None:
        self._identity = identity
        self._tokens = tokens
        self._wall_clock = wall_clock
        self._warned = False

    @property
    def user_id(self) -> UUID:
        """Whose session it is."""
        return self._identity.user_id

    def refresh(self, token: str) -> None:
        """Take a new token of the same user. Raises `RefreshRefused`; the old token then stays in force."""
        try:
            identity = self._tokens.verify(token)
        except (TokenExpired, TokenInvalid):
            raise RefreshRefused("The new token is not valid; the session goes on with the old one.") from None
        if identity.user_id != self._identity.user_id:
            raise RefreshRefused("The new token is another user's; the session goes on with the old one.")
        self._identity = identity
        self._warned = False

    def left_s(self) -> float:
        """Seconds until the token ends; 0 when it has."""
        return max(self._identity.expires_at - self._wall_clock(), 0.0)

    def wait_s(self) -> float:
        """Seconds until the client is to be warned, or, once it was, until the token ends; 0 when that is now."""
        return max(self.left_s() - (0.0 if self._warned else WARNING_S), 0.0)

    def take_warning(self) -> bool:
        """Whether the client is to be warned now; so of each token at most once."""
        warn = not self._warned and self.wait_s() <= 0
        self._warned = self._warned or warn
        return warn
