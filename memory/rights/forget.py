"""Forgetting one item: it, what it came from, what came of that, and what said the same."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import trio

from memory.crypto import Unreadable
from memory.keys import UserKey
from memory.text import says_again, told
from memory.tiers import (
    CoreMemory,
    EpisodicMemory,
    Exchange,
    Forgotten,
    MemoryStore,
    ProactiveMemory,
    add_in,
    entity_digests,
    forgetting_in,
)
from memory.vault import Tier, Vault
from sql.driver import Connection, Cursor
from sql.statements import StatementName

_PAGE: Final = 200
_NO_ID: Final = UUID(int=0)


@dataclass(slots=True)
class _Group:
    """What goes together. `sayings` are what the person is having forgotten: the statements of each exchange, as words
    (`memory.text.learning.told`)."""

    items: set[UUID]
    episodes: set[UUID] = field(default_factory=set)
    sayings: list[list[frozenset[str]]] = field(default_factory=list)


class ItemForgetting:
    """Removes single memories for good."""

    def __init__(self, vault: Vault, store: MemoryStore) -> None:
        self._vault = vault
        self._store = store
        self._core = CoreMemory(vault)
        self._episodic = EpisodicMemory(vault)
        self._proactive = ProactiveMemory(vault)

    async def forget(self, user_id: UUID, item_id: UUID) -> list[Tier]:
        """Remove the item with this id, whatever its tier; returns where something was removed, empty when nowhere.

        With a memory or a preference go the episodes in which it was said, with an episode what was learned from it,
        and with both every episode that says all of it again. Patterns lose what they were based on. Of what is
        forgotten keyed digests stay, so that no work in progress brings it back: said anew later, it is learned anew.
        A forgotten pattern is never found again. Raises like `Vault.key`, and the database's errors.
        """
        # Everything is read before the key is held, for reading many episodes takes long and answers want to be stored.
        group = await self._group(user_id, item_id)
        async with self._vault.writing(user_id) as (connection, user_key):
            return await self._remove_in(connection, user_id, user_key, group, item_id)

    async def _group(self, user_id: UUID, item_id: UUID) -> _Group:
        group = _Group({item_id})
        _, of_item = await self._rows(user_id, "episodes_present", ids=[item_id])
        group.episodes |= {row[0] for row in of_item}
        key, core = await self._rows(user_id, "core_all")
        group.episodes |= self._core.sources(key.fernet, core, item_id)
        await self._add_memories(user_id, group)
        for _, exchange in self._read(*await self._rows(user_id, "episode_exchange", ids=list(group.episodes))):
            group.sayings.append(told(exchange.message, exchange.response))
        if any(group.sayings):
            async with aclosing(self._all_exchanges(user_id)) as exchanges:
                async for id_, exchange in exchanges:
                    if any(says_again(saying, exchange.message, exchange.response) for saying in group.sayings):
                        group.episodes.add(id_)
        return group

    async def _rows(
        self, user_id: UUID, statement: StatementName, **values: object
    ) -> tuple[UserKey, list[tuple[Any, ...]]]:
        """Rows, and the key that they are under."""

        async def queue(connection: Connection, _: UserKey) -> Cursor:
            return await connection.execute(self._vault.statements[statement], {"user_id": user_id, **values})

        key, cursor = await self._vault.consistent(user_id, queue)
        return key, await cursor.fetchall()

    async def _add_memories(self, user_id: UUID, group: _Group) -> None:
        """The memories of the group's items and episodes, and the episodes that these were learned from, to the end."""
        known: set[UUID] = set()
        while known != (known := group.items | group.episodes):
            key, rows = await self._rows(user_id, "associative_of_items", ids=list(known))
            for id_, source, source_id, earlier, content_digest, token, *_ in rows:
                if id_ in group.items and source == "document" and not group.sayings:
                    with suppress(Unreadable):
                        group.sayings.append(told(self._store.read(key.fernet, content_digest, token).text, ""))
                group.items.add(id_)
                group.episodes |= {source_id, *earlier} - {None}

    async def _all_exchanges(self, user_id: UUID) -> AsyncGenerator[tuple[UUID, Exchange], None]:
        after = _NO_ID
        while True:
            key, rows = await self._rows(user_id, "episodes_page", after=after, limit=_PAGE)
            for found in self._read(key, [(row[0], row[4]) for row in rows]):
                yield found
                await trio.lowlevel.checkpoint()
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def _read(self, key: UserKey, rows: Sequence[tuple[Any, ...]]) -> list[tuple[UUID, Exchange]]:
        found = []
        for id_, token in rows:
            with suppress(Unreadable):
                found.append((id_, self._episodic.read_exchange(key.fernet, id_, token)))
        return found

    async def _remove_in(
        self, connection: Connection, user_id: UUID, user_key: UserKey, group: _Group, item_id: UUID
    ) -> list[Tier]:
        statements = self._vault.statements
        forgetting = await forgetting_in(connection, self._vault, user_id, user_key)
        ids = {"user_id": user_id, "ids": list(group.items | group.episodes)}
        # Once more, for what was learned of these episodes since they were looked at.
        memories = await (await connection.execute(statements["associative_of_items"], ids)).fetchall()
        digests = forgetting.of_statements(words for saying in group.sayings for words in saying)
        digests += _entity_digests(forgetting, memories)
        learned = await connection.execute(
            statements["associative_forget"], {"user_id": user_id, "ids": [row[0] for row in memories]}
        )
        # What was said next has been embedded with what is now forgotten.
        episodes = {"user_id": user_id, "ids": list(group.episodes)}
        await connection.execute(statements["associative_unembed_after"], episodes)
        episodic = await connection.execute(statements["episode_forget"], episodes)
        core = await self._core.forget_in(connection, user_id, user_key, item_id, group.episodes)
        patterns = await self._proactive.forget_in(connection, user_id, user_key, item_id, group.episodes)
        removed: list[tuple[Tier, int]] = [
            ("associative", learned.rowcount),
            ("episodic", episodic.rowcount),
            ("core", core),
            ("proactive", patterns),
        ]
        tiers: list[Tier] = [tier for tier, count in removed if count]
        if tiers:
            await add_in(connection, self._vault, user_id, digests, datetime.now(UTC))
        return tiers


def _entity_digests(forgetting: Forgotten, memories: Sequence[tuple[Any, ...]]) -> list[bytes]:
    return [
        digest
        for *_, entity_type, entity_id in memories
        if entity_type is not None
        for digest in entity_digests(forgetting, (entity_type, entity_id))
    ]
