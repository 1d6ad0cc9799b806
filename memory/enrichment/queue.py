"""Work queues in the database: episodes that await enrichment, and memories that await a vector.

A worker claims rows for the time of a lease and holds no transaction while it works. A claim is a random id in the
rows; their due time is moved to the end of the lease. A worker commits a result only if its claim is still in the row.
If the worker is killed, the lease ends and another worker claims the row.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import trio

from memory.keys import UserKey
from memory.limits import delay_s
from memory.vault import Vault
from sql.driver import Connection, DatabaseUnavailable
from sql.pool import PoolTimeout
from sql.statements import StatementName
from sql.sweeps import swept_users
from sql.tenant import scoped

logger = logging.getLogger(__name__)

_USERS_AT_ONCE: Final = 50
_RENEWALS: Final = 3


@dataclass(frozen=True, slots=True)
class QueueStatements:
    """The statements of one queue."""

    users: StatementName
    claim: StatementName
    postpone: StatementName
    renew: StatementName


EPISODES: Final = QueueStatements("pending_users", "pending_claim", "pending_postpone", "pending_renew")
VECTORS: Final = QueueStatements("unembedded_users", "unembedded_claim", "unembedded_postpone", "unembedded_renew")


@dataclass(frozen=True, slots=True)
class Claim:
    """Claimed rows of one user. Each row starts with its id and the number of attempts, this one included."""

    id: UUID
    user_id: UUID
    user_key: UserKey
    rows: Sequence[tuple[Any, ...]]

    @property
    def attempts(self) -> dict[UUID, int]:
        """The number of attempts by the id of the row."""
        return {row[0]: row[1] for row in self.rows}


class Queue:
    """One of the two queues."""

    def __init__(self, vault: Vault, statements: QueueStatements, lease_s: float) -> None:
        self._vault = vault
        self._statements = statements
        self._lease_s = lease_s

    async def users(self) -> list[UUID]:
        """At most 50 users with due work, from a random one on. Raises the database's errors."""
        return await swept_users(self._vault.pool, self._vault.statements[self._statements.users], _USERS_AT_ONCE)

    async def claim(
        self, user_id: UUID, limit: int, context: Callable[[Connection, UUID], Awaitable[None]] | None = None
    ) -> Claim | None:
        """Claim the user's due work, at most `limit` rows; None if there is none. One round trip.

        `context(connection, claim_id)` queues statements that run after the claim in its transaction.

        Raises like `Vault.key`; the rows are postponed then, without a limit on the attempts, because the operator has
        to repair the keys.
        """
        claim_id = uuid4()
        values = {"user_id": user_id, "claim": claim_id, "lease_s": self._lease_s, "limit": limit}
        async with scoped(self._vault.pool, user_id) as connection:
            # Read the key first. If it is replaced before the claim, it differs from the key at the commit.
            key_row = await connection.execute(self._vault.statements["user_key"], values)
            claimed = await connection.execute(self._vault.statements[self._statements.claim], values)
            if context is not None:
                await context(connection, claim_id)
        rows = await claimed.fetchall()
        if not rows:
            return None
        try:
            user_key = await self._vault.unwrap(user_id, await key_row.fetchone())
        except Exception:
            await self._postpone(user_id, claim_id, ((row[0], row[1]) for row in rows))
            raise
        return Claim(claim_id, user_id, user_key, rows)

    @contextmanager
    def kept(self, claim: Claim, nursery: trio.Nursery) -> Iterator[None]:
        """During the block, a task in `nursery` renews the lease of the claim, because models may work for longer."""
        scope = trio.CancelScope()

        async def renew() -> None:
            with scope:
                await self._renew(claim)

        nursery.start_soon(renew)
        try:
            yield
        finally:
            scope.cancel()

    async def _renew(self, claim: Claim) -> None:
        """Renew the lease until cancelled, or until the claim is lost. A failed attempt is repeated."""
        values = {"user_id": claim.user_id, "claim": claim.id, "lease_s": self._lease_s}
        while True:
            await trio.sleep(self._lease_s / _RENEWALS)
            try:
                async with scoped(self._vault.pool, claim.user_id) as connection:
                    renewed = await connection.execute(self._vault.statements[self._statements.renew], values)
                if not await renewed.fetchall():
                    return
            # Without the database the lease may end. Then another worker repeats the work, which is safe.
            except (DatabaseUnavailable, PoolTimeout) as error:
                logger.warning("a lease on background work can't be renewed: %s", type(error).__name__)

    async def postpone(self, claim: Claim, ids: Iterable[UUID]) -> None:
        """Release claimed rows. The delay until the next attempt grows with the number of attempts."""
        attempts = claim.attempts
        await self._postpone(claim.user_id, claim.id, ((id_, attempts[id_]) for id_ in ids))

    async def _postpone(self, user_id: UUID, claim_id: UUID, attempts: Iterable[tuple[UUID, int]]) -> None:
        async with scoped(self._vault.pool, user_id) as connection:
            for id_, count in sorted(attempts):  # erasing locks rows in this order too
                values = {"user_id": user_id, "id": id_, "claim": claim_id, "delay_s": delay_s(count)}
                await connection.execute(self._vault.statements[self._statements.postpone], values)
