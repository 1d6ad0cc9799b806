"""Transactions on one user's memory, together with the key that opens it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal
from uuid import UUID

from cryptography.fernet import Fernet

from memory.sealing import Unreadable, unseal
from memory.user_keys import UserKey, UserKeys
from sql.connection import Connection
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped

logger = logging.getLogger(__name__)

Tier = Literal["core", "associative", "episodic", "proactive"]


class NoSuchUser(Exception):
    """There is no such user (any more)."""

    def __init__(self) -> None:
        super().__init__("This account no longer exists.")


class Vault:
    """The database, the statements and the users' keys, for the parts of memory that need all three."""

    def __init__(
        self,
        pool: Pool,
        statements: Statements,
        keys: UserKeys,
        on_unreadable: Callable[[Tier], None] | None = None,
    ) -> None:
        """`on_unreadable` is told of each row that was skipped, because it does not open with its user's key."""
        self.pool = pool
        self.statements = statements
        self.keys = keys
        self._on_unreadable = on_unreadable

    async def key(self, user_id: UUID) -> UserKey:
        """The user's key as of a moment ago. Raises `NoSuchUser`, `WrongMasterKey`, `MissingKeyShare`."""
        kept = self.keys.kept(user_id)
        if kept is not None:
            return kept
        async with scoped(self.pool, user_id) as connection:
            cursor = await connection.execute(self.statements["user_key"], {"user_id": user_id})
        return await self.opened(user_id, await cursor.fetchone())

    @asynccontextmanager
    async def adding(self, user_id: UUID) -> AsyncIterator[tuple[Connection, UserKey]]:
        """A transaction that inserts rows which nobody else knows of, under a key that stays the user's until it ends.

        The connection is that of `sql.tenant.scoped`. Raises like `key`.
        """
        async with scoped(self.pool, user_id) as connection:
            yield connection, await self._key_in(connection, user_id, exclusive=False)

    @asynccontextmanager
    async def writing(self, user_id: UUID) -> AsyncIterator[tuple[Connection, UserKey]]:
        """A transaction that changes rows, while nobody else adds to or changes this user's memory.

        The connection is that of `sql.tenant.scoped`. Raises like `key`.
        """
        async with scoped(self.pool, user_id) as connection:
            yield connection, await self._key_in(connection, user_id, exclusive=True)

    @asynccontextmanager
    async def replacing_key(self, user_id: UUID) -> AsyncIterator[tuple[Connection, UserKey]]:
        """A transaction that may replace the user's key: it waits for those that write, and they wait for it."""
        async with scoped(self.pool, user_id) as connection:
            yield connection, await self._key_in(connection, user_id, exclusive=True)

    async def _key_in(self, connection: Connection, user_id: UUID, *, exclusive: bool) -> UserKey:
        statement = self.statements["user_key_exclusive" if exclusive else "user_key_shared"]
        cursor = await connection.execute(statement, {"user_id": user_id})
        return await self.opened(user_id, await cursor.fetchone())

    async def opened(self, user_id: UUID, row: tuple[Any, ...] | None) -> UserKey:
        """The key of a row of `user_key`. Raises like `key`."""
        if row is None or row[0] is None:
            raise NoSuchUser
        return await self.keys.open(user_id, bytes(row[0]))

    def unseal(self, fernet: Fernet, tier: Tier, purpose: str, token: bytes) -> Any:
        """What is sealed in `token`. One that does not open is reported and raises `Unreadable`: skip its row."""
        try:
            return unseal(fernet, purpose, token)
        except Unreadable as error:
            logger.warning("a row of %s memory is skipped: %s", tier, error)
            if self._on_unreadable is not None:
                self._on_unreadable(tier)
            raise
