"""Memory as the server uses it: recall before an answer, store after it, and a person's rights over their memory."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import trio

from memory.conversations import Conversations, Earlier, StoredExchange
from memory.delivery import Change, ChangeLog, DeviceRecords, KeptAnswers, LoggedChange
from memory.embedding import Embedder
from memory.enrichment import Describe, Enrichment
from memory.limits import MemoryLimits
from memory.quota import StorageQuota
from memory.recall import Recall, Recalled
from memory.rights import AccountDeletion, Erasure, Export, Forget, Forgotten, Receipt, SignedReceipt
from memory.text import well_formed
from memory.tiers import (
    AssociativeMemory,
    CoreMemory,
    EntityChange,
    EntityMemory,
    EpisodicMemory,
    Exchange,
    conversation_key,
)
from memory.vault import Vault
from person import StatedLocale


class MemoryMiddleware:
    """The four tiers of every user. Start `enrichment.run` in the server's nursery.

    Every method raises `NoSuchUser`, `WrongMasterKey`, `MissingKeyShare` and the database's errors; the caller decides
    whether to go on without memory. Text enters memory here, so invalid Unicode is repaired here (`well_formed`).
    A preference with invalid Unicode is refused.
    """

    def __init__(
        self,
        vault: Vault,
        embedder: Embedder | None = None,
        *,
        limits: MemoryLimits | None = None,
        enrichment: Enrichment | None = None,
        describe: Describe | None = None,
        change_log: ChangeLog | None = None,
        associative: AssociativeMemory | None = None,
        on_counted: Callable[[UUID, int], None] | None = None,
    ) -> None:
        """`describe` asks a model for summaries and preferences; without it, rules make them.

        `on_counted` is called with the number of memories of each user whose memories were counted for the quota.
        """
        self._vault = vault
        limits = limits or MemoryLimits()
        self.answers = KeptAnswers(vault)
        self.devices = DeviceRecords(vault, limits.devices, keep_s=limits.device_keep_s)
        self.change_log = change_log or ChangeLog(vault)
        self.quota = StorageQuota(vault, limits.stored_memories, limits.stored_bytes, on_counted)
        self.associative = associative or AssociativeMemory(vault, embedder)
        self.enrichment = enrichment or Enrichment(vault, self.associative, limits, describe)
        self.conversations = Conversations(vault)
        self._recall = Recall(vault, self.associative, limits)
        self._core = CoreMemory(vault)
        self._episodic = EpisodicMemory(vault)
        self._entities = EntityMemory(vault, self.associative)
        self._forget = Forget(vault, self.associative)
        self._erasure = Erasure(vault)
        self._deletion = AccountDeletion(vault)
        self._export = Export(vault, self.associative)

    def holding_key(self, user_id: UUID) -> AbstractContextManager[None]:
        """While the context is open, the user's key stays in this process's memory once it was needed."""
        return self._vault.keys.holding(user_id)

    async def enrich_context(
        self,
        user_id: UUID,
        message: str,
        locales: Sequence[StatedLocale] = (),
        at: datetime | None = None,
        conversation_id: str | None = None,
    ) -> Recalled:
        """What is relevant to `message` in all four tiers. `Recalled.prompt` has it as the data for a prompt.

        `locales`: what the request and its device say about the person's time zone. `at`: when it is said; None: now.
        `conversation_id`: its conversation. A short turn before the message says what it is about.
        """
        return await self._recall.recall(user_id, well_formed(message), locales, at, conversation_key(conversation_id))

    async def earlier(self, user_id: UUID, conversation_id: str, tokens: int) -> Earlier:
        """The part of a conversation that fits `tokens` and is shown to a model with the next message."""
        key = conversation_key(conversation_id)
        return Earlier() if key is None else await self.conversations.earlier(user_id, key, tokens)

    async def store_episode(
        self,
        user_id: UUID,
        conversation_id: str | None,
        message: str,
        response: str,
        request_id: UUID | None = None,
        *,
        agent: str | None = None,
        recalled: Sequence[str] = (),
        at: datetime | None = None,
        complete: bool = True,
        time_zone: str | None = None,
        facts: Sequence[Mapping[str, Any]] = (),
        popup: bool = False,
    ) -> bool:
        """Commit an exchange. It is enriched in the background.

        `recalled`: the texts recalled for the answer (`Recalled.texts`), so that they are not learned again. `at`: when
        the person said it; None: now. `complete`: the model finished the response. `time_zone`: where the
        person said it, an IANA name; None: that of their preferences. `facts`, `popup`: see `Exchange`.

        Returns False, and stores nothing, if this request is stored already, or if memory was erased, or the
        conversation forgotten, after `at`.
        """
        stored = await self._episodic.store(
            user_id,
            Exchange(
                well_formed(message),
                well_formed(response),
                None if agent is None else well_formed(agent),
                [well_formed(text) for text in recalled],
                complete,
                time_zone,
                [json.loads(well_formed(json.dumps(fact, ensure_ascii=False, default=str))) for fact in facts],
                popup,
            ),
            conversation_id=conversation_key(conversation_id),
            request_id=request_id or uuid4(),
            at=at,
        )
        if stored:
            self.quota.added(user_id, 1, len(message) + len(response))
            self.enrichment.wake(user_id)
        return stored

    async def update_core(self, user_id: UUID, key: str, value: Any) -> None:
        """Set a preference.

        Raises `InvalidCoreValue`, `TooManyPreferences`, and `PreferenceChanged` if another call set or removed it at a
        later time.
        """
        await self._core.update(user_id, key, value)

    async def delete_core(self, user_id: UUID, key: str) -> bool:
        """Remove a preference with its history; returns whether it existed."""
        return await self._core.delete(user_id, well_formed(key))

    async def changed(self, user_id: UUID, changes: Sequence[EntityChange]) -> list[LoggedChange]:
        """Commit changes of entities to memory and to the log of changes. Their vectors are made in the background.

        Returns the number of each change. A change that the log has already is not applied again. Raises
        `InvalidEntity` too; nothing is written then.
        """
        repaired = []
        for change in changes:
            repaired.append(_well_formed(change))
            await trio.lowlevel.checkpoint()  # each may have a megabyte
        changes = repaired
        self._entities.check(changes)
        async with self._vault.writing(user_id) as (connection, key):
            logged = await self.change_log.append_in(connection, user_id, key, [_logged(change) for change in changes])
            new = [change for change, place in zip(changes, logged, strict=True) if place.is_new]
            made = await self._entities.write_in(connection, user_id, key, new) if new else 0
        if any(change.op == "delete" for change in new):
            self.quota.removed(user_id)
        else:
            self.quota.added(user_id, sum(change.op == "create" for change in new), 0)
        if made:
            self.enrichment.wake(user_id)
        return logged

    async def forget(self, user_id: UUID, *items: UUID) -> Forgotten:
        """Remove items of any tier, with everything derived from them; see `memory.rights.Forget.forget`."""
        forgotten = await self._forget.forget(user_id, items)
        if forgotten:
            self.quota.removed(user_id)
            self.enrichment.wake(user_id)
        return forgotten

    async def forget_about(self, user_id: UUID, subject: str, *, everything: bool = False) -> Forgotten | int:
        """Forget what the person stated about `subject`; see `memory.rights.Forget.forget_about`."""
        forgotten = await self._forget.forget_about(user_id, well_formed(subject), everything=everything)
        if isinstance(forgotten, Forgotten) and forgotten:
            self.quota.removed(user_id)
            self.enrichment.wake(user_id)
        return forgotten

    async def forget_latest(self, user_id: UUID, conversation_id: str) -> Forgotten:
        """Forget the latest exchange of a conversation."""
        latest = await self.latest(user_id, conversation_id)
        return Forgotten() if latest is None else await self.forget(user_id, latest.id)

    async def latest(self, user_id: UUID, conversation_id: str) -> StoredExchange | None:
        """The latest exchange of a conversation; None if it has none that can be decrypted."""
        key = conversation_key(conversation_id)
        found = [] if key is None else (await self.conversations.exchanges(user_id, key, 1)).items
        return found[0] if found else None

    async def preview_forgetting(self, user_id: UUID, *items: UUID) -> Forgotten:
        """What `forget` would remove."""
        return await self._forget.preview(user_id, items)

    async def forget_conversation(self, user_id: UUID, conversation_id: str) -> Forgotten:
        """Forget every exchange of a conversation, and its title. False if the conversation has no exchange."""
        key = conversation_key(conversation_id)
        forgotten = Forgotten() if key is None else await self._forget.forget_conversation(user_id, key)
        if forgotten:
            self.quota.removed(user_id)
            self.enrichment.wake(user_id)
        return forgotten

    async def delete_account(self, user_id: UUID) -> SignedReceipt:
        """Delete the user with everything that is stored; see `memory.rights.AccountDeletion.delete`."""
        return await self._deletion.delete(user_id)

    async def erase(self, user_id: UUID) -> Receipt:
        """Remove all of the user's memory and destroy their key."""
        receipt = await self._erasure.erase(user_id)
        self.quota.removed(user_id)
        return receipt

    async def receipts(self, user_id: UUID) -> list[SignedReceipt]:
        """The signed receipts of the user's erasures, newest first."""
        return await self._erasure.receipts(user_id)

    def export(self, user_id: UUID) -> AsyncGenerator[list[dict[str, Any]], None]:
        """All of a user's memory, in pages of records. Consume it in `contextlib.aclosing`."""
        return self._export.pages(user_id)


def _logged(change: EntityChange) -> Change:
    body: dict[str, Any] = {"op": change.op, "entity": change.entity, "id": change.id}
    body |= {} if change.data is None else {"data": change.data}
    body |= {} if change.request_id is None else {"request_id": str(change.request_id)}
    return Change(change.mutation_id, change.device_id, body)


def _well_formed(change: EntityChange) -> EntityChange:
    data = None if change.data is None else json.loads(well_formed(json.dumps(change.data, ensure_ascii=False)))
    return replace(change, entity=well_formed(change.entity), id=well_formed(change.id), data=data)
