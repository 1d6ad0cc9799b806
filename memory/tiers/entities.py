"""Entities of a person's device in associative memory.

They are found by words immediately, and by vector a little later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID, uuid4

from memory.crypto import Unreadable
from memory.keys import UserKey
from memory.text import entity_text
from memory.tiers.associative import AssociativeMemory
from memory.tiers.documents import Document, document_key
from memory.tiers.tombstones import Tombstones
from memory.vault import Vault
from person import Calendar, zone_named
from sql.driver import Connection, storable

MAX_ID_CHARS: Final = 200
MAX_ITEM_BYTES: Final = 2 << 20
"""What memory keeps of one item, as JSON. One change may bring half of it."""
MAX_ITEM_FIELDS: Final = 2_000


class InvalidEntity(ValueError):
    """An entity's id is empty or too long."""


@dataclass(frozen=True, slots=True)
class EntityChange:
    """A change of an entity at the time `at`. `data` are the changed fields; None if it was deleted.

    A change with the `mutation_id` of an earlier one is the same change. `device_id` is the device that made it, for
    the request `request_id` if there is one. `time_zone` is the person's, an IANA name.
    """

    op: Literal["create", "update", "delete"]
    entity: str
    id: str
    data: Mapping[str, Any] | None
    at: datetime
    mutation_id: UUID = field(default_factory=uuid4)
    device_id: UUID | None = None
    request_id: UUID | None = None
    time_zone: str = "UTC"

    @property
    def name(self) -> tuple[str, str]:
        """(type, id): the same for all changes of one entity."""
        return self.entity, self.id.replace("\x00", "")


class EntityMemory:
    """Applies changes of entities to associative memory."""

    def __init__(self, vault: Vault, associative: AssociativeMemory) -> None:
        self._vault = vault
        self._associative = associative

    @staticmethod
    def check(changes: Sequence[EntityChange]) -> None:
        """Raises `InvalidEntity` if a change can't be written."""
        for change in changes:
            if not 0 < len(change.id) <= MAX_ID_CHARS:
                raise InvalidEntity(f"An entity's id has 1 to {MAX_ID_CHARS} characters.")

    async def write_in(
        self, connection: Connection, user_id: UUID, user_key: UserKey, changes: Sequence[EntityChange]
    ) -> int:
        """Write checked `changes` in their order, in a transaction of `Vault.writing`; returns how many had an effect.

        Writing changes twice or out of order is safe: for each field the change with the later `at` wins, and a
        deletion wins over all earlier changes. Changes from before the last erasure are ignored.
        """
        made, changes = 0, [replace(change, at=storable(change.at)) for change in changes]
        tombstones = await Tombstones.read_for_adding(connection, self._vault, user_id, user_key)
        for change in changes:
            if tombstones.erased_at is None or tombstones.erased_at < change.at:
                made += await self._apply(connection, user_id, user_key, tombstones, change)
        return made

    async def _apply(
        self, connection: Connection, user_id: UUID, user_key: UserKey, tombstones: Tombstones, change: EntityChange
    ) -> bool:
        statements, digests = self._vault.statements, tombstones.of_entity(change.name)
        key = document_key(user_key, Document("", entity=change.name))
        values: dict[str, object] = {"user_id": user_id, "content_digest": key}
        cursor = await connection.execute(statements["associative_by_digest"], values)
        row = await cursor.fetchone()
        if change.op == "delete":
            await tombstones.add(digests, change.at)
            if row is None or row[2] > change.at:
                return False
            await self._associative.remove_in(connection, user_key, [row[0]])
            return True
        if not change.data or await tombstones.contains(digests, change.at):
            return False
        known: Mapping[str, Any] = {}
        at = change.at
        if row is not None:
            with suppress(Unreadable):
                known = self._associative.read(user_key.cipher, key, row[1]).data or {}
            at = max(at, row[2])
        data = _merged(change.data, known) if at == change.at else _merged(known, change.data)
        if row is not None and data == known:
            return False
        text = entity_text(change.entity, data, Calendar(zone_named(change.time_zone)))
        document = Document(text, at, change.name, "mutation", data=data)
        await self._associative.put_in(connection, user_id, user_key, [document], None)
        if self._associative.embedder is not None:
            await connection.execute(statements["unembedded_add"], values)
        return True


def _merged(later: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of both; those of `later` win. Larger fields that only `earlier` has are left out over the limits.

    Each change of an item reads, encrypts and writes all of it. Without the limits, many changes of one item would take
    more and more time of the event loop and of the database. The device has the whole item, and the log every change.
    """
    merged = {**earlier, **later}
    if len(merged) <= MAX_ITEM_FIELDS and _size(merged) <= MAX_ITEM_BYTES:
        return merged
    kept, room = dict(later), MAX_ITEM_BYTES - _size(later)
    sizes = sorted((_size({name: value}), name) for name, value in earlier.items() if name not in later)
    for size, name in sizes:
        room -= size
        if room < 0 or len(kept) >= MAX_ITEM_FIELDS:
            break
        kept[name] = earlier[name]
    return kept


def _size(data: Mapping[str, Any]) -> int:
    return len(json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass"))
