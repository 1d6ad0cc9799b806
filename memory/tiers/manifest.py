"""The manifest of a tier: which revision of each row is the present one, encrypted with the user's key.

The encryption of a value binds it to its row, but an older value of the same row would still decrypt. So a row of core
memory, and a pattern that is recalled, counts only if its revision is the one in the manifest. Every transaction that
changes such rows stores a new manifest.

A user whose wrapped key is of an earlier release has no manifest until the first change, and until then all rows count.
`rotate-master-key` makes the manifest with the bound key. From then on rows without a manifest are rejected.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, Self
from uuid import UUID

from memory.crypto import Purpose, Unreadable, revision_of
from memory.keys import UserKey
from memory.vault import Vault
from sql.driver import Connection

logger = logging.getLogger(__name__)

ManifestTier = Literal["core", "proactive"]
PUT_BACK: Final = "a row of %s memory is skipped, because it is not the row that was stored last in its place"


class Manifest:
    """The revisions of the present rows of one tier, by the name of the row."""

    def __init__(self, user_id: UUID, tier: ManifestTier, rows: dict[str, int] | None, revision: int) -> None:
        """`rows` None: the manifest is missing, and every row counts."""
        self._user_id = user_id
        self._tier = tier
        self._rows = rows
        self._revision = revision

    @classmethod
    def of(cls, vault: Vault, user_key: UserKey, tier: ManifestTier, rows: Sequence[Sequence[Any]]) -> Self:
        """The manifest in the last column of the first of `rows`. A manifest that can't be decrypted has no rows."""
        user_id, sealed = user_key.user_id, rows[0][-1] if rows else None
        if sealed is None:
            # A bound key and rows without a manifest: the manifest was deleted. Without rows, nothing must be rejected.
            return cls(user_id, tier, {} if user_key.is_bound or not rows else None, 0)
        try:
            value = vault.unseal(user_key.cipher, tier, _purpose(tier), sealed)
        except Unreadable:
            return cls(user_id, tier, {}, 0)
        if vault.newest.is_older((user_id, tier), value["revision"]):
            logger.warning(
                "the rows of %s memory of user %s are older than they were a minute ago: they were put back, or the"
                " database was restored from an older copy",
                tier,
                user_id,
            )
        return cls(user_id, tier, value["rows"], value["revision"])

    @classmethod
    def empty(cls, user_id: UUID, tier: ManifestTier) -> Self:
        """A manifest without rows, to be filled while a key is replaced."""
        return cls(user_id, tier, {}, 0)

    @property
    def is_missing(self) -> bool:
        """Whether the manifest is missing, so that every row counts."""
        return self._rows is None

    def accepts(self, row: str, token: bytes) -> bool:
        """Whether `token`, a value of `row`, is the present one. Logs if it is not."""
        accepted = self._rows is None or self._rows.get(row) == revision_of(token)
        if not accepted:
            logger.warning(PUT_BACK, self._tier)
        return accepted

    def has(self, row: str) -> bool:
        """Whether the manifest contains `row`."""
        return self._rows is not None and row in self._rows

    def adopt(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Begin a manifest with these (row, value), if there is none."""
        if self._rows is None:
            self._rows = {row: revision_of(token) for row, token in rows}

    def put(self, row: str) -> int:
        """The revision with which to encrypt the new value of `row`."""
        assert self._rows is not None, "adopt the rows first"  # noqa: S101
        # Times, so that the revisions of a manifest that begins again are higher than those before.
        self._revision = max(self._revision + 1, time.time_ns() // 1_000_000)
        self._rows[row] = self._revision
        return self._revision

    def remove(self, row: str) -> None:
        """`row` is removed, or no longer recalled."""
        if self._rows is not None:
            self._rows.pop(row, None)

    async def save_in(self, connection: Connection, vault: Vault, user_key: UserKey) -> None:
        """Store the manifest under `user_key`, in a transaction of `Vault.writing`."""
        assert self._rows is not None, "adopt the rows first"  # noqa: S101
        self._revision = max(self._revision + 1, time.time_ns() // 1_000_000)
        value = {"revision": self._revision, "rows": self._rows}
        values = {
            "user_id": self._user_id,
            "tier": self._tier,
            "manifest_encrypted": user_key.cipher.seal(_purpose(self._tier), value, self._revision),
        }
        await connection.execute(vault.statements["manifest_set"], values)


def _purpose(tier: ManifestTier) -> Purpose:
    return Purpose("memory_manifests", "manifest_encrypted", tier, f"manifest:{tier}")
