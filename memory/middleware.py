"""Memory as the server uses it: recall before an answer, remember after it, and what a person may do with their own."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from memory.crypto import well_formed
from memory.embedding import Embedder
from memory.enrichment import Describe, Enrichment
from memory.limits import MemoryLimits
from memory.recall import Recall, Recalled
from memory.rights import Export, Forgetting, ItemForgetting, Receipt
from memory.tiers import CoreMemory, EntityChange, EntityMemory, EpisodicMemory, Exchange, MemoryStore
from memory.vault import Tier, Vault


class MemoryMiddleware:
    """The four tiers of every user. Wraps each answer; run `enrichment` beside it.

    Every method raises `NoSuchUser`, `WrongMasterKey`, `MissingKeyShare` and
    the database's errors, and leaves it to the caller to go on without memory. Text that is not well-formed Unicode is
    made so (`memory.crypto.well_formed`), except in preferences, which are refused.
    """

    def __init__(
        self,
        vault: Vault,
        embedder: Embedder | None = None,
        *,
        limits: MemoryLimits | None = None,
        enrichment: Enrichment | None = None,
        describe: Describe | None = None,
    ) -> None:
        """`describe` asks a model for summaries and preferences; without it rules make them."""
        limits = limits or MemoryLimits()
        self.store = MemoryStore(vault, embedder)
        self.enrichment = enrichment or Enrichment(vault, self.store, limits, describe)
        self._recall = Recall(vault, self.store, limits)
        self._core = CoreMemory(vault)
        self._episodic = EpisodicMemory(vault)
        self._entities = EntityMemory(vault, self.store)
        self._items = ItemForgetting(vault, self.store)
        self._forgetting = Forgetting(vault)
        self._export = Export(vault, self.store)

    async def enrich_context(self, user_id: UUID, message: str) -> dict[str, Any]:
        """What memory holds that bears on `message`: all four tiers, by name, as plain data."""
        return (await self.recall(user_id, message)).context()

    async def recall(self, user_id: UUID, message: str) -> Recalled:
        """`enrich_context` before it is made plain."""
        return await self._recall.recall(user_id, well_formed(message))

    async def store_episode(
        self,
        user_id: UUID,
        session_id: str | None,
        message: str,
        response: str,
        request_id: UUID | None = None,
        *,
        agent: str | None = None,
        recalled: Sequence[str] = (),
        at: datetime | None = None,
    ) -> bool:
        """Commit an exchange, and have the rest made of it in the background.

        `recalled` are the texts that memory contributed, so that they are not learned again; `at` is when the person
        said it, None: now. False: this request is stored already, or memory was erased since `at`.
        """
        stored = await self._episodic.store(
            user_id,
            Exchange(
                well_formed(message),
                well_formed(response),
                None if agent is None else well_formed(agent),
                [well_formed(text) for text in recalled],
            ),
            session_id=None if session_id is None else well_formed(session_id),
            request_id=request_id or uuid4(),
            at=at,
        )
        if stored:
            self.enrichment.wake()
        return stored

    async def update_core(self, user_id: UUID, key: str, value: Any) -> None:
        """Set a preference.

        Raises `InvalidCoreValue`, `TooManyPreferences`, and `PreferenceChanged` when another call set or
        removed it meanwhile.
        """
        await self._core.update(user_id, key, value)

    async def delete_core(self, user_id: UUID, key: str) -> bool:
        """Remove a preference with its history; whether there was one."""
        return await self._core.delete(user_id, well_formed(key))

    async def mutated(
        self,
        user_id: UUID,
        op: Literal["create", "update", "delete"],
        entity: str,
        entity_id: str,
        data: Mapping[str, Any] | None,
    ) -> None:
        """The person's entity changed just now: see `changed`."""
        await self.changed(user_id, [EntityChange(op, entity, entity_id, data, datetime.now(UTC))])

    async def changed(self, user_id: UUID, changes: Sequence[EntityChange]) -> None:
        """Commit what became of entities, and have their vectors made in the background.

        Raises `memory.tiers.entities.InvalidEntity` too, and has written nothing then.
        """
        if await self._entities.write(user_id, [_well_formed(change) for change in changes]):
            self.enrichment.wake()

    async def forget(self, user_id: UUID, item_id: UUID) -> list[Tier]:
        """Remove one item of any tier for good; where something was removed, empty when nowhere."""
        return await self._items.forget(user_id, item_id)

    async def erase(self, user_id: UUID) -> Receipt:
        """Remove everything, destroy the key, and say what was done."""
        return await self._forgetting.erase(user_id)

    def export(self, user_id: UUID) -> AsyncGenerator[list[dict[str, Any]], None]:
        """All of a user's memory, a page of records at a time; consume it under `contextlib.aclosing`."""
        return self._export.pages(user_id)


def _well_formed(change: EntityChange) -> EntityChange:
    data = None if change.data is None else json.loads(well_formed(json.dumps(change.data, ensure_ascii=False)))
    return replace(change, entity=well_formed(change.entity), id=well_formed(change.id), data=data)
