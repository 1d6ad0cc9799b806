"""The stored counts of the daily token budget, shared by all workers and servers of a database."""

from __future__ import annotations

from datetime import date
from typing import Protocol
from uuid import UUID

from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped


class SpendStore(Protocol):
    """Stores the counts of all servers. The methods raise what the database raises."""

    async def total(self, user_id: UUID, day: date) -> int:
        """Tokens spent and reserved on `day`."""
        ...

    async def reserve(self, user_id: UUID, day: date, entry_id: UUID, tokens: int, per_day: int) -> int:
        """Give a new entry at most `tokens` of the rest of `per_day`. Returns the total before.

        Nothing is given if the total is `per_day` or more. Atomic over all servers.
        """
        ...

    async def settle(self, user_id: UUID, day: date, entry_id: UUID, tokens: int) -> None:
        """Set the tokens of an entry, and change the total by the difference. Again, it changes nothing.

        Raises `UnknownReference` if the user does not exist.
        """
        ...


class TokenSpendTable:
    """`SpendStore` in PostgreSQL."""

    def __init__(self, pool: Pool, statements: Statements) -> None:
        self._pool = pool
        self._statements = statements

    async def total(self, user_id: UUID, day: date) -> int:
        """See `SpendStore`."""
        async with scoped(self._pool, user_id) as connection:
            cursor = await connection.execute(self._statements["token_spend_of_day"], {"user_id": user_id, "day": day})
        row = await cursor.fetchone()
        return 0 if row is None else int(row[0])

    async def reserve(self, user_id: UUID, day: date, entry_id: UUID, tokens: int, per_day: int) -> int:
        """See `SpendStore`."""
        values = {"user_id": user_id, "day": day, "entry_id": entry_id, "tokens": tokens, "per_day": per_day}
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["token_spend_lock"], values)
            cursor = await connection.execute(self._statements["token_spend_reserve"], values)
        row = await cursor.fetchone()
        return 0 if row is None else int(row[0])

    async def settle(self, user_id: UUID, day: date, entry_id: UUID, tokens: int) -> None:
        """See `SpendStore`."""
        values = {"user_id": user_id, "day": day, "entry_id": entry_id, "tokens": tokens}
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["token_spend_lock"], values)
            await connection.execute(self._statements["token_spend_settle"], values)
