"""Removes kept requests, logged changes and logins whose time is over."""

from __future__ import annotations

import logging
from typing import Final

import trio

from sql.driver import DatabaseUnavailable
from sql.pool import Pool, PoolTimeout
from sql.statements import Statements
from sql.tenant import database_time, listing

logger = logging.getLogger(__name__)

_INTERVAL_S: Final = 60.0


class DeliveryExpiry:
    """Start `run` in the server's nursery. Expired rows are ignored by readers already before they are removed."""

    def __init__(self, pool: Pool, statements: Statements) -> None:
        self._pool = pool
        self._statements = statements

    async def run(self) -> None:
        """Remove expired rows immediately and then every minute, until cancelled."""
        while True:
            # Error boundary: a failed removal ends neither the next ones nor the server.
            try:
                await self.remove()
            except (DatabaseUnavailable, PoolTimeout) as error:
                logger.warning("removing expired requests and changes failed and is tried again in a minute: %s", error)
            except Exception:
                logger.exception("removing expired requests and changes failed")
            await trio.sleep(_INTERVAL_S)

    async def remove(self) -> None:
        """Remove the expired rows of all users. Raises the database's errors."""
        async with listing(self._pool) as connection:
            values = {"now": await database_time(connection, self._statements)}
            await connection.execute(self._statements["requests_expire"], values)
            await connection.execute(self._statements["changes_expire"], values)
            await connection.execute(self._statements["logins_expire"], values)
            await connection.execute(self._statements["deleted_users_expire"], values)
