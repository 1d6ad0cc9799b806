"""Invites: codes that allow one registration each. The database only has their digests."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from sql.driver import Connection
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import without_user

_BYTES: Final = 18


class InviteRefused(Exception):
    """The invite is unknown, used or expired, or it is for another address."""

    def __init__(self) -> None:
        super().__init__("This server needs an invite to register, and this one is not valid. Ask for a new one.")


class Invites:
    """The invites of this server. Methods raise the database's errors."""

    def __init__(self, pool: Pool, statements: Statements) -> None:
        self._pool = pool
        self._statements = statements

    async def create(self, email: str | None, ttl_s: float) -> str:
        """A new code, which is valid for `ttl_s` seconds; only for `email`, if it is given."""
        code = secrets.token_urlsafe(_BYTES)
        values = {"new_invite_digest": _digest(code), "email": email, "ttl_s": ttl_s}
        async with without_user(self._pool) as connection:
            await connection.execute(self._statements["invite_insert"], values)
        return code

    async def check(self, code: str, email: str) -> None:
        """Raise `InviteRefused` if `email` can't use `code` now. Does not use it up, and reads no account."""
        async with without_user(self._pool) as connection:
            cursor = await connection.execute(self._statements["invite_check"], _values(code, email))
        if await cursor.fetchone() is None:
            raise InviteRefused

    async def use_in(self, connection: Connection, code: str, email: str) -> None:
        """Use `code` up in a transaction that creates the account. Raises `InviteRefused`."""
        cursor = await connection.execute(self._statements["invite_use"], _values(code, email))
        if await cursor.fetchone() is None:
            raise InviteRefused


def _values(code: str, email: str) -> dict[str, object]:
    return {"invite_digest": _digest(code), "email": email}


def _digest(code: str) -> bytes:
    return hashlib.sha256(b"tessera invite" + code.encode("utf-8", "replace")).digest()
