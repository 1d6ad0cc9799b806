"""Removes rows whose time is over: kept requests, logged changes, logins, invites, unused devices, and tombstones."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

import trio

from memory.tiers import TOMBSTONES_KEPT
from sql.driver import DatabaseUnavailable
from sql.pool import Pool, PoolTimeout
from sql.statements import Statements
from sql.tenant import database_time, listing

logger = logging.getLogger(__name__)

_INTERVAL_S: Final = 60.0
# The table's policy protects later ones. Access tokens of an identity provider from before have expired then.
_DELETED_USERS_KEPT: Final = timedelta(days=2)


class Expiry:
    """Start `run` in the server's nursery. Expired rows are ignored by readers already before they are removed."""

    def __init__(self, pool: Pool, statements: Statements, *, device_keep_s: float) -> None:
        """Devices are removed that were not seen for `device_keep_s` seconds, which must be at least 30 days."""
        self._pool = pool
        self._statements = statements
        self._device_keep = timedelta(seconds=device_keep_s)

    async def run(self) -> None:
        """Remove expired rows immediately and then every minute, until cancelled."""
        while True:
            # Error boundary: a failed removal ends neither the next ones nor the server.
            try:
                await self.remove()
            except (DatabaseUnavailable, PoolTimeout) as error:
                logger.warning("removing expired rows failed and is tried again in a minute: %s", error)
            except Exception:
                logger.exception("removing expired rows failed")
            await trio.sleep(_INTERVAL_S)

    async def remove(self) -> None:
        """Remove the expired rows of all users. Each statement reads an index by time. Raises the database's errors."""
        async with listing(self._pool) as connection:
            now = await database_time(connection, self._statements)
            await connection.execute(self._statements["requests_expire"], {"now": now})
            await connection.execute(self._statements["changes_expire"], {"now": now})
            await connection.execute(self._statements["logins_expire"], {"now": now})
            await connection.execute(self._statements["invites_expire"], {"now": now})
            await connection.execute(
                self._statements["deleted_users_expire"], {"deleted_before": now - _DELETED_USERS_KEPT}
            )
            await connection.execute(self._statements["devices_expire"], {"before": now - self._device_keep})
            await connection.execute(self._statements["forgotten_expire"], {"before": now - TOMBSTONES_KEPT})
