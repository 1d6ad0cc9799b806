"""Transactions on one user's memory, together with the key that opens it.

**The order of locks.** Who changes memory takes the lock on the user's key (their row of `users`) before any other:

- `adding`, shared: for inserting rows that nobody else can know of, which is how an answered request is stored;
- `writing`, exclusive: for changing and removing rows. Of one user, one such transaction runs at a time, so the order
  in which it locks rows of the tiers does not matter, and none of them can be part of a deadlock;
- `replacing_key`, exclusive too.

Claiming work and releasing it (`memory/enrichment`) need no key. A claim takes only rows that no other worker holds. A release
locks rows in the order of their ids, as erasing does.

**Reading** takes no lock. `consistent` reads rows and the key they are under in one snapshot, so that rows are never
opened with a key that was replaced in between.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

import trio
from cryptography.fernet import Fernet

from memory.crypto import Unreadable, unseal
from memory.keys import MissingKeyShare, UserKey, UserKeys, WrongMasterKey
from sql.driver import Connection
from sql.pool import Pool
from sql.statements import StatementName, Statements
from sql.tenant import scoped

logger = logging.getLogger(__name__)

Tier = Literal["core", "associative", "episodic", "proactive"]
T = TypeVar("T")

# What a key raises that was replaced, and its share destroyed, since its row was read; or that never opens.
_NOT_OPENED: Final = (MissingKeyShare, WrongMasterKey)


class NoSuchUser(Exception):
    """There is no such user (any more)."""

    def __init__(self) -> None:
        super().__init__("This account no longer exists.")


@dataclass(frozen=True, slots=True)
class Replacement:
    """A user's key in the middle of being replaced. `old` is what `users.encryption_key` held, None when it is NULL."""

    connection: Connection
    old: bytes | None
    new: UserKey


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
        return kept if kept is not None else await self._current(user_id, None)

    async def _current(self, user_id: UUID, tried: tuple[Any, ...] | None) -> UserKey:
        """The key that is the user's now. `tried` is a row of `user_key` that did not open."""
        while True:
            async with scoped(self.pool, user_id) as connection:
                cursor = await connection.execute(self.statements["user_key"], {"user_id": user_id})
            row = await cursor.fetchone()
            try:
                return await self.opened(user_id, row)
            except _NOT_OPENED:
                # Nothing keeps others from replacing the key, and destroying its share, just after the row was read.
                if row == tried:
                    raise
                tried = row

    async def consistent(self, user_id: UUID, read: Callable[[Connection, UserKey], Awaitable[T]]) -> tuple[UserKey, T]:
        """What `read` gives, and the key that is right for it, in one round trip when `read` only queues statements.

        `read` is given a snapshot (`sql.tenant.scoped`) and the key as of a moment ago. When the key turns out to have
        been replaced since, it is called again, with the new one. Raises like `key`.
        """
        key = await self.key(user_id)
        while True:
            async with scoped(self.pool, user_id, snapshot=True) as connection:
                cursor = await connection.execute(self.statements["user_key"], {"user_id": user_id})
                found = await read(connection, key)
            row = await cursor.fetchone()
            try:
                current = await self.opened(user_id, row)
            except _NOT_OPENED:
                key = await self._current(user_id, row)
                continue
            if current.key == key.key:  # it may have been wrapped anew, which changes nothing
                return key, found
            key = current

    @asynccontextmanager
    async def adding(self, user_id: UUID) -> AsyncIterator[tuple[Connection, UserKey]]:
        """A transaction that inserts rows which nobody else knows of, under a key that stays the user's until it ends.

        The connection is that of `sql.tenant.scoped`. Raises like `key`.
        """
        async with self._holding(user_id, "user_key_shared") as held:
            yield held

    @asynccontextmanager
    async def writing(self, user_id: UUID) -> AsyncIterator[tuple[Connection, UserKey]]:
        """A transaction that changes rows, while nobody else adds to or changes this user's memory.

        The connection is that of `sql.tenant.scoped`. Raises like `key`.
        """
        async with self._holding(user_id, "user_key_exclusive") as held:
            yield held

    @asynccontextmanager
    async def _holding(self, user_id: UUID, lock: StatementName) -> AsyncIterator[tuple[Connection, UserKey]]:
        async with scoped(self.pool, user_id) as connection:
            cursor = await connection.execute(self.statements[lock], {"user_id": user_id})
            yield connection, await self.opened(user_id, await cursor.fetchone())

    @asynccontextmanager
    async def replacing_key(self, user_id: UUID) -> AsyncIterator[Replacement]:
        """A transaction of `writing`'s kind, at whose end `new` takes the place of the user's key.

        The replaced key's share is destroyed then; from the commit on that can't be cancelled. Should the process die
        before, `memory.maintenance` makes up for it. Raises `NoSuchUser`, and `OSError` when a share can't be written
        (nothing was changed then) or destroyed.
        """
        values: dict[str, object] = {"user_id": user_id}
        with trio.CancelScope() as scope:
            async with scoped(self.pool, user_id) as connection:
                cursor = await connection.execute(self.statements["user_key_exclusive"], values)
                row = await cursor.fetchone()
                if row is None:
                    raise NoSuchUser
                old = None if row[0] is None else bytes(row[0])
                new = await self.keys.make_replacement(user_id)
                yield Replacement(connection, old, new)
                scope.shield = True
                values["encryption_key"] = new.stored
                await connection.execute(self.statements["user_key_replace"], values)
            await self.keys.replaced(user_id, old, new)

    @asynccontextmanager
    async def key_if_free(self, user_id: UUID) -> AsyncIterator[tuple[Connection, bytes | None]]:
        """A transaction with the exclusive lock on the user's key, and the wrapped key; None when others hold it."""
        async with scoped(self.pool, user_id) as connection:
            cursor = await connection.execute(self.statements["user_key_exclusive_if_free"], {"user_id": user_id})
            row = await cursor.fetchone()
            yield connection, None if row is None or row[0] is None else bytes(row[0])

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
