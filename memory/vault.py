"""Transactions on one user's memory, together with the key that decrypts it.

**The order of locks.** A transaction that changes memory first locks the user's key (their row of `users`):

- `adding`, shared lock: inserts rows that no other transaction can know of. Episodes are stored this way.
- `writing`, exclusive lock: changes and removes rows. One such transaction per user runs at a time. So the order in
  which it locks rows of the tiers does not matter, and it can't be part of a deadlock.
- `replacing_key`, exclusive lock too.

Claiming and releasing work (`memory/enrichment`) needs no key. A claim takes only rows that no other worker has locked.
A release locks rows in the order of their ids, as erasing does.

**Reading** takes no lock. `consistent` reads rows and the key that encrypts them in one snapshot, so that rows are
never decrypted with a key that was replaced since.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

import trio

from memory.crypto import Cipher, NewestRevisions, Purpose, Unreadable
from memory.keys import MissingKeyShare, UserKey, UserKeys, WrongMasterKey
from sql.driver import Connection, DivisionByZero, UnknownReference
from sql.pool import Pool
from sql.statements import StatementName, Statements
from sql.tenant import scoped

logger = logging.getLogger(__name__)

Tier = Literal["core", "associative", "episodic", "proactive"]
IndexSetting = Literal["pgvector", "sealed"]
"""Where the search data of memories is to be: in columns that PostgreSQL compares, or in encrypted segments."""
IndexKind = Literal["pgvector", "sealed", "both", "building"]
"""Where the search data of a user's memories is.

"both": in both, and each is complete. "building": in columns, while segments are added. PostgreSQL searches
then. Every change is written to both. `users.memory_index` is `pgvector` for these two, and
`users.memory_index_beside` tells them apart.
"""
T = TypeVar("T")

RENEWAL_DELAY_S: Final = 3600.0
"""Seconds after content was forgotten until the user's key is replaced. Later forgotten contents are covered too."""
RENEWAL_WITHIN_S: Final = 86_400.0
"""Seconds after which the key has been replaced, also if the first attempts fail."""

# Raised if the key was replaced, and its share destroyed, since its row was read; or if it can never be unwrapped.
_NOT_UNWRAPPED: Final = (MissingKeyShare, WrongMasterKey)


class NoSuchUser(Exception):
    """The user does not exist (any more)."""

    def __init__(self) -> None:
        super().__init__("This account no longer exists.")


class NoUserKey(NoSuchUser):
    """The user exists, but the database has no key of theirs: their memory works again after they erase it.

    A subclass, because code that reads or writes memory does the same for a user who does not exist.
    """

    def __init__(self) -> None:
        Exception.__init__(self, "The key of this account's memory is lost. Erase the memory to begin a new one.")


@dataclass(frozen=True, slots=True)
class Replacement:
    """A user's key that is being replaced. `old` is the value of `users.encryption_key`; None if that is NULL."""

    connection: Connection
    old: bytes | None
    new: UserKey


