"""What stays of forgotten things: keyed digests, and times. Nothing of this digest that was said until then is stored.

The digests' key is the user's own, random, and sealed under the user's key. It stays when that key is replaced, for a
digest cannot be made anew from what is no longer there; erasing destroys it with everything else.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from memory.crypto import Unreadable, digest, seal, unseal
from memory.keys import UserKey
from memory.text import told
from memory.vault import Vault
from sql.driver import Connection

FOR_EVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
_PURPOSE: Final = "forgetting-key"
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Forgotten:
    """One user's forgotten things within a transaction. `key` None: nothing was forgotten yet."""

    key: bytes | None
    erased_at: datetime | None

    def digests(self, kind: str, names: Iterable[str]) -> list[bytes]:
        """A digest per name, in order; none without a key."""
        return [] if self.key is None else [digest(self.key, f"{kind}\0{name}") for name in names]

    def of_sayings(self, message: str, response: str) -> list[bytes]:
        """Digests of what an exchange says, by which it is known when it was forgotten."""
        return self.of_statements(told(message, response))

    def of_statements(self, statements: Iterable[frozenset[str]]) -> list[bytes]:
        """A digest of each statement's words (`memory.text.learning.told`)."""
        return self.digests("said", (" ".join(sorted(words)) for words in statements))


async def forgotten_in(connection: Connection, vault: Vault, user_id: UUID, user_key: UserKey) -> Forgotten:
    """As of this transaction, which holds the user's key."""
    cursor = await connection.execute(vault.statements["forgetting_state"], {"user_id": user_id})
    row = await cursor.fetchone()
    sealed, erased_at = row if row is not None else (None, None)
    return Forgotten(_opened(user_key, sealed), erased_at)


async def forgetting_in(connection: Connection, vault: Vault, user_id: UUID, user_key: UserKey) -> Forgotten:
    """Like `forgotten_in`, with a key in any case. The transaction must hold the user's key exclusively."""
    state = await forgotten_in(connection, vault, user_id, user_key)
    if state.key is not None:
        return state
    key = secrets.token_bytes(_KEY_BYTES)
    values = {"user_id": user_id, "forgetting_key_encrypted": seal(user_key.fernet, _PURPOSE, key.hex())}
    await connection.execute(vault.statements["forgetting_key_set"], values)
    return Forgotten(key, state.erased_at)


async def add_in(
    connection: Connection, vault: Vault, user_id: UUID, digests: Collection[bytes], until: datetime
) -> None:
    """Note that these are forgotten until then."""
    if digests:
        values = {"user_id": user_id, "digests": sorted(set(digests)), "until": until}
        await connection.execute(vault.statements["forgotten_add"], values)


async def among_in(
    connection: Connection, vault: Vault, user_id: UUID, digests: Collection[bytes], at: datetime
) -> set[bytes]:
    """Those of `digests` that were forgotten at `at` or later: what was said at `at` must not be stored."""
    if not digests:
        return set()
    values = {"user_id": user_id, "digests": list(digests), "at": at}
    cursor = await connection.execute(vault.statements["forgotten_since"], values)
    return {bytes(row[0]) for row in await cursor.fetchall()}


async def reseal_forgetting_key(
    connection: Connection, vault: Vault, user_id: UUID, old: UserKey, new: UserKey
) -> None:
    """Seal the digests' key under the user's new key; the transaction replaces the old one."""
    state = await forgotten_in(connection, vault, user_id, old)
    if state.key is not None:
        values = {"user_id": user_id, "forgetting_key_encrypted": seal(new.fernet, _PURPOSE, state.key.hex())}
        await connection.execute(vault.statements["forgetting_key_set"], values)


async def erased_in(connection: Connection, vault: Vault, user_id: UUID, at: datetime) -> None:
    """All memory goes, in this transaction: what was said until `at` is not stored after it."""
    await connection.execute(vault.statements["forgotten_erase"], {"user_id": user_id})
    await connection.execute(vault.statements["memory_erased"], {"user_id": user_id, "at": at})


def _opened(user_key: UserKey, sealed: bytes | None) -> bytes | None:
    if sealed is None:
        return None
    try:
        return bytes.fromhex(unseal(user_key.fernet, _PURPOSE, sealed))
    except (Unreadable, ValueError, TypeError):
        return None  # tampered with: the digests under it can't be matched any more
