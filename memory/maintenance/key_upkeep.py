"""What keys need beside the requests: they leave memory in time, and undone replacements are made up for."""

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
    """`run` it in the server's nursery."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def run(self) -> None:
        """For ever: drop keys from memory when their time is over, and `sweep` at once and then every minute."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._vault.keys.expire)
            while True:
                # The border of upkeep: whatever is wrong with one sweep, there will be another, and the server goes on.
                try:
                    await self.sweep()
                except (DatabaseUnavailable, PoolTimeout, OSError) as error:
                    logger.warning("key shares are swept later: %s", error)
                except Exception:
                    logger.exception("sweeping key shares failed")
                await trio.sleep(_SWEEP_INTERVAL_S)

    async def sweep(self) -> int:
        """Destroy the shares of replacements that a crash left undone; of how many users.

        A share that is still to be committed is safe, however long that takes: it was made under the exclusive lock on
        its user's key, and is only destroyed under it. Whose key is in use just now, or whose files can't be changed,
        waits for the next time. Raises `OSError` when the folder can't be read, and the database's errors.
        """
        swept = 0
        for user_id in await self._vault.keys.unsettled():
            async with self._vault.key_if_free(user_id) as (_, stored):
                if stored is None:
                    continue  # in use, or not a user of this database
                try:
                    settled = await self._vault.keys.settle(user_id, stored)
                except OSError as error:
                    logger.warning("a share of user %s can't be destroyed: %s", user_id, error)
                    continue
                if settled:
                    swept += 1
                else:
                    logger.warning("the share of user %s's key is missing: none of their shares is destroyed", user_id)
        return swept
