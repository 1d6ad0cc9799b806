"""Logins: each begins with a password and has a refresh token, which is replaced at every use.

A refresh token that was used before ends its login: somebody has a copy of it (RFC 9700, 4.14.2). There is one
exception: the answer with the new token may be lost. So the token before the current one may be used again for
`repeat_s` seconds, as long as the current one was not used. The current one then counts as used.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from server.accounts.credentials import Tokens
from server.accounts.ended_access import EndedAccess
from server.accounts.refresh_token import RefreshToken, RefreshTokenInvalid
from sql.driver import Connection, UnknownReference
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped

_DAY_S: Final = 86_400.0
_MAX_LOGINS: Final = 100
"""Logins of one user. The login that was refreshed the longest time ago ends first."""
_REMEMBER_USED_S: Final = 30 * _DAY_S
_MAX_DEVICES: Final = 1000


class RefreshTokenReused(Exception):
    """The refresh token was used before. Its login has ended: `ended`."""

    def __init__(self, ended: EndedAccess) -> None:
        super().__init__("This refresh token was used before, so somebody may have copied it. Log in again.")
        self.ended = ended


class NoSuchDevice(Exception):
    """The user has no such device, or it is revoked already."""

    def __init__(self) -> None:
        super().__init__("You have no device with this id.")


@dataclass(frozen=True, slots=True)
class LoginTokens:
    """The tokens of a login; lifetimes are in seconds. The `repr` does not contain the tokens."""

    user_id: UUID
    login_id: UUID
    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)
    refresh_expires_in: int


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """A device of the user, as the list of devices has it. `logins` counts the logins that belong to it."""

    device_id: UUID
    name: str
    version: str
    platform: str
    created_at: datetime
    last_seen_at: datetime
    logins: int


class Logins:
    """The logins of all users. Every method raises the database's errors."""

    def __init__(
        self,
        pool: Pool,
        statements: Statements,
        tokens: Tokens,
        *,
        idle_s: float = 30 * _DAY_S,
        max_age_s: float = 365 * _DAY_S,
        repeat_s: float = 60.0,
    ) -> None:
        """A login ends when its refresh token was not used for `idle_s` seconds, and `max_age_s` after its begin."""
        self._pool = pool
        self._statements = statements
        self._tokens = tokens
        self._idle_s = idle_s
        self._max_age_s = max_age_s
        self._repeat_s = repeat_s

    async def begin(self, user_id: UUID, device_id: UUID | None = None) -> LoginTokens:
        """A new login. Raises `RefreshTokenInvalid` if the account was deleted meanwhile, or is being deleted."""
        token = RefreshToken.new(user_id, uuid4())
        lifetime_s = min(self._idle_s, self._max_age_s)
        values = {
            "user_id": user_id,
            "login_id": token.login_id,
            "device_id": device_id,
            "refresh_digest": token.digest(),
            "idle_s": lifetime_s,
            "keep": _MAX_LOGINS,
        }
        try:
            async with scoped(self._pool, user_id) as connection:
                inserted = await connection.execute(self._statements["login_insert"], values)
                await connection.execute(self._statements["logins_trim"], values)
            row = await inserted.fetchone()
        except UnknownReference:
            row = None
        if row is None:
            raise RefreshTokenInvalid
        return self._issued(token, lifetime_s)

    async def refresh(self, text: str, device_id: UUID | None = None) -> LoginTokens:
        """New tokens for a refresh token, which is used then. Raises `RefreshTokenInvalid` or `RefreshTokenReused`.

        Of several concurrent uses of one token, each gets new tokens, and only the last refresh token is valid.
        """
        token = RefreshToken.parse(text)
        digest = token.digest()
        values: dict[str, object] = {
            "user_id": token.user_id,
            "login_id": token.login_id,
            "digest": digest,
            "device_id": device_id,
            "repeat_s": self._repeat_s,
        }
        async with scoped(self._pool, token.user_id) as connection:
            cursor = await connection.execute(self._statements["login_refresh_read"], values)
            row = await cursor.fetchone()
            if row is None:
                raise RefreshTokenInvalid
            is_current, is_repeated, _, is_used, age_s = row
            reused = is_used and not is_current and not is_repeated
            if reused:
                await connection.execute(self._statements["login_end"], values)
            elif not is_current and not is_repeated:
                raise RefreshTokenInvalid
            else:
                new = RefreshToken.new(token.user_id, token.login_id)
                lifetime_s = min(self._idle_s, self._max_age_s - age_s)
                await self._rotate(connection, values, new, lifetime_s, repeated=not is_current)
        if reused:
            raise RefreshTokenReused(EndedAccess(token.user_id, frozenset({token.login_id})))
        return self._issued(new, lifetime_s)

    async def _rotate(
        self, connection: Connection, values: dict[str, object], new: RefreshToken, lifetime_s: float, *, repeated: bool
    ) -> None:
        before_s = time.time() - _REMEMBER_USED_S
        more = {"new_digest": new.digest(), "repeated": repeated, "idle_s": lifetime_s, "before_s": before_s}
        values = values | more
        await connection.execute(self._statements["refresh_token_used"], values)
        await connection.execute(self._statements["login_rotate"], values)
        await connection.execute(self._statements["refresh_tokens_forget"], values)

    async def end(self, user_id: UUID, login_id: UUID) -> EndedAccess:
        """Log out: end one login."""
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["login_end"], {"user_id": user_id, "login_id": login_id})
        return EndedAccess(user_id, frozenset({login_id}))

    async def end_by_token(self, text: str) -> EndedAccess:
        """Log out with a refresh token. A token that was used before logs out too. Raises `RefreshTokenInvalid`."""
        token = RefreshToken.parse(text)
        values = {"user_id": token.user_id, "login_id": token.login_id, "digest": token.digest(), "repeat_s": 0}
        async with scoped(self._pool, token.user_id) as connection:
            cursor = await connection.execute(self._statements["login_refresh_read"], values)
            row = await cursor.fetchone()
            if row is None or not (row[0] or row[3]):
                raise RefreshTokenInvalid
            await connection.execute(self._statements["login_end"], values)
        return EndedAccess(token.user_id, frozenset({token.login_id}))

    async def end_all(self, user_id: UUID, *, keep: UUID | None = None) -> EndedAccess:
        """End every login of the user except `keep`, and refuse tokens without a login that were issued until now."""
        async with scoped(self._pool, user_id) as connection:
            await self.end_all_in(connection, user_id, keep=keep)
        return EndedAccess(user_id, keep=keep)

    async def end_all_in(self, connection: Connection, user_id: UUID, *, keep: UUID | None) -> None:
        """Like `end_all`, in a transaction of the user."""
        values = {"user_id": user_id, "kept_login": keep}
        await connection.execute(self._statements["logins_end"], values)
        await connection.execute(self._statements["tokens_end"], values)

    async def devices(self, user_id: UUID) -> list[DeviceEntry]:
        """The user's devices that are not revoked, the one that was seen last first."""
        async with scoped(self._pool, user_id) as connection:
            values = {"user_id": user_id, "limit": _MAX_DEVICES}
            cursor = await connection.execute(self._statements["devices_all"], values)
        return [DeviceEntry(*row) for row in await cursor.fetchall()]

    async def revoke_device(self, user_id: UUID, device_id: UUID) -> EndedAccess:
        """End the logins of a device, and refuse it until it logs in again. Raises `NoSuchDevice`."""
        values = {"user_id": user_id, "device_id": device_id}
        async with scoped(self._pool, user_id) as connection:
            revoked = await connection.execute(self._statements["device_revoke"], values)
            ended = await connection.execute(self._statements["logins_end_of_device"], values)
            if await revoked.fetchone() is None:
                raise NoSuchDevice
        logins = frozenset(login_id for (login_id,) in await ended.fetchall())
        return EndedAccess(user_id, logins, device_id)

    def _issued(self, token: RefreshToken, lifetime_s: float) -> LoginTokens:
        access_token, expires_in = self._tokens.issue(token.user_id, token.login_id)
        return LoginTokens(
            token.user_id, token.login_id, access_token, expires_in, token.text(), max(0, int(lifetime_s))
        )
