"""Changes of a person's entities: in memory, found by their words, when the transaction ends; vectors come later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from memory.crypto import Unreadable
from memory.keys import UserKey
from memory.text import entity_text
from memory.tiers.associative import Document, MemoryStore, identity
from memory.tiers.tombstones import Forgotten, add_in, among_in, forgetting_in
from memory.vault import Vault
from sql.driver import Connection, storable

MAX_ID_CHARS: Final = 200


class InvalidEntity(ValueError):
    """An entity's id that memory does not take."""


@dataclass(frozen=True, slots=True)
class EntityChange:
    """What became of an entity at `at`. `data` are the fields that changed; a deleted entity has none."""

    op: Literal["create", "update", "delete"]
    entity: str
    id: str
    data: Mapping[str, Any] | None
    at: datetime

    @property
    def name(self) -> tuple[str, str]:
        """What it is known by."""
        return self.entity, self.id.replace("\x00", "")


class EntityMemory:
    """The entities in associative memory."""

    def __init__(self, vault: Vault, store: MemoryStore) -> None:
        self._vault = vault
        self._store = store

    async def write(self, user_id: UUID, changes: Sequence[EntityChange]) -> int:
        """Commit `changes` in their order, in one transaction; returns how many made a difference.

        They may be written again, in part or as a whole, and come late: the later statement about an entity wins by
        `at`, so a deletion wins over every change before it. What was changed before the person had all erased is left
        out. Raises `InvalidEntity`, and like `Vault.key`; nothing is written then.
        """
        for change in changes:
            if not 0 < len(change.id) <= MAX_ID_CHARS:
                raise InvalidEntity(f"An entity's id has 1 to {MAX_ID_CHARS} characters.")
        made, changes = 0, [replace(change, at=storable(change.at)) for change in changes]
        async with self._vault.writing(user_id) as (connection, user_key):
            forgotten = await forgetting_in(connection, self._vault, user_id, user_key)
            for change in changes:
                if forgotten.erased_at is None or forgotten.erased_at < change.at:
                    made += await self._apply(connection, user_id, user_key, forgotten, change)
        return made

    async def _apply(
        self, connection: Connection, user_id: UUID, user_key: UserKey, forgotten: Forgotten, change: EntityChange
    ) -> bool:
        statements, digests = self._vault.statements, entity_digests(forgotten, change.name)
        content_digest = identity(user_key, Document("", entity=change.name))
        values: dict[str, object] = {"user_id": user_id, "content_digest": content_digest}
        cursor = await connection.execute(statements["associative_by_digest"], values)
        row = await cursor.fetchone()
        if change.op == "delete":
            await add_in(connection, self._vault, user_id, digests, change.at)
            if row is None or row[2] > change.at:
                return False
            await connection.execute(statements["associative_forget"], {"user_id": user_id, "ids": [row[0]]})
            return True
        if not change.data or await among_in(connection, self._vault, user_id, digests, change.at):
            return False
        known: Mapping[str, Any] = {}
        at = change.at
        if row is not None:
            with suppress(Unreadable):
                known = self._store.read(user_key.fernet, content_digest, row[1]).data or {}
            at = max(at, row[2])
        data = {**known, **change.data} if at == change.at else {**change.data, **known}
        if row is not None and data == known:
            return False
        document = Document(entity_text(change.entity, data), at, change.name, "mutation", data=data)
        await self._store.put_in(connection, user_id, user_key, [document], None)
        if self._store.embedder is not None:
            await connection.execute(statements["unembedded_add"], values)
        return True


def entity_digests(forgotten: Forgotten, name: tuple[str, str]) -> list[bytes]:
    """Under which an entity's deletion is noted."""
    return forgotten.digests("entity", ["\0".join(name)])
