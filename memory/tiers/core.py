"""Core memory: a person's preferences by name. They are always recalled; the newest value wins; earlier ones are kept.

A name that a person or a model makes up may say as much as the value does ("favourite_affair"). So only well-known
names are stored in the clear. Other names are encrypted with the value, and the database has a random token in their
place.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from cryptography.fernet import Fernet

from memory.crypto import Unreadable, seal
from memory.keys import UserKey
from memory.tiers.tombstones import Tombstones
from memory.vault import Vault
from sql.driver import Connection, storable

MAX_KEY_CHARS: Final = 100
MAX_VALUE_CHARS: Final = 4000
MAX_VALUES: Final = 200
_MAX_HISTORY: Final = 20
WELL_KNOWN: Final = frozenset({
    "preferred_name", "pronouns", "language", "time_zone", "week_start", "birthday", "home", "employer",
    "answer_style", "answer_length", "tone", "units", "currency", "date_format", "time_format", "working_hours",
})  # fmt: skip
_BLIND: Final = "~"


class InvalidCoreValue(ValueError):
    """An invalid name or value of a preference; the message says what is valid."""


class TooManyPreferences(Exception):
    """The preference is new, and there are `MAX_VALUES` preferences already."""


class PreferenceChanged(Exception):
    """The preference was set or removed at a later time than this statement about it."""


def check_core_value(key: str, value: Any) -> None:
    """Raise `InvalidCoreValue` unless `key` is a short printable name and `value` is JSON of a bounded size."""
    if not key.strip() or len(key) > MAX_KEY_CHARS or not key.isprintable() or _is_token(key):
        raise InvalidCoreValue(
            f"A preference's name has 1 to {MAX_KEY_CHARS} printable characters and does not start with ~."
        )
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError):
        raise InvalidCoreValue("A preference's value is JSON.") from None
    if len(text) > MAX_VALUE_CHARS:
        raise InvalidCoreValue(f"A preference's value has at most {MAX_VALUE_CHARS} characters.")


def value_purpose(column: str) -> str:
    """The purpose for encrypting a value (`memory.crypto.seal`)."""
    return f"core:{column}"


def history_purpose(column: str) -> str:
    """The purpose for encrypting the earlier values of a preference."""
    return f"core-history:{column}"


def unwrapped(column: str, sealed: Any) -> tuple[str, Any]:
    """The inverse of `_wrapped`: (name, value)."""
    return (sealed["name"], sealed["value"]) if _is_token(column) else (column, sealed)


@dataclass(frozen=True, slots=True)
class _Row:
    """A preference, decrypted. `name` None: it can't be decrypted. `history` is newest first."""

    id: UUID
    column: str
    name: str | None
    value: Any
    history: list[dict[str, Any]]
    source_id: UUID | None
    updated_at: datetime


