"""Key shares: the half of each user key's wrapping that is not in the database.

An attacker with the master keys and an old copy of the database could unwrap the user keys in that copy. Deleting rows
and keys in the live database would therefore not reach backups. So each user key is wrapped under the master key *and*
a random share that is stored outside the database. Erasing a user's memory destroys the share. After that, no copy of
the database can be decrypted for this user.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

SHARE_BYTES: Final = 32


class MissingKeyShare(Exception):
    """A user's key can't be unwrapped, because its share is not in the folder."""

    def __init__(self) -> None:
        super().__init__(
            "the share of this user's key is not in TESSERA_KEY_SHARES_DIR:"
            " that folder must be the one the key was made with, and the same for every server of the database"
        )


@dataclass(frozen=True, slots=True)
class KeyShare:
    """`id` is stored with the wrapped key; `secret` is 32 random bytes."""

    id: UUID
    secret: bytes

    def __repr__(self) -> str:
        return f"KeyShare({self.id})"


class KeyShares(Protocol):
    """A store of key shares outside the database. `FolderShares` keeps them in files.

    A share that is not the user's current one is destroyed only under the exclusive lock on the user's key, or by the
    transaction that replaced it. Under that lock no other transaction can be replacing the key, so no share that is
    still to be committed is destroyed.

    While a key is replaced, the user is marked as unsettled, so that a crash can be repaired without reading all
    shares.
    """

    async def make(self, user_id: UUID, *, replacing: bool = False) -> KeyShare:
        """A new share, durable when this returns. Raises `OSError`.

        `replacing`: the user has a key already. Hold its exclusive lock, and call `settle` or `settle_all` afterwards.
        """
        ...

    async def read(self, user_id: UUID, share_id: UUID) -> KeyShare:
        """Raises `MissingKeyShare`, also for a damaged share and for one that is being destroyed."""
        ...

    async def exists(self, user_id: UUID, share_id: UUID) -> bool:
        """Whether the store has this share."""
        ...

    async def destroy(self, user_id: UUID, share_id: UUID) -> None:
        """Destroy one share. Does nothing if it is gone already. Raises `OSError`."""
        ...

    async def destroy_others(self, user_id: UUID, keep: Collection[UUID]) -> None:
        """Destroy the user's shares except those in `keep`. Hold the exclusive lock on the key. Raises `OSError`."""
        ...

    async def discard(self, user_id: UUID) -> None:
        """Destroy all shares of a user whose registration failed, or who was deleted. Raises `OSError`."""
        ...

    async def settle(self, user_id: UUID, share_id: UUID) -> None:
        """Note that the replacement which made this share is complete and the old share is destroyed."""
        ...

    async def settle_all(self, user_id: UUID) -> None:
        """Note that no replacement of this user's key is running or incomplete. Hold the exclusive lock on the key."""
        ...

    async def unsettled(self) -> list[UUID]:
        """Users whose key is being replaced, or whose replacement was interrupted by a crash."""
        ...