class Vault:
    """The database, the statements and the users' keys: the only access to the rows of memory."""

    def __init__(
        self,
        pool: Pool,
        statements: Statements,
        keys: UserKeys,
        on_unreadable: Callable[[Tier], None] | None = None,
        index: IndexSetting = "pgvector",
    ) -> None:
        """`on_unreadable` is called for each row that is skipped because it can't be decrypted with its user's key.

        `index`: where the search data of memories is to be. `memory.maintenance.IndexChange` moves that of other users.
        """
        self.pool = pool
        self.statements = statements
        self.keys = keys
        self.index: IndexSetting = index
        self.newest = NewestRevisions()
        self._on_unreadable = on_unreadable

    async def key(self, user_id: UUID) -> UserKey:
        """The user's key, from the cache or the database; it may have been replaced since.

        Raises `NoSuchUser`, `WrongMasterKey`, `MissingKeyShare`, and the database's errors.
        """
        cached = self.keys.cached(user_id)
        return cached if cached is not None else await self._current(user_id, None)

    async def _current(self, user_id: UUID, tried: tuple[Any, ...] | None) -> UserKey:
        """The user's present key. `tried` is a row of `user_key` that could not be unwrapped."""
        while True:
            async with scoped(self.pool, user_id) as connection:
                cursor = await connection.execute(self.statements["user_key"], {"user_id": user_id})
            row = await cursor.fetchone()
            try:
                return await self.unwrap(user_id, row)
            except _NOT_UNWRAPPED:
                # Another transaction may replace the key, and destroy its share, just after the row was read.
                if row == tried:
                    raise
                tried = row

    async def consistent(self, user_id: UUID, read: Callable[[Connection, UserKey], Awaitable[T]]) -> tuple[UserKey, T]:
        """The result of `read`, and the key for it. It takes one round trip if `read` only queues statements.

        `read` gets a snapshot (`sql.tenant.scoped`) and the cached key. If the key has been replaced since, `read` is
        called again with the new one. Raises like `key`.
        """
        key = await self.key(user_id)
        while True:
            async with scoped(self.pool, user_id, snapshot=True) as connection:
                cursor = await connection.execute(self.statements["user_key"], {"user_id": user_id})
                found = await read(connection, key)
            row = await cursor.fetchone()
            try:
                current = await self.unwrap(user_id, row)
            except _NOT_UNWRAPPED:
                key = await self._current(user_id, row)
                continue
            if current.key == key.key:  # it may have been wrapped again, which does not change the key itself
                return key, found
            key = current

    async def add_at_once(self, user_id: UUID, queue: Callable[[Connection, UserKey], Awaitable[T]]) -> T | None:
        """A transaction like `adding`, with the cached key. Its commit waits for no reply, so it takes one round trip.

        `queue` only queues statements. Returns None, with nothing changed, if no key is cached, or if it is not the
        user's present key: then use `adding`. Raises `NoSuchUser`, and the database's errors.
        """
        key = self.keys.cached(user_id)
        if key is None:
            return None
        values = {"user_id": user_id, "stored": key.stored}
        try:
            async with scoped(self.pool, user_id) as connection:
                locked = await connection.execute(self.statements["user_key_unchanged"], values)
                queued = await queue(connection, key)
        except UnknownReference:
            raise NoSuchUser from None
        except DivisionByZero:
            return None
        if await locked.fetchone() is None:
            raise NoSuchUser
        return queued

    def adding(self, user_id: UUID) -> AbstractAsyncContextManager[tuple[Connection, UserKey]]:
        """A transaction that inserts new rows, with a key that can't be replaced until it ends.

        The connection is one of `sql.tenant.scoped`. Raises like `key`.
        """
        return self._locked(user_id, "user_key_shared")

    def writing(self, user_id: UUID) -> AbstractAsyncContextManager[tuple[Connection, UserKey]]:
        """A transaction that changes rows, while no other transaction adds to or changes this user's memory.

        The connection is one of `sql.tenant.scoped`. Raises like `key`.
        """
        return self._locked(user_id, "user_key_exclusive")

    @asynccontextmanager
    async def writing_with(
        self, user_id: UUID, queue: Callable[[Connection], Awaitable[T]]
    ) -> AsyncIterator[tuple[Connection, UserKey, T]]:
        """Like `writing`, with the result of `queue`, which only queues statements.

        They run after the lock is held, and take no additional round trip.
        """
        async with scoped(self.pool, user_id) as connection:
            cursor = await connection.execute(self.statements["user_key_exclusive"], {"user_id": user_id})
            queued = await queue(connection)
            yield connection, await self.unwrap(user_id, await cursor.fetchone()), queued

    @asynccontextmanager
    async def _locked(self, user_id: UUID, lock: StatementName) -> AsyncIterator[tuple[Connection, UserKey]]:
        async with scoped(self.pool, user_id) as connection:
            cursor = await connection.execute(self.statements[lock], {"user_id": user_id})
            yield connection, await self.unwrap(user_id, await cursor.fetchone())

    @asynccontextmanager
    async def replacing_key(self, user_id: UUID) -> AsyncIterator[Replacement]:
        """A transaction like `writing`; when it ends, `new` replaces the user's key.

        After the commit the old key's share is destroyed; this can't be cancelled. If the process dies before that,
        `memory.maintenance.KeyUpkeep` destroys the share. Raises `NoSuchUser`, and `OSError` if a share can't be
        written (then nothing was changed) or destroyed.
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
                await connection.execute(self.statements["rekey_done"], {"user_id": user_id})
            await self.keys.replaced(user_id, old, new)

    async def renew_key_in(self, connection: Connection, user_id: UUID, user_key: UserKey) -> datetime | None:
        """Have the user's key replaced within a day, because content was forgotten, in a transaction of `writing`.

        Returns the time by which copies of the database can't be decrypted any more for that content. None: the key has
        no share, so replacing it would not make copies unreadable, and it is not replaced.
        """
        if user_key.share_id is None:
            return None
        values = {"user_id": user_id, "delay_s": RENEWAL_DELAY_S}
        cursor = await connection.execute(self.statements["rekey_due"], values)
        row = await cursor.fetchone()
        return None if row is None else row[0] + timedelta(seconds=RENEWAL_WITHIN_S - RENEWAL_DELAY_S)

    @asynccontextmanager
    async def key_if_free(self, user_id: UUID) -> AsyncIterator[tuple[Connection, bytes | None]]:
        """A transaction with the exclusive lock on the user's key, and the wrapped key; None if the key is locked."""
        async with scoped(self.pool, user_id) as connection:
            cursor = await connection.execute(self.statements["user_key_exclusive_if_free"], {"user_id": user_id})
            row = await cursor.fetchone()
            yield connection, None if row is None or row[0] is None else bytes(row[0])

    async def unwrap(self, user_id: UUID, row: tuple[Any, ...] | None) -> UserKey:
        """The key in a row of the statement `user_key`. Raises like `key`."""
        if row is None:
            raise NoSuchUser
        if row[0] is None:
            raise NoUserKey
        return await self.keys.unwrap(user_id, bytes(row[0]))

    def unseal(self, cipher: Cipher, tier: Tier, purpose: Purpose, token: bytes) -> Any:
        """The value encrypted in `token`. Reports and raises `Unreadable` if it can't be decrypted: skip its row."""
        try:
            return cipher.unseal(purpose, token)
        except Unreadable as error:
            logger.warning("a row of %s memory is skipped, because it can't be decrypted: %s", tier, error)
            self.reported(tier)
            raise

    def reported(self, tier: Tier) -> Unreadable:
        """Count a row that is skipped. Returns the error to raise for it."""
        if self._on_unreadable is not None:
            self._on_unreadable(tier)
        return Unreadable(f"a row of {tier} memory is skipped")
