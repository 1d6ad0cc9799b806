"""Erasure of all of a user's memory, together with the key that encrypts it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from memory.keys import MissingKeyShare, WrongMasterKey
from memory.tiers import erase_tombstones
from memory.vault import NoSuchUser, Vault
from sql.row_ids import new_row_id
from sql.statements import StatementName
from sql.tenant import scoped

ERASED: Final[tuple[tuple[str, StatementName], ...]] = (
    ("terms", "terms_erase"),
    ("associative", "associative_erase"),
    ("episodic", "episodes_erase"),
    ("titles", "conversations_erase"),
    ("proactive", "proactive_erase"),
    ("core", "core_erase"),
    ("answers", "requests_erase"),
    ("changes", "changes_erase"),
)
"""What is erased: the name of each kind of rows in a receipt, and the statement that removes them."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of an erasure. Fingerprints identify the keys and reveal nothing about them."""

    user_id: UUID
    erased_at: datetime
    removed: dict[str, int]
    """Numbers of removed rows by tier; `terms` are rows of the blind index, `titles` those of conversations, `answers`
    kept results of requests, and `changes` logged changes of entities."""
    key_before: str | None
    """None if the user had no key, or if it could not be unwrapped."""
    key_after: str
    backups_unreadable: bool
    """Whether copies of the database are unreadable too, because the key needed a share outside the database and that
    share was destroyed. Copies from before the user's first share can still be decrypted with the master keys."""

    def text(self) -> str:
        """The receipt as JSON, which is what is signed."""
        said = {
            "user_id": str(self.user_id),
            "erased_at": self.erased_at.isoformat(),
            "removed": self.removed,
            "key_before": self.key_before,
            "key_after": self.key_after,
            "backups_unreadable": self.backups_unreadable,
        }
        return json.dumps(said, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt that is kept: its text, the Ed25519 signature of the text, and the key that checks the signature."""

    text: str
    signature: bytes
    public_key: bytes


class Erasure:
    """Erases all of a user's memory, and keeps a signed receipt of it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def erase(self, user_id: UUID) -> Receipt:
        """Delete all of a user's memory, destroy their key, make a new one, and keep the receipt.

        Once the rows are deleted, the old key's share is destroyed even if the caller is cancelled. Raises like
        `memory.vault.Vault.replacing_key`, and the database's errors.
        """
        vault, statements = self._vault, self._vault.statements
        values: dict[str, object] = {"user_id": user_id}
        cursors = {}
        async with vault.replacing_key(user_id) as replacement:
            connection = replacement.connection
            before = await fingerprint(vault, user_id, replacement.old)
            share_destroyed = await vault.keys.can_destroy(user_id, replacement.old)
            await connection.execute(statements["pending_erase"], values)
            await erase_tombstones(connection, vault, user_id, datetime.now(UTC))
            await connection.execute(statements["manifests_erase"], values)
            await connection.execute(statements["segments_erase"], values)
            for name, statement in ERASED:
                cursors[name] = await connection.execute(statements[statement], values)
            # The numbers of removed rows are known when a later statement has answered.
            await (await connection.execute(statements["forgetting_state"], values)).fetchone()
            receipt = Receipt(
                user_id=user_id,
                erased_at=datetime.now(UTC),
                removed={name: cursor.rowcount for name, cursor in cursors.items()},
                key_before=before,
                key_after=replacement.new.fingerprint,
                backups_unreadable=share_destroyed,
            )
            text = receipt.text()
            signature, public_key = vault.keys.sign(text.encode())
            signed = {"id": new_row_id(), "receipt": text, "signature": signature, "public_key": public_key}
            await connection.execute(statements["receipt_add"], values | signed)
            # Destroy shares left by a crash too, so that older copies of the database become unreadable.
            await vault.keys.destroy_leftovers(user_id, replacement.old, replacement.new.stored)
        return receipt

    async def receipts(self, user_id: UUID) -> list[SignedReceipt]:
        """The receipts of this user's erasures, newest first. Raises the database's errors."""
        async with scoped(self._vault.pool, user_id) as connection:
            cursor = await connection.execute(self._vault.statements["receipts_all"], {"user_id": user_id})
        return [SignedReceipt(text, bytes(sig), bytes(key)) for text, sig, key in await cursor.fetchall()]


async def fingerprint(vault: Vault, user_id: UUID, stored: bytes | None) -> str | None:
    """The fingerprint of a wrapped key; None if it can't be unwrapped, which does not prevent an erasure."""
    try:
        return (await vault.unwrap(user_id, (stored,))).fingerprint
    except (MissingKeyShare, WrongMasterKey, NoSuchUser):
        return None
