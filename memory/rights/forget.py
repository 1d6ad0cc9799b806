"""Forgets one item, together with its sources, what was learned from them, and episodes that say the same."""

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
from memory.text import restates, statements
from memory.tiers import (
    AssociativeMemory,
    CoreMemory,
    EpisodicMemory,
    Exchange,
    ProactiveMemory,
    Tombstones,
)
from memory.vault import Tier, Vault
from sql.driver import Connection, Cursor
from sql.statements import StatementName

_PAGE: Final = 200
_NO_ID: Final = UUID(int=0)


@dataclass(slots=True)
class _Group:
    """Items and episodes to remove together. `stated` has the statements of each forgotten exchange
    (`memory.text.statements`)."""

    items: set[UUID]
    episodes: set[UUID] = field(default_factory=set)
    stated: list[list[frozenset[str]]] = field(default_factory=list)


class Forget:
    """Removes single items of memory for good."""

    def __init__(self, vault: Vault, associative: AssociativeMemory) -> None:
        self._vault = vault
        self._associative = associative
        self._core = CoreMemory(vault)
        self._episodic = EpisodicMemory(vault)
        self._proactive = ProactiveMemory(vault)

    async def forget(self, user_id: UUID, item_id: UUID) -> list[Tier]:
        """Remove the item with this id from whichever tier it is in; returns the tiers that lost rows, or [].

        Removed too: the episodes in which a memory or a preference was stated, what was learned from an episode, and
        episodes that repeat all of its statements. Patterns lose these episodes. Tombstones stay, so that work in
        progress does not restore what was forgotten; if it is said again later, it is learned again. A forgotten
        pattern is never found again. Raises like `Vault.key`, and the database's errors.
        """
        # Read everything before locking the key: reading many episodes takes long, and storing answers needs the lock.
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
            group.stated.append(statements(exchange.message, exchange.response))
        if any(group.stated):
            async with aclosing(self._all_exchanges(user_id)) as exchanges:
                async for id_, exchange in exchanges:
                    if any(restates(stated, exchange.message, exchange.response) for stated in group.stated):
                        group.episodes.add(id_)
        return group

    async def _rows(
        self, user_id: UUID, statement: StatementName, **values: object
    ) -> tuple[UserKey, list[tuple[Any, ...]]]:
        """Rows, and the key that decrypts them."""

        async def queue(connection: Connection, _: UserKey) -> Cursor:
            return await connection.execute(self._vault.statements[statement], {"user_id": user_id, **values})

        key, cursor = await self._vault.consistent(user_id, queue)
        return key, await cursor.fetchall()

    async def _add_memories(self, user_id: UUID, group: _Group) -> None:
        """Add the memories of the group's items and episodes, and the sources of these, until nothing is added."""
        known: set[UUID] = set()
        while known != (known := group.items | group.episodes):
            key, rows = await self._rows(user_id, "associative_of_items", ids=list(known))
            for id_, source, source_id, earlier, document_key, token, *_ in rows:
                if id_ in group.items and source == "document" and not group.stated:
                    with suppress(Unreadable):
                        group.stated.append(
                            statements(self._associative.read(key.fernet, document_key, token).text, "")
                        )
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
        sql = self._vault.statements
        tombstones = await Tombstones.read_for_adding(connection, self._vault, user_id, user_key)
        ids = {"user_id": user_id, "ids": list(group.items | group.episodes)}
        # Read the memories again, because some may have been learned from these episodes since.
        memories = await (await connection.execute(sql["associative_of_items"], ids)).fetchall()
        digests = tombstones.of_statements(words for stated in group.stated for words in stated)
        digests += _entity_digests(tombstones, memories)
        learned = await connection.execute(
            sql["associative_forget"], {"user_id": user_id, "ids": [row[0] for row in memories]}
        )
        # The vectors of the next turns include the forgotten text, so they are computed again.
        episodes = {"user_id": user_id, "ids": list(group.episodes)}
        await connection.execute(sql["associative_unembed_after"], episodes)
        episodic = await connection.execute(sql["episode_forget"], episodes)
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
            await tombstones.add(digests, datetime.now(UTC))
        return tiers


def _entity_digests(tombstones: Tombstones, memories: Sequence[tuple[Any, ...]]) -> list[bytes]:
    return [
        digest
        for *_, entity_type, entity_id in memories
        if entity_type is not None
        for digest in tombstones.of_entity((entity_type, entity_id))
    ]
