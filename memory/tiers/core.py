"""Core memory: a person's preferences by name. They are always recalled; the newest value wins; earlier ones are kept.

A name that a person or a model makes up may say as much as the value does ("favourite_affair"). So only well-known
names are stored in the clear. Other names are encrypted with the value, and the database has a random token in their
place.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from memory.crypto import Cipher, Purpose, Unreadable
from memory.keys import UserKey
from memory.tiers.manifest import Manifest
from memory.tiers.tombstones import Tombstones
from memory.vault import Vault
from sql.driver import Connection, storable
from sql.row_ids import new_row_id

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


def value_purpose(column: str) -> Purpose:
    """The purpose for encrypting a value."""
    return Purpose("memory_core", "value_encrypted", column, f"core:{column}")


def history_purpose(column: str) -> Purpose:
    """The purpose for encrypting the earlier values of a preference."""
    return Purpose("memory_core", "history_encrypted", column, f"core-history:{column}")


def unwrapped(column: str, sealed: Any) -> tuple[str, Any]:
    """The inverse of `_wrapped`: (name, value)."""
    return (sealed["name"], sealed["value"]) if _is_token(column) else (column, sealed)


@dataclass(frozen=True, slots=True)
class CoreRow:
    """A preference, decrypted. `name` None: it can't be decrypted. `history` is newest first.

    An entry of the history has `value`, `source` (the id of the episode or None), `at` (when it was stated) and `until`
    (when another value replaced it). Entries that older versions wrote have no `at`.
    """

    id: UUID
    column: str
    name: str | None
    value: Any
    history: list[dict[str, Any]]
    source_id: UUID | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CoreForgetting:
    """What forgetting does to the preferences of a user.

    `removed` are removed with their history. `outdated` lose the value or some earlier values; each is paired with the
    values that remain: if the newest value was forgotten, the one before counts again.
    """

    removed: Sequence[CoreRow]
    outdated: Sequence[tuple[CoreRow, CoreRow]]
    manifest: Manifest

    @property
    def restored(self) -> list[UUID]:
        """The preferences whose earlier value counts again."""
        return [after.id for before, after in self.outdated if before.source_id != after.source_id]


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
        rows, manifest = await self._rows(connection, user_id, user_key)
        row = next((row for row in rows if key in (row.name, row.column)), None)
        if row is None and len(rows) >= MAX_VALUES:
            raise TooManyPreferences
        if row is not None and row.updated_at > at:
            raise PreferenceChanged
        tombstones = await Tombstones.read(connection, self._vault, user_id, user_key)
        if await tombstones.contains(tombstones.digests("core", [key]) + tombstones.of_value(key, value), at):
            raise PreferenceChanged
        history = row.history if row is not None else []
        if row is not None and row.name is not None and row.value != value:
            source = str(row.source_id) if row.source_id is not None else None
            entry = {"value": row.value, "at": row.updated_at.isoformat(), "until": at.isoformat(), "source": source}
            history = [entry, *history]
        column = row.column if row is not None else _new_column(key)
        values = {
            "user_id": user_id,
            "id": new_row_id(),
            "key": column,
            **preference_columns(user_key, manifest, column, key, value, history),
            "source_id": source_id,
            "at": at,
        }
        await connection.execute(self._vault.statements["core_upsert"], values)
        await manifest.save_in(connection, self._vault, user_key)

    async def take_back_in(
        self,
        connection: Connection,
        user_id: UUID,
        user_key: UserKey,
        key: str,
        at: datetime,
        was: str | None = None,
    ) -> bool:
        """Remove the preference `key`, because the person said at `at` that it no longer holds; returns whether.

        It is not learned again from statements until `at`. A later statement stays. `was`: the value that no longer
        holds; the preference stays if it has another value. In a transaction of `Vault.writing`.
        """
        at = storable(at)
        rows, manifest = await self._rows(connection, user_id, user_key)
        row = next((row for row in rows if key in (row.name, row.column)), None)
        if row is None or row.updated_at > at or not _is_meant(row.value, was):
            return False
        await self._remove_in(connection, user_id, user_key, manifest, [row], [key], at)
        await manifest.save_in(connection, self._vault, user_key)
        return True

    async def delete(self, user_id: UUID, key: str) -> bool:
        """Remove `key` and its history; returns whether it existed. Earlier statements don't restore it."""
        async with self._vault.writing(user_id) as (connection, user_key):
            rows, manifest = await self._rows(connection, user_id, user_key)
            found = [row for row in rows if key in (row.name, row.column)]
            await self._remove_in(connection, user_id, user_key, manifest, found, [key] if found else [])
            if found:
                await manifest.save_in(connection, self._vault, user_key)
                await self._vault.renew_key_in(connection, user_id, user_key)
        return bool(found)

    def forgetting(
        self, user_key: UserKey, rows: Sequence[tuple[Any, ...]], items: Collection[UUID], episodes: Collection[UUID]
    ) -> CoreForgetting:
        """What forgetting `items` and all values stated in `episodes` does. `rows` are those of `core_all`."""
        removed, outdated = [], []
        decrypted, manifest = self._decrypted(user_key, rows)
        for row in decrypted:
            left = [number for number, entry in enumerate(row.history) if _source(entry) not in episodes]
            history = [row.history[number] for number in left]
            if row.id in items or (row.source_id in episodes and (not left or row.name is None)):
                removed.append(row)
            elif row.source_id in episodes:
                newest, at = history[0], _stated_at(row.history, left[0])
                after = replace(
                    row, value=newest["value"], history=history[1:], source_id=_source(newest), updated_at=at
                )
                outdated.append((row, after))
            elif row.name is not None and len(left) < len(row.history):
                outdated.append((row, replace(row, history=history)))
        return CoreForgetting(removed, outdated, manifest)

    async def forget_in(
        self,
        connection: Connection,
        user_id: UUID,
        user_key: UserKey,
        forgetting: CoreForgetting,
        items: Collection[UUID],
    ) -> None:
        """Carry out `forgetting`, in a transaction of `Vault.writing`.

        A preference in `items` is not learned again from what was said before. Of the others only the forgotten values
        are not learned again.
        """
        named = [row for row in forgetting.removed if row.id in items]
        others = [row for row in forgetting.removed if row.id not in items]
        manifest, names = forgetting.manifest, [row.name for row in named if row.name is not None]
        await self._remove_in(connection, user_id, user_key, manifest, named, names)
        await self._remove_in(connection, user_id, user_key, manifest, others, [])
        for before, after in forgetting.outdated:
            assert after.name is not None  # noqa: S101
            values = {
                "user_id": user_id,
                "id": after.id,
                **preference_columns(user_key, manifest, after.column, after.name, after.value, after.history),
                "source_id": after.source_id,
                "at": after.updated_at,
            }
            await connection.execute(self._vault.statements["core_restore"], values)
            others += [before] if before.source_id != after.source_id else []
        if forgetting.removed or forgetting.outdated:
            await manifest.save_in(connection, self._vault, user_key)
        values_of = [(row.name, row.value) for row in others if row.name is not None]
        if values_of:
            tombstones = await Tombstones.read_for_adding(connection, self._vault, user_id, user_key)
            digests = [digest for name, value in values_of for digest in tombstones.of_value(name, value)]
            await tombstones.add(digests, datetime.now(UTC))

    def sources(
        self, user_key: UserKey, rows: Sequence[tuple[Any, ...]], items: Collection[UUID]
    ) -> dict[UUID, list[Any]]:
        """The values of these preferences, with the earlier ones, by the episode in which they were stated.

        `rows` are those of `core_all`.
        """
        found: dict[UUID, list[Any]] = {}
        for row in self._decrypted(user_key, rows)[0]:
            stated = [(row.source_id, row.value), *((_source(entry), entry["value"]) for entry in row.history)]
            for source, value in stated if row.id in items else ():
                if source is not None:
                    found.setdefault(source, []).append(value)
        return found

    def read(self, user_key: UserKey, rows: Sequence[tuple[Any, ...]]) -> list[tuple[UUID, str, Any]]:
        """(id, name, value) of the rows of `core_all`. Unreadable and put back rows are reported and skipped."""
        manifest, found = Manifest.of(self._vault, user_key, "core", rows), []
        for id_, key, value_encrypted, *_ in rows:
            with suppress(Unreadable):
                sealed = self._unsealed(user_key.cipher, manifest, key, value_encrypted)
                found.append((id_, *unwrapped(key, sealed)))
        return sorted(found, key=lambda value: value[1])

    def decrypted(self, user_key: UserKey, rows: Sequence[tuple[Any, ...]]) -> list[CoreRow]:
        """The rows of `core_all`. Those that are unreadable or put back are reported, and have no name."""
        return self._decrypted(user_key, rows)[0]

    async def make_manifest_in(self, connection: Connection, user_id: UUID, user_key: UserKey) -> None:
        """Store the manifest of the present rows, if there is none, in a transaction of `Vault.writing`."""
        _, manifest = await self._rows(connection, user_id, user_key)
        await manifest.save_in(connection, self._vault, user_key)

    async def _rows(self, connection: Connection, user_id: UUID, user_key: UserKey) -> tuple[list[CoreRow], Manifest]:
        cursor = await connection.execute(self._vault.statements["core_all"], {"user_id": user_id})
        return self._decrypted(user_key, await cursor.fetchall())

    def _decrypted(self, user_key: UserKey, rows: Sequence[tuple[Any, ...]]) -> tuple[list[CoreRow], Manifest]:
        """The rows of `core_all`, and their manifest, which may be changed."""
        manifest = Manifest.of(self._vault, user_key, "core", rows)
        found = [self._row(user_key.cipher, manifest, row) for row in rows]
        readable = {row.column for row in found if row.name is not None}
        manifest.adopt((row[1], row[2]) for row in rows if row[1] in readable)
        return found, manifest

    def _row(self, cipher: Cipher, manifest: Manifest, row: Sequence[Any]) -> CoreRow:
        id_, column, value_encrypted, history_encrypted, _, updated_at, source_id, _ = row
        name, value, history = None, None, []
        with suppress(Unreadable):
            sealed = self._unsealed(cipher, manifest, column, value_encrypted)
            name, value = unwrapped(column, sealed)
        with suppress(Unreadable):
            if history_encrypted is not None and name is not None:
                history = self._unsealed(cipher, manifest, column, history_encrypted, history=True)
        return CoreRow(id_, column, name, value, history, source_id, updated_at)

    def _unsealed(self, cipher: Cipher, manifest: Manifest, column: str, token: bytes, *, history: bool = False) -> Any:
        """The value or the history of a row. Reports and raises `Unreadable`, also if it was put back."""
        if not manifest.accepts(column, token):
            raise self._vault.reported("core")
        purpose = history_purpose(column) if history else value_purpose(column)
        return self._vault.unseal(cipher, "core", purpose, token)

    async def _remove_in(
        self,
        connection: Connection,
        user_id: UUID,
        user_key: UserKey,
        manifest: Manifest,
        rows: Sequence[CoreRow],
        names: Sequence[str],
        until: datetime | None = None,
    ) -> None:
        if not rows:
            return
        for row in rows:
            manifest.remove(row.column)
        ids = [row.id for row in rows]
        await connection.execute(self._vault.statements["core_forget"], {"user_id": user_id, "ids": ids})
        tombstones = await Tombstones.read_for_adding(connection, self._vault, user_id, user_key)
        await tombstones.add(tombstones.digests("core", names), until or datetime.now(UTC))


