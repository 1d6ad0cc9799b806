"""Core memory: what a person has said about themselves, by name. Always recalled; newest wins; history is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from cryptography.fernet import Fernet

from memory.sealing import Unreadable, seal
from memory.user_keys import UserKey
from memory.vault import Vault
from sql.connection import Connection

MAX_KEY_CHARS: Final = 100
MAX_VALUE_CHARS: Final = 4000
MAX_VALUES: Final = 200
_MAX_HISTORY: Final = 20


class InvalidCoreValue(ValueError):
    """A name or a value that core memory does not take; the message says what it takes."""


def check_core_value(key: str, value: Any) -> None:
    """Raise `InvalidCoreValue` unless `key` is a short printable name and `value` is JSON of a bounded size."""
    if not key.strip() or len(key) > MAX_KEY_CHARS or not key.isprintable():
        raise InvalidCoreValue(f"A preference's name has 1 to {MAX_KEY_CHARS} printable characters.")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError):
        raise InvalidCoreValue("A preference's value is JSON.") from None
    if len(text) > MAX_VALUE_CHARS:
        raise InvalidCoreValue(f"A preference's value has at most {MAX_VALUE_CHARS} characters.")


def value_purpose(key: str) -> str:
    """What the value of `key` is sealed for."""
    return f"core:{key}"


def history_purpose(key: str) -> str:
    """What the earlier values of `key` are sealed for."""
    return f"core-history:{key}"


class CoreMemory:
    """The core tier of every user."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def update(self, user_id: UUID, key: str, value: Any, at: datetime) -> bool:
        """Set `key`, as said at `at`; False when it was set later than that, or when there are too many.

        Raises `InvalidCoreValue`, and like `Vault.key`.
        """
        async with self._vault.writing(user_id) as (connection, user_key):
            return await self.set_in(connection, user_id, user_key, key, value, at)

    async def set_in(
        self, connection: Connection, user_id: UUID, user_key: UserKey, key: str, value: Any, at: datetime
    ) -> bool:
        """`update` within a transaction of `Vault.writing`."""
        check_core_value(key, value)
        statements = self._vault.statements
        names: dict[str, object] = {"user_id": user_id, "key": key}
        counted = await connection.execute(statements["core_count"], names)
        locked = await connection.execute(statements["core_locked"], names)
        row = await locked.fetchone()
        count = await counted.fetchone()
        fernet = user_key.fernet
        history: list[Any] = []
        if row is None:
            if count is not None and count[0] >= MAX_VALUES:
                return False
        else:
            value_encrypted, history_encrypted, updated_at = row
            if updated_at > at:
                return False
            with suppress(Unreadable):
                if history_encrypted is not None:
                    history = self._vault.unseal(fernet, "core", history_purpose(key), history_encrypted)
            with suppress(Unreadable):
                old = self._vault.unseal(fernet, "core", value_purpose(key), value_encrypted)
                if old != value:
                    history.insert(0, {"value": old, "until": at.isoformat()})
        await connection.execute(
            statements["core_upsert"],
            names
            | {
                "value_encrypted": seal(fernet, value_purpose(key), value),
                "history_encrypted": seal(fernet, history_purpose(key), history[:_MAX_HISTORY]) if history else None,
                "at": at,
            },
        )
        return True

    async def delete(self, user_id: UUID, key: str) -> bool:
        """Remove `key` and its history; whether it was there."""
        async with self._vault.writing(user_id) as (connection, _):
            cursor = await connection.execute(
                self._vault.statements["core_delete"], {"user_id": user_id, "key": key.replace("\x00", "")}
            )
        return cursor.rowcount > 0

    def read(self, fernet: Fernet, rows: Iterable[tuple[Any, ...]]) -> list[tuple[UUID, str, Any]]:
        """(id, key, value) of rows of `core_all`; unreadable ones are reported and skipped."""
        found = []
        for id_, key, value_encrypted, *_ in rows:
            with suppress(Unreadable):
                found.append((id_, key, self._vault.unseal(fernet, "core", value_purpose(key), value_encrypted)))
        return found
