"""Background key maintenance: evicts cached keys when they expire and cleans up after interrupted key rotations."""

from __future__ import annotations

import logging
from typing import Final

import trio

from memory.vault import Vault
from sql.driver import DatabaseUnavailable
from sql.pool import PoolTimeout

logger = logging.getLogger(__name__)

_SWEEP_INTERVAL_S: Final = 60.0


class KeyUpkeep:
    """Start `run` in the server's nursery."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def run(self) -> None:
        """Until cancelled: evict expired keys, and `sweep` immediately and then every minute."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._vault.keys.expire)
            while True:
                # Error boundary: a failed sweep ends neither the sweeps nor the server.
                try:
                    await self.sweep()
                except (DatabaseUnavailable, PoolTimeout, OSError) as error:
                    logger.warning("cleaning up key shares failed and is tried again in a minute: %s", error)
                except Exception:
                    logger.exception("cleaning up key shares failed")
                await trio.sleep(_SWEEP_INTERVAL_S)

    async def sweep(self) -> int:
        """Destroy key shares that an interrupted rotation or deletion of an account left; returns the number of users.

        The share of a running rotation is safe, because it is made and destroyed under the exclusive lock on the user's
        key. A user whose key is locked, or whose files can't be changed, is skipped until the next sweep. Raises
        `OSError` if the folder can't be read, and the database's errors.
        """
        swept = 0
        for user_id in await self._vault.keys.unsettled():
            async with self._vault.key_if_free(user_id) as (connection, stored):
                if stored is None:
                    deleted = await connection.execute(self._vault.statements["user_was_deleted"], {"user_id": user_id})
                    if await deleted.fetchone() is None:
                        continue  # locked, or not a user of this database
                try:
                    if stored is None:
                        await self._vault.keys.destroy(user_id)
                        swept += 1
                        continue
                    settled = await self._vault.keys.settle(user_id, stored)
                except OSError as error:
                    logger.warning("destroying a key share of user %s failed: %s", user_id, error)
                    continue
                if settled:
                    swept += 1
                else:
                    logger.warning(
                        "the current key share of user %s is missing, so none of their shares is destroyed", user_id
                    )
        return swept
