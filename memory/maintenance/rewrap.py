"""Rotation of the master key: wraps all users' keys with the first master key, bound to their users."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from memory.keys import MissingKeyShare, WrongMasterKey
from memory.tiers import CoreMemory, ProactiveMemory
from memory.vault import Vault
from sql.tenant import listing, scoped

logger = logging.getLogger(__name__)

_PAGE: Final = 200
_NO_ID: Final = UUID(int=0)


@dataclass(slots=True)
class Rewrapped:
    """Numbers of users: key wrapped again, wrapped by the first master key already, can't be unwrapped."""

    rewrapped: int = 0
    already: int = 0
    failed: int = 0


class MasterKeyRotation:
    """Wraps users' keys while servers run."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._tiers = (CoreMemory(vault), ProactiveMemory(vault))

    async def rotate(self, progress: Callable[[Rewrapped], Awaitable[None]] | None = None) -> Rewrapped:
        """Wrap every user's key with the first master key, bound to the user.

        Keys that no master key unwraps are counted and left alone.

        There is one transaction per user, so it can be stopped at any time and started again. `progress` is called
        after every page of users.
        """
        done = Rewrapped()
        after = _NO_ID
        while True:
            async with listing(self._vault.pool) as connection:
                values = {"after": after, "limit": _PAGE}
                cursor = await connection.execute(self._vault.statements["user_ids_page"], values)
            users = [user_id for (user_id,) in await cursor.fetchall()]
            for user_id in users:
                await self._rewrap(user_id, done)
            if progress is not None:
                await progress(done)
            if len(users) < _PAGE:
                return done
            after = users[-1]

    async def _rewrap(self, user_id: UUID, done: Rewrapped) -> None:
        values: dict[str, object] = {"user_id": user_id}
        async with scoped(self._vault.pool, user_id) as connection:
            cursor = await connection.execute(self._vault.statements["user_key_exclusive"], values)
            row = await cursor.fetchone()
            if row is None or row[0] is None:
                return  # the user was removed since
            try:
                stored = await self._vault.keys.rewrap(user_id, bytes(row[0]))
            except (WrongMasterKey, MissingKeyShare) as error:
                logger.warning("the key of user %s is left unchanged: %s", user_id, error)
                done.failed += 1
                return
            if stored is None:
                done.already += 1
                return
            user_key = await self._vault.unwrap(user_id, row)
            if not user_key.is_bound:
                # With a bound key, rows count only if a manifest contains them.
                for tier in self._tiers:
                    await tier.make_manifest_in(connection, user_id, user_key)
            values["encryption_key"] = stored
            await connection.execute(self._vault.statements["user_key_replace"], values)
            done.rewrapped += 1
