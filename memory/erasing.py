"""Forgetting: one item, or everything together with the key that opened it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import trio

from memory.key_shares import MissingKeyShare
from memory.keys import WrongMasterKey
from memory.vault import Tier, Vault
from sql.statements import StatementName
from sql.tenant import scoped

_ERASED: Final[tuple[tuple[str, StatementName], ...]] = (
    ("terms", "terms_erase"),
    ("associative", "associative_erase"),
    ("episodic", "episodes_erase"),
    ("proactive", "proactive_erase"),
    ("core", "core_erase"),
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an erasure did. The fingerprints name the keys and tell nothing about them."""

    user_id: UUID
    erased_at: datetime
    removed: dict[str, int]
    """Rows by tier; `terms` are the blind index's."""
    key_before: str | None
    """None when the old key could not be opened any more."""
    key_after: str
    backups_unreadable: bool
    """Whether copies of the database made before are unreadable too: the destroyed key needed a share outside it."""


class Forgetting:
    """Removes memories for good."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def forget(self, user_id: UUID, item_id: UUID) -> list[Tier]:
        """Remove the item with this id, whatever its tier; returns where something was removed, empty when nowhere.

        An episode goes with what was learned from it, and a memory with the episode that it was learned from: otherwise
        the same words would be recalled from the other. A pattern is not found again.
        """
        values: dict[str, object] = {"user_id": user_id, "id": item_id}
        statements = self._vault.statements
        async with scoped(self._vault.pool, user_id) as connection:
            cursor = await connection.execute(statements["episode_of_memory"], values)
            source = await cursor.fetchone()
            episode_id = source[0] if source is not None else item_id
            of_episode = {"user_id": user_id, "id": episode_id, "source_id": episode_id}
            # First what a worker may hold, so that it is done with the episode before that goes.
            await connection.execute(statements["pending_done"], of_episode)
            removed: list[tuple[Tier, int]] = []
            episodic = await connection.execute(statements["episode_forget"], of_episode)
            learned = await connection.execute(statements["associative_forget_source"], of_episode)
            memory = await connection.execute(statements["associative_forget"], values)
            core = await connection.execute(statements["core_forget"], values)
            pattern = await connection.execute(statements["proactive_forget"], values)
        removed = [
            ("associative", learned.rowcount + memory.rowcount),
            ("episodic", episodic.rowcount),
            ("core", core.rowcount),
            ("proactive", pattern.rowcount),
        ]
        return [tier for tier, count in removed if count]

    async def erase(self, user_id: UUID) -> Receipt:
        """Delete all of a user's memory, destroy their key and make a new one.

        Raises `memory.vault.NoSuchUser`, `OSError` when the new key's share can't be written (nothing was erased then),
        and the database's errors. Once the rows are gone the old key's share is destroyed, whoever cancels.
        """
        vault = self._vault
        before, shared = await self._key_in_use(user_id)
        new = await vault.keys.make(user_id)
        values = {"user_id": user_id, "encryption_key": new.stored}
        cursors = {}
        with trio.CancelScope(shield=True):
            async with scoped(vault.pool, user_id) as connection:
                await connection.execute(vault.statements["pending_erase"], values)
                await connection.execute(vault.statements["user_key_exclusive"], values)
                for name, statement in _ERASED:
                    cursors[name] = await connection.execute(vault.statements[statement], values)
                await connection.execute(vault.statements["user_key_replace"], values)
            await vault.keys.replaced(user_id, by=new)
        return Receipt(
            user_id=user_id,
            erased_at=datetime.now(UTC),
            removed={name: cursor.rowcount for name, cursor in cursors.items()},
            key_before=before,
            key_after=new.fingerprint,
            backups_unreadable=shared,
        )

    async def _key_in_use(self, user_id: UUID) -> tuple[str | None, bool]:
        """Its fingerprint, and whether it needs a share. One that no longer opens keeps nobody from erasing."""
        try:
            key = await self._vault.key(user_id)
        except MissingKeyShare:
            return None, True
        except WrongMasterKey:
            return None, False
        return key.fingerprint, key.share_id is not None
