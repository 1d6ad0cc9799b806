"""Erasing: everything that memory holds of a user, together with the key that opened it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from memory.keys import MissingKeyShare, WrongMasterKey
from memory.tiers import erased_in
from memory.vault import NoSuchUser, Vault
from sql.statements import StatementName

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
    """None when there was none, or it could not be opened any more."""
    key_after: str
    backups_unreadable: bool
    """Whether copies of the database are unreadable too: the destroyed key needed a share outside it, and that was
    destroyed here. Copies from before the user's first share are readable to whoever has the master keys."""


class Forgetting:
    """Removes memories for good."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def erase(self, user_id: UUID) -> Receipt:
        """Delete all of a user's memory, destroy their key and make a new one.

        Raises `memory.vault.NoSuchUser`, what `memory.vault.Vault.replacing_key` raises, and the database's errors.
        Once the rows are gone the old key's share is destroyed, whoever cancels.
        """
        vault, statements = self._vault, self._vault.statements
        values = {"user_id": user_id}
        cursors = {}
        async with vault.replacing_key(user_id) as replacement:
            before = await self._fingerprint(user_id, replacement.old)
            for_good = await vault.keys.can_destroy(user_id, replacement.old)
            await replacement.connection.execute(statements["pending_erase"], values)
            await erased_in(replacement.connection, vault, user_id, datetime.now(UTC))
            for name, statement in _ERASED:
                cursors[name] = await replacement.connection.execute(statements[statement], values)
            # Shares that a crash left; with the last of them the last older copies become unreadable too.
            await vault.keys.destroy_leftovers(user_id, replacement.old, replacement.new.stored)
        return Receipt(
            user_id=user_id,
            erased_at=datetime.now(UTC),
            removed={name: cursor.rowcount for name, cursor in cursors.items()},
            key_before=before,
            key_after=replacement.new.fingerprint,
            backups_unreadable=for_good,
        )

    async def _fingerprint(self, user_id: UUID, stored: bytes | None) -> str | None:
        """The key's, None when it does not open: that keeps nobody from erasing."""
        try:
            return (await self._vault.opened(user_id, (stored,))).fingerprint
        except (MissingKeyShare, WrongMasterKey, NoSuchUser):
            return None
