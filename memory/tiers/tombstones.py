"""Tombstones of forgotten items: a keyed digest and a time. Anything with that digest said before is not stored again.

The key of the digests is random, belongs to the user, and is encrypted under the user's key. It stays the same when the
user's key is replaced, because the digest of a deleted text can't be computed again. Erasing destroys it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from memory.crypto import Purpose, Unreadable, digest
from memory.keys import UserKey
from memory.text import Said, Statement
from memory.vault import Vault
from sql.driver import Connection

FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
TOMBSTONES_KEPT: Final = timedelta(days=30)
"""How long tombstones are kept that only stop work in progress. The database allows no earlier removal."""

# Part of the stored data: a changed purpose makes the key of the digests unreadable.
_PURPOSE: Final = Purpose("users", "forgetting_key_encrypted", "", "forgetting-key")
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Tombstones:
    """One user's tombstones, within a transaction that holds the lock on the user's key."""

    _connection: Connection
    _vault: Vault
    _user_id: UUID
    _key: bytes | None = field(repr=False)
    """None: nothing has been forgotten yet."""
    erased_at: datetime | None
    """When all memory was erased last. Nothing said until then is stored."""

    @classmethod
    async def read(cls, connection: Connection, vault: Vault, user_id: UUID, user_key: UserKey) -> Self:
        """The tombstones, to compare digests with."""
        cursor = await connection.execute(vault.statements["forgetting_state"], {"user_id": user_id})
        return cls.of(connection, vault, user_id, user_key, await cursor.fetchone())

    @classmethod
    def of(
        cls, connection: Connection, vault: Vault, user_id: UUID, user_key: UserKey, row: tuple[Any, ...] | None
    ) -> Self:
        """Like `read`, from a row of the statement `forgetting_state`."""
        sealed, erased_at = row if row is not None else (None, None)
        return cls(connection, vault, user_id, _unsealed_key(user_key, sealed), erased_at)

    @classmethod
    async def read_for_adding(cls, connection: Connection, vault: Vault, user_id: UUID, user_key: UserKey) -> Self:
        """Like `read`, and makes the key of the digests if there is none. The lock must be exclusive."""
        found = await cls.read(connection, vault, user_id, user_key)
        if found._key is not None:
            return found
        found = replace(found, _key=secrets.token_bytes(_KEY_BYTES))
        await found.reencrypt_key(user_key)
        return found

    async def reencrypt_key(self, user_key: UserKey) -> None:
        """Store the key of the digests, if there is one, under `user_key`."""
        if self._key is not None:
            sealed = user_key.cipher.seal(_PURPOSE, self._key.hex())
            values = {"user_id": self._user_id, "forgetting_key_encrypted": sealed}
            await self._connection.execute(self._vault.statements["forgetting_key_set"], values)

    @property
    def can_exist(self) -> bool:
        """Whether something has been forgotten, so that a digest can have a tombstone."""
        return self._key is not None

    def digests(self, kind: str, names: Iterable[str]) -> list[bytes]:
        """A digest per name, in order; empty if nothing has been forgotten yet."""
        return [] if self._key is None else [digest(self._key, f"{kind}\0{name}") for name in names]

    def of_said(self, said: Said) -> list[bytes]:
        """A digest of each statement of an exchange; if it has none, the digest of the whole exchange."""
        return self.of_statements(said.stated) or self.digests("exchange", [said.whole])

    def of_statements(self, stated: Iterable[Statement]) -> list[bytes]:
        """A digest of each of these statements."""
        return self.digests("said", (" ".join(sorted(words)) for words in stated))

    def of_value(self, name: str, value: object) -> list[bytes]:
        """The digest of one value of a preference."""
        return self.digests("value", [f"{name}\0{json.dumps(value, ensure_ascii=False, sort_keys=True)}"])

    def of_entity(self, name: tuple[str, str]) -> list[bytes]:
        """The digest of an entity (type, id)."""
        return self.digests("entity", ["\0".join(name)])

    async def add(self, digests: Collection[bytes], until: datetime, *, expires: bool = False) -> None:
        """Add tombstones: nothing with these digests that was said until `until` is stored any more.

        `expires`: only work that is in progress could store it, so the tombstones are removed after `TOMBSTONES_KEPT`.
        """
        if digests:
            values = {"user_id": self._user_id, "digests": sorted(set(digests)), "until": until, "expires": expires}
            await self._connection.execute(self._vault.statements["forgotten_add"], values)

    async def contains(self, digests: Collection[bytes], at: datetime) -> set[bytes]:
        """Those of `digests` that have a tombstone of `at` or later, so that nothing said at `at` may be stored."""
        return set(await self.until(digests, at))

    async def until(self, digests: Collection[bytes], at: datetime) -> dict[bytes, datetime]:
        """Like `contains`, with the time of each tombstone."""
        if not digests:
            return {}
        values = {"user_id": self._user_id, "digests": list(digests), "at": at}
        cursor = await self._connection.execute(self._vault.statements["forgotten_since"], values)
        return {bytes(digest): until for digest, until in await cursor.fetchall()}


async def erase_tombstones(connection: Connection, vault: Vault, user_id: UUID, at: datetime) -> None:
    """Replace all tombstones by one time, because all memory is erased: nothing said until `at` is stored."""
    await connection.execute(vault.statements["forgotten_erase"], {"user_id": user_id})
    await connection.execute(vault.statements["memory_erased"], {"user_id": user_id, "at": at})


def _unsealed_key(user_key: UserKey, sealed: bytes | None) -> bytes | None:
    if sealed is None:
        return None
    try:
        return bytes.fromhex(user_key.cipher.unseal(_PURPOSE, sealed))
    except (Unreadable, ValueError, TypeError):
        return None  # the row was modified: digests under the lost key can't be compared any more