class CoreMemory:
    """The core tier of every user."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def update(self, user_id: UUID, key: str, value: Any, at: datetime | None = None) -> None:
        """Set the preference `key`, as stated at `at`. None: when this call holds the lock, so the last call wins.

        Raises `InvalidCoreValue`, `TooManyPreferences`, `PreferenceChanged`, and like `Vault.key`.
        """
        async with self._vault.writing(user_id) as (connection, user_key):
            await self.set_in(connection, user_id, user_key, key, value, at or datetime.now(UTC))

    async def set_in(
        self,
        connection: Connection,
        user_id: UUID,
        user_key: UserKey,
        key: str,
        value: Any,
        at: datetime,
        source_id: UUID | None = None,
    ) -> None:
        """`update` within a transaction of `Vault.writing`; `source_id` is the episode in which it was stated.

        If it raises one of these errors, it has written nothing.
        """
        check_core_value(key, value)
        at = storable(at)
        rows = await self._rows(connection, user_id, user_key.fernet)
        row = next((row for row in rows if key in (row.name, row.column)), None)
        if row is None and len(rows) >= MAX_VALUES:
            raise TooManyPreferences
        if row is not None and row.updated_at > at:
            raise PreferenceChanged
        tombstones = await Tombstones.read(connection, self._vault, user_id, user_key)
        if await tombstones.contains(tombstones.digests("core", [key]), at):
            raise PreferenceChanged
        history = row.history if row is not None else []
        if row is not None and row.name is not None and row.value != value:
            source = str(row.source_id) if row.source_id is not None else None
            history = [{"value": row.value, "until": at.isoformat(), "source": source}, *history]
        column = row.column if row is not None else _new_column(key)
        values = {
            "user_id": user_id,
            "key": column,
            "value_encrypted": seal(user_key.fernet, value_purpose(column), _wrapped(column, key, value)),
            "history_encrypted": self._sealed_history(user_key, column, history),
            "source_id": source_id,
            "at": at,
        }
        await connection.execute(self._vault.statements["core_upsert"], values)

    async def delete(self, user_id: UUID, key: str) -> bool:
        """Remove `key` and its history; returns whether it existed. Earlier statements don't restore it."""
        async with self._vault.writing(user_id) as (connection, user_key):
            rows = await self._rows(connection, user_id, user_key.fernet)
            ids = [row.id for row in rows if key in (row.name, row.column)]
            await self._remove_in(connection, user_id, user_key, ids, [key] if ids else [])
        return bool(ids)

    async def forget_in(
        self, connection: Connection, user_id: UUID, user_key: UserKey, item_id: UUID, episodes: Collection[UUID]
    ) -> int:
        """Remove the preference with this id, and all values stated in `episodes`, also from the history.

        Returns the number of removed preferences. In a transaction of `Vault.writing`.
        """
        removed, names = [], []
        for row in await self._rows(connection, user_id, user_key.fernet):
            if row.id == item_id or row.source_id in episodes:
                removed.append(row.id)
                names += [row.name] if row.name is not None else []
                continue
            kept = [entry for entry in row.history if _source(entry) not in episodes]
            if row.name is not None and len(kept) < len(row.history):
                values = {
                    "user_id": user_id,
                    "id": row.id,
                    "value_encrypted": seal(
                        user_key.fernet, value_purpose(row.column), _wrapped(row.column, row.name, row.value)
                    ),
                    "history_encrypted": self._sealed_history(user_key, row.column, kept),
                }
                await connection.execute(self._vault.statements["core_reseal"], values)
        await self._remove_in(connection, user_id, user_key, removed, names)
        return len(removed)

    def sources(self, fernet: Fernet, rows: Iterable[tuple[Any, ...]], item_id: UUID) -> set[UUID]:
        """The episodes in which a preference's value and earlier values were stated. `rows` are those of `core_all`."""
        found: set[UUID | None] = set()
        for row in (self._row(fernet, row) for row in rows):
            if row.id == item_id:
                found |= {row.source_id, *(_source(entry) for entry in row.history)}
        return {source for source in found if source is not None}

    def read(self, fernet: Fernet, rows: Iterable[tuple[Any, ...]]) -> list[tuple[UUID, str, Any]]:
        """(id, name, value) of the rows of `core_all`. Unreadable rows are reported and skipped."""
        found = []
        for id_, key, value_encrypted, *_ in rows:
            with suppress(Unreadable):
                sealed = self._vault.unseal(fernet, "core", value_purpose(key), value_encrypted)
                found.append((id_, *unwrapped(key, sealed)))
        return sorted(found, key=lambda value: value[1])

    async def _rows(self, connection: Connection, user_id: UUID, fernet: Fernet) -> list[_Row]:
        cursor = await connection.execute(self._vault.statements["core_all"], {"user_id": user_id})
        return [self._row(fernet, row) for row in await cursor.fetchall()]

    def _row(self, fernet: Fernet, row: Sequence[Any]) -> _Row:
        id_, column, value_encrypted, history_encrypted, _, updated_at, source_id = row
        name, value, history = None, None, []
        with suppress(Unreadable):
            sealed = self._vault.unseal(fernet, "core", value_purpose(column), value_encrypted)
            name, value = unwrapped(column, sealed)
        with suppress(Unreadable):
            if history_encrypted is not None:
                history = self._vault.unseal(fernet, "core", history_purpose(column), history_encrypted)
        return _Row(id_, column, name, value, history, source_id, updated_at)

    def _sealed_history(self, user_key: UserKey, column: str, history: Sequence[dict[str, Any]]) -> bytes | None:
        return seal(user_key.fernet, history_purpose(column), history[:_MAX_HISTORY]) if history else None

    async def _remove_in(
        self, connection: Connection, user_id: UUID, user_key: UserKey, ids: Sequence[UUID], names: Sequence[str]
    ) -> None:
        if not ids:
            return
        await connection.execute(self._vault.statements["core_forget"], {"user_id": user_id, "ids": ids})
        tombstones = await Tombstones.read_for_adding(connection, self._vault, user_id, user_key)
        await tombstones.add(tombstones.digests("core", names), datetime.now(UTC))


def _source(entry: dict[str, Any]) -> UUID | None:
    source = entry.get("source")
    return UUID(source) if source is not None else None


def _new_column(name: str) -> str:
    """The value of `memory_core.key` for a new preference of this name."""
    return name if name in WELL_KNOWN else f"{_BLIND}{uuid4().hex}"


def _is_token(column: str) -> bool:
    """Whether `column` is a random token and the name is encrypted with the value. No name starts like a token."""
    return column.startswith(_BLIND)


def _wrapped(column: str, name: str, value: Any) -> Any:
    """The JSON to encrypt for a preference."""
    return {"name": name, "value": value} if _is_token(column) else value
