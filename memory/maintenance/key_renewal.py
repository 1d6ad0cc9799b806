"""Replaces users' keys after something was forgotten, so that copies of the database become unreadable for it.

Forgetting marks the user (`Vault.renew_key_in`). Their key is replaced once for everything that was forgotten
meanwhile, and the share of the old key is destroyed. A row that is put back from a backup can't be decrypted then.
"""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

import trio

from memory.keys import MissingKeyShare, WrongMasterKey
from memory.maintenance.rekey import UserKeyRotation
from memory.vault import NoSuchUser, Vault
from sql.driver import DatabaseUnavailable
from sql.pool import PoolTimeout
from sql.tenant import listing, scoped

logger = logging.getLogger(__name__)

_INTERVAL_S: Final = 60.0
_USERS: Final = 50
_RETRY_S: Final = 900.0
"""Until the next attempt, if one fails or its server ends. Other servers leave the user alone for this time."""


class KeyRenewal:
    """Start `run` in the server's nursery. Any number of servers share the work."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._rotation = UserKeyRotation(vault)

    async def run(self) -> None:
        """Until cancelled: replace the keys that are due, immediately and then every minute."""
        while True:
            # Error boundary: a failed round ends neither the next ones nor the server.
            try:
                await self.renew()
            except (DatabaseUnavailable, PoolTimeout) as error:
                logger.warning("replacing keys after forgetting failed and is tried again in a minute: %s", error)
            except Exception:
                logger.exception("replacing keys after forgetting failed")
            await trio.sleep(_INTERVAL_S)

    async def renew(self) -> int:
        """Replace the keys that are due now; returns how many. Raises the database's errors if they can't be listed."""
        async with listing(self._vault.pool) as connection:
            cursor = await connection.execute(self._vault.statements["rekey_users"], {"limit": _USERS})
        return sum([await self._renew(user_id) for (user_id,) in await cursor.fetchall()])

    async def _renew(self, user_id: UUID) -> bool:
        values = {"user_id": user_id, "delay_s": _RETRY_S}
        try:
            async with scoped(self._vault.pool, user_id) as connection:
                taken = await connection.execute(self._vault.statements["rekey_postpone"], values)
            if await taken.fetchone() is None:
                return False  # another server has taken it
            await self._rotation.rotate(user_id)
        except NoSuchUser:
            return False
        # Error boundary of one user: the keys of others are replaced. This one is due again after `_RETRY_S`.
        except (DatabaseUnavailable, PoolTimeout, WrongMasterKey, MissingKeyShare, OSError) as error:
            logger.warning("the key of user %s is not replaced yet after they forgot something: %s", user_id, error)
            return False
        return True
