"""Checks access tokens: first the token itself, then in the database whether its access goes on.

A token alone can't be revoked. So each use of it asks the database whether the user exists, whether the login has not
ended, and whether the device is not revoked. Checks that come at the same time are one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import jwt

from server.accounts.credentials import OWN_ISSUER, AuthenticatedUser, TokenInvalid, Tokens
from sql.batches import Batches
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped, scoped_in_turn

_WITHIN_S: Final = 6.0
_MAX_TOKEN_CHARS: Final = 16_384


class AccessEnded(TokenInvalid):
    """The token was valid, but the person has logged out, revoked the device, or deleted the account."""


class Authenticator(Protocol):
    """Tells which user an access token belongs to."""

    async def authenticate(self, token: str, device_id: UUID | None = None) -> AuthenticatedUser:
        """The user of `token`, which `device_id` presents. Raises `TokenExpired` or `TokenInvalid`."""
        ...


class ExternalUsers(Protocol):
    """Users of the operator's identity provider; `server.accounts.identity_provider.IdentityProvider` is one."""

    async def verify(self, token: str) -> AuthenticatedUser:
        """The user of a token of the provider. Raises `TokenExpired` or `TokenInvalid`."""
        ...

    async def create(self, token: str, user: AuthenticatedUser) -> None:
        """Create the user, who is seen for the first time. Does nothing if another server was faster."""
        ...


@dataclass(eq=False, slots=True)
class _Check:
    user: AuthenticatedUser
    device_id: UUID | None
    row: tuple[Any, ...] | None = None


class Access:
    """Implements `Authenticator`. `run` it in the server's nursery."""

    def __init__(
        self, tokens: Tokens, pool: Pool, statements: Statements, external: ExternalUsers | None = None
    ) -> None:
        """`external`: None if only the tokens of this server are accepted."""
        self._tokens = tokens
        self._pool = pool
        self._statements = statements
        self._external = external
        self._checks = Batches(self._check_together, "check an access token", within_s=_WITHIN_S)

    def __repr__(self) -> str:
        return f"<Access, {len(self._checks)} checks waiting>"

    async def authenticate(self, token: str, device_id: UUID | None = None) -> AuthenticatedUser:
        """See `Authenticator`. Also raises `AccessEnded` and the database's errors.

        A user of the identity provider who is seen for the first time is created.
        """
        external = self._external if self._is_external(token) else None
        user = self._tokens.verify(token) if external is None else await external.verify(token)
        row = await self._check(user, device_id)
        exists, token_counts, login_counts, unbound, revoked, was_revoked, deleted = row
        if exists is False and external is not None and not deleted:
            await external.create(token, user)
            return user
        if not exists or revoked or not (token_counts if user.login_id is None else login_counts):
            raise AccessEnded
        if device_id is not None and (was_revoked or (unbound and user.login_id is not None)):
            await self._admit(user, device_id, returning=bool(was_revoked))
        return user

    async def run(self) -> None:
        """Check until cancelled."""
        await self._checks.run()

    def _is_external(self, token: str) -> bool:
        """Whether the token names another issuer. Nothing is verified yet."""
        if self._external is None or len(token) > _MAX_TOKEN_CHARS:
            return False
        try:
            claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        except (jwt.InvalidTokenError, UnicodeError):
            return False
        return claims.get("iss") != OWN_ISSUER

    async def _check(self, user: AuthenticatedUser, device_id: UUID | None) -> tuple[Any, ...]:
        check = _Check(user, device_id)
        await self._checks.add(check)
        if check.row is None:
            raise AccessEnded
        return check.row

    async def _check_together(self, together: Sequence[_Check]) -> None:
        async with scoped_in_turn(self._pool) as turn:
            cursors = []
            for check in together:
                connection = await turn(check.user.user_id)
                cursors.append(await connection.execute(self._statements["access_check"], _values(check)))
        for check, cursor in zip(together, cursors, strict=True):
            check.row = await cursor.fetchone()

    async def _admit(self, user: AuthenticatedUser, device_id: UUID, *, returning: bool) -> None:
        """Record that the login belongs to the device, and that a revoked device has logged in again."""
        values = {"user_id": user.user_id, "login_id": user.login_id, "device_id": device_id}
        async with scoped(self._pool, user.user_id) as connection:
            if user.login_id is not None:
                await connection.execute(self._statements["login_bind"], values)
            if returning:
                await connection.execute(self._statements["device_return"], values)


def _values(check: _Check) -> dict[str, object]:
    return {
        "user_id": check.user.user_id,
        "login_id": check.user.login_id,
        "issued_at": check.user.issued_at,
        "device_id": check.device_id,
    }
