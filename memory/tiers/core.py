"""Core memory: what a person has said about themselves, by name. Always recalled; newest wins; history is kept."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cryptography.fernet import Fernet

from memory.crypto import Unreadable, seal
from memory.keys import UserKey
from memory.tiers.preference_names import is_token, new_column, unwrapped, wrapped
from memory.tiers.tombstones import add_in, among_in, forgetting_in, forgotten_in
from memory.vault import Vault
from sql.driver import Connection, storable

MAX_KEY_CHARS: Final = 100
MAX_VALUE_CHARS: Final = 4000
MAX_VALUES: Final = 200
_MAX_HISTORY: Final = 20


class InvalidCoreValue(ValueError):
    """A name or a value that core memory does not take; the message says what it takes."""


class TooManyPreferences(Exception):
    """There are `MAX_VALUES` already, and this one is not among them."""


class PreferenceChanged(Exception):
    """The preference was set, or removed, at a later time than this statement about it."""


def check_core_value(key: str, value: Any) -> None:
    """Raise `InvalidCoreValue` unless `key` is a short printable name and `value` is JSON of a bounded size."""
    if not key.strip() or len(key) > MAX_KEY_CHARS or not key.isprintable() or is_token(key):
        raise InvalidCoreValue(f"A preference's name has 1 to {MAX_KEY_CHARS} printable characters, the first no ~.")
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


@dataclass(frozen=True, slots=True)
class _Row:
    """A core value as it is stored. `name` None: it does not open. `history` is newest first."""

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
        """Set `key`, as said at `at`; None is when the key is held, so that of calls at once the last one wins.

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
        """`update` within a transaction of `Vault.writing`; `source_id` is the episode that said so.

        What it raises leaves the transaction as it was.
        """
        check_core_value(key, value)
        at = storable(at)
        rows = await self._rows(connection, user_id, user_key.fernet)
        row = next((row for row in rows if key in (row.name, row.column)), None)
        if row is None and len(rows) >= MAX_VALUES:
            raise TooManyPreferences
        if row is not None and row.updated_at > at:
            raise PreferenceChanged
        forgotten = await forgotten_in(connection, self._vault, user_id, user_key)
        if await among_in(connection, self._vault, user_id, forgotten.digests("core", [key]), at):
            raise PreferenceChanged
        history = row.history if row is not None else []
        if row is not None and row.name is not None and row.value != value:
            source = str(row.source_id) if row.source_id is not None else None
            history = [{"value": row.value, "until": at.isoformat(), "source": source}, *history]
        column = row.column if row is not None else new_column(key)
        values = {
            "user_id": user_id,
            "key": column,
            "value_encrypted": seal(user_key.fernet, value_purpose(column), wrapped(column, key, value)),
            "history_encrypted": self._sealed_history(user_key, column, history),
            "source_id": source_id,
            "at": at,
        }
        await connection.execute(self._vault.statements["core_upsert"], values)

    async def delete(self, user_id: UUID, key: str) -> bool:
        """Remove `key` and its history; whether it was there. What was said before does not bring it back."""
        async with self._vault.writing(user_id) as (connection, user_key):
            rows = await self._rows(connection, user_id, user_key.fernet)
            ids = [row.id for row in rows if key in (row.name, row.column)]
            await self._remove_in(connection, user_id, user_key, ids, [key] if ids else [])
        return bool(ids)

    async def forget_in(
        self, connection: Connection, user_id: UUID, user_key: UserKey, item_id: UUID, episodes: Collection[UUID]
    ) -> int:
        """Remove the value with this id, and values that were stated in `episodes`, from the history too.

        Returns how many went. The transaction holds the user's key exclusively.
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
                        user_key.fernet, value_purpose(row.column), wrapped(row.column, row.name, row.value)
                    ),
                    "history_encrypted": self._sealed_history(user_key, row.column, kept),
                }
                await connection.execute(self._vault.statements["core_rekey"], values)
        await self._remove_in(connection, user_id, user_key, removed, names)
        return len(removed)

    def sources(self, fernet: Fernet, rows: Iterable[tuple[Any, ...]], item_id: UUID) -> set[UUID]:
        """The episodes in which the value with this id, and its earlier ones, were stated. `rows` of `core_all`."""
        found: set[UUID | None] = set()
        for row in (self._row(fernet, row) for row in rows):
            if row.id == item_id:
                found |= {row.source_id, *(_source(entry) for entry in row.history)}
        return {source for source in found if source is not None}

    def read(self, fernet: Fernet, rows: Iterable[tuple[Any, ...]]) -> list[tuple[UUID, str, Any]]:
        """(id, name, value) of rows of `core_all`; unreadable ones are reported and skipped."""
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
        forgetting = await forgetting_in(connection, self._vault, user_id, user_key)
        await add_in(connection, self._vault, user_id, forgetting.digests("core", names), datetime.now(UTC))


def _source(entry: dict[str, Any]) -> UUID | None:
    source = entry.get("source")
    return UUID(source) if source is not None else None