def preference_columns(
    user_key: UserKey, manifest: Manifest, column: str, name: str, value: Any, history: Sequence[dict[str, Any]]
) -> dict[str, bytes | None]:
    """The encrypted columns of a preference, with a new revision in `manifest`."""
    revision, cipher = manifest.put(column), user_key.cipher
    earlier = history[:_MAX_HISTORY]
    return {
        "value_encrypted": cipher.seal(value_purpose(column), _wrapped(column, name, value), revision),
        "history_encrypted": cipher.seal(history_purpose(column), earlier, revision) if earlier else None,
    }


def _stated_at(history: Sequence[dict[str, Any]], number: int) -> datetime:
    """When an entry was stated. For an entry without a time: when it replaced the one before, or was replaced."""
    entry = history[number]
    if "at" not in entry and number + 1 < len(history):
        return datetime.fromisoformat(history[number + 1]["until"])
    return datetime.fromisoformat(entry.get("at", entry["until"]))


def _source(entry: dict[str, Any]) -> UUID | None:
    source = entry.get("source")
    return UUID(source) if source is not None else None


def _is_meant(value: Any, was: str | None) -> bool:
    """Whether a statement about the value `was` is about this value: "Paris" is about "Paris, France" too."""
    if was is None:
        return True
    stored, said = str(value).casefold(), was.casefold()
    return said in stored or stored in said


def _new_column(name: str) -> str:
    """The value of `memory_core.key` for a new preference of this name."""
    return name if name in WELL_KNOWN else f"{_BLIND}{uuid4().hex}"


def _is_token(column: str) -> bool:
    """Whether `column` is a random token and the name is encrypted with the value. No name starts like a token."""
    return column.startswith(_BLIND)


def _wrapped(column: str, name: str, value: Any) -> Any:
    """The JSON to encrypt for a preference."""
    return {"name": name, "value": value} if _is_token(column) else value
