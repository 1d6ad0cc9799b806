"""Erasing: everything that memory holds of a user, together with the key that opened it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import trio

from memory.forgotten import erased_in
from memory.key_shares import MissingKeyShare
from memory.keys import WrongMasterKey
from memory.vault import Vault
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
                await connection.execute(vault.statements["user_key_exclusive"], values)
                await connection.execute(vault.statements["pending_erase"], values)
                await erased_in(connection, vault, user_id, datetime.now(UTC))
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
