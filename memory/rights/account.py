"""Deletion of an account: everything that is stored of a user, and the key that encrypts it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import trio

from memory.rights.erase import ERASED, SignedReceipt, fingerprint
from memory.vault import NoSuchUser, Vault
from sql.driver import Connection
from sql.tenant import scoped

_OF_THE_ACCOUNT: Final = ("devices", "logins")


class AccountDeletion:
    """Deletes accounts. The receipt is not kept: nothing of the account is."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def delete(self, user_id: UUID) -> SignedReceipt:
        """Delete the user with all their rows and destroy their key; returns the receipt.

        Once the rows are deleted, the key's share is destroyed even if the caller is cancelled. If the process dies
        before that, `memory.maintenance.KeyUpkeep` destroys the share. Raises `NoSuchUser`, the database's errors, and
        `OSError` if a share can't be destroyed now.
        """
        vault, statements = self._vault, self._vault.statements
        values: dict[str, object] = {"user_id": user_id}
        with trio.CancelScope() as scope:
            async with scoped(vault.pool, user_id) as connection:
                cursor = await connection.execute(statements["user_key_exclusive"], values)
                row = await cursor.fetchone()
                if row is None:
                    raise NoSuchUser
                stored = None if row[0] is None else bytes(row[0])
                before = await fingerprint(vault, user_id, stored)
                share_destroyed = await vault.keys.can_destroy(user_id, stored)
                # Marks the user's shares as unsettled, so that a crash after the commit is noticed.
                await vault.keys.make_replacement(user_id)
                removed = await self._remove(connection, user_id)
                scope.shield = True
                text = json.dumps(
                    {
                        "account": "deleted",
                        "user_id": str(user_id),
                        "deleted_at": datetime.now(UTC).isoformat(),
                        "removed": removed,
                        "key_before": before,
                        "backups_unreadable": share_destroyed,
                    },
                    separators=(",", ":"),
                    sort_keys=True,
                )
                signature, public_key = vault.keys.sign(text.encode())
            await vault.keys.destroy(user_id)
        return SignedReceipt(text, signature, public_key)

    async def _remove(self, connection: Connection, user_id: UUID) -> dict[str, int]:
        """Remove every row of the user. Returns the numbers of removed rows by kind."""
        statements = self._vault.statements
        values: dict[str, object] = {"user_id": user_id}
        counted = await connection.execute(statements["account_count"], values)
        cursors = {name: await connection.execute(statements[statement], values) for name, statement in ERASED}
        # All other tables refer to this row, and lose theirs with it.
        await connection.execute(statements["account_delete"], values)
        await connection.execute(statements["user_delete"], values)
        last = await connection.execute(statements["user_deleted"], values)
        await last.fetchone()  # then the numbers of removed rows are known
        row = await counted.fetchone()
        removed = {name: cursor.rowcount for name, cursor in cursors.items()}
        return removed | dict(zip(_OF_THE_ACCOUNT, row or (0, 0), strict=True))
