"""Commits enriched episodes, under the user's key at the time of the commit."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final
from uuid import UUID

import trio

from memory.enrichment.enriched import Enriched
from memory.enrichment.queue import Claim
from memory.keys import UserKey
from memory.text import Said, is_specific
from memory.tiers import (
    AssociativeMemory,
    ConversationTitles,
    CoreMemory,
    DocumentVectors,
    InvalidCoreValue,
    PreferenceChanged,
    ProactiveMemory,
    SightedRows,
    Tombstones,
    TooManyPreferences,
    document_key,
    seal_summary,
    turns_in,
)
from memory.vault import IndexKind, Vault
from sql.driver import Connection, Cursor
from sql.statements import StatementName

logger = logging.getLogger(__name__)

_READS: Final[tuple[StatementName, ...]] = ("pending_claimed", "forgetting_state", "episodes_before")


@dataclass(frozen=True, slots=True)
class _Reads:
    """The reads that are queued together with the lock on the user's key."""

    claimed: Cursor
    state: Cursor
    turns: Cursor
    index: tuple[Cursor, Cursor]
    habits: SightedRows


class EnrichmentCommit:
    """Writes summaries, preferences, memories and patterns in one transaction."""

    def __init__(self, vault: Vault, associative: AssociativeMemory, mined_episodes: int) -> None:
        """`mined_episodes`: how many of the newest episodes are searched for patterns."""
        self._vault = vault
        self._associative = associative
        self._mined_episodes = mined_episodes
        self._core = CoreMemory(vault)
        self._titles = ConversationTitles(vault)
        self._proactive = ProactiveMemory(vault)

    async def commit(
        self,
        claim: Claim,
        zone: tzinfo,
        enriched: Sequence[tuple[Enriched, DocumentVectors | None]],
        unreadable: Collection[UUID],
        *,
        counted: bool,
    ) -> None:
        """Store the episodes that the claim still holds, with their vectors, and remove them from the queue.

        `unreadable` episodes are removed from the queue too. `counted`: see `EpisodeClaim`.

        Raises like `Vault.key`, and the database's errors.
        """
        # Once per user: the episodes that were stored before each was counted when it was enriched.
        earlier = () if counted else await self._proactive.facts(claim.user_id, self._mined_episodes, zone)
        facts = list({fact.id: fact for fact in [*earlier, *(one.facts for one, _ in enriched)]}.values())
        seen = await self._proactive.sighted(claim.user_key, facts)
        user_id, statements = claim.user_id, self._vault.statements
        values = {"user_id": user_id, "claim": claim.id, "ids": [one.episode.id for one, _ in enriched]}

        async def queue(connection: Connection) -> _Reads:
            claimed, state, turns = [await connection.execute(statements[name], values) for name in _READS]
            index = await self._associative.segments.queue_kind(connection, user_id)
            return _Reads(claimed, state, turns, index, await self._proactive.queue_rows(connection, user_id, seen))

        async with self._vault.writing_with(user_id, queue) as (connection, user_key, reads):
            tombstones = Tombstones.of(connection, self._vault, user_id, user_key, await reads.state.fetchone())
            gone = await self._commit(connection, user_key, claim, enriched, unreadable, reads, tombstones)
            counted_in, rows = seen, reads.habits
            if user_key.key != seen.key or gone:
                # The digests are those of a replaced key, or an episode is not to be counted.
                kept = [fact for fact in facts if fact.id not in gone]
                counted_in = await self._proactive.sighted(user_key, kept)
                rows = await self._proactive.queue_rows(connection, user_id, counted_in)
            await self._proactive.count_in(connection, user_id, user_key, counted_in, rows, tombstones)

    async def give_up(self, claim: Claim, id_: UUID) -> None:
        """Remove an episode from the queue without enriching it; it keeps the summary it was stored with."""
        async with self._vault.writing(claim.user_id) as (connection, _):
            values = {"user_id": claim.user_id, "id": id_}
            await connection.execute(self._vault.statements["pending_done"], values)

    async def _commit(
        self,
        connection: Connection,
        user_key: UserKey,
        claim: Claim,
        enriched: Sequence[tuple[Enriched, DocumentVectors | None]],
        unreadable: Collection[UUID],
        reads: _Reads,
        tombstones: Tombstones,
    ) -> set[UUID]:
        """Returns the ids of the episodes that were not stored."""
        user_id, statements = claim.user_id, self._vault.statements
        ids = [one.episode.id for one, _ in enriched]
        # No other worker can claim these episodes until the transaction ends.
        held = {row[0] for row in await reads.claimed.fetchall()}
        before = await turns_in(self._vault, user_key, await reads.turns.fetchall())
        index = await self._associative.segments.kind_of(connection, user_id, reads.index)
        forgotten = await self._forgotten(tombstones, [one for one, _ in enriched])
        stored = set()
        for one, vector in enriched:
            if one.episode.id not in held:
                continue  # forgotten, erased, or claimed by another worker after the lease
            if one.episode.id in forgotten:
                await connection.execute(statements["episode_forget"], {"user_id": user_id, "ids": [one.episode.id]})
                continue
            await self._learn(connection, user_key, index, one, vector, before.get(one.episode.id))
            await self._describe(connection, user_id, user_key, one)
            stored.add(one.episode.id)
        # An episode that can't be decrypted with a replaced key may be readable with the new one: its lease will end.
        hopeless = unreadable if user_key.key == claim.user_key.key else ()
        for id_ in held & {*ids, *hopeless}:
            await connection.execute(statements["pending_done"], {"user_id": user_id, "id": id_})
        return {*ids} - stored

    async def _forgotten(self, tombstones: Tombstones, enriched: Sequence[Enriched]) -> set[UUID]:
        """The episodes that contain only statements that the person has had forgotten since. One round trip.

        All statements of the message must be forgotten. If it states nothing, one sentence of the answer that repeats a
        forgotten statement is enough.
        """
        if not tombstones.can_exist:
            return set()
        digests: dict[UUID, tuple[set[bytes], set[bytes], bool]] = {}

        def add(one: Enriched) -> None:
            said = Said.of(one.episode.exchange.message, one.episode.exchange.response)
            specific = tombstones.of_statements(words for words in said.sentences if is_specific(words))
            digests[one.episode.id] = set(tombstones.of_said(said)), set(specific), bool(said.stated)

        for one in enriched:
            # Analysing a long answer would block the event loop for tens of milliseconds.
            await trio.to_thread.run_sync(add, one)
        everything = {digest for own, answered, _ in digests.values() for digest in own | answered}
        until = await tombstones.until(everything, min(one.episode.at for one in enriched)) if everything else {}
        gone = set()
        for one in enriched:
            own, answered, states = digests[one.episode.id]
            found = {digest for digest in own | answered if digest in until and until[digest] >= one.episode.at}
            if found and (own <= found or not states):
                gone.add(one.episode.id)
        return gone

    async def _learn(
        self,
        connection: Connection,
        user_key: UserKey,
        index: IndexKind,
        one: Enriched,
        vectors: DocumentVectors | None,
        previous: str | None,
    ) -> None:
        """Store the document. `previous` is the present turn before the episode."""
        document, user_id = one.document, user_key.user_id
        if document is None:
            return
        # A vector that includes a previous turn which was forgotten since is not stored.
        stale = document.previous is not None and previous != one.episode.previous
        stored = None if vectors is None or stale else [vectors]
        await self._associative.put_in(connection, user_id, user_key, [document], stored, merge=True, index=index)
        if vectors is not None and stale:
            values = {"user_id": user_id, "content_digest": document_key(user_key, document)}
            await connection.execute(self._vault.statements["unembedded_add"], values)

    async def _describe(self, connection: Connection, user_id: UUID, user_key: UserKey, one: Enriched) -> None:
        episode = one.episode
        for preference in sorted(one.preferences, key=lambda preference: preference.key):
            key, value = preference.key, preference.value
            try:
                if value is None:
                    await self._core.take_back_in(connection, user_id, user_key, key, episode.at, preference.was)
                else:
                    await self._core.set_in(connection, user_id, user_key, key, value, episode.at, episode.id)
            except (InvalidCoreValue, TooManyPreferences, PreferenceChanged) as error:
                logger.info("a preference found in an exchange is not stored: %s", str(error) or type(error).__name__)
        values = {
            "user_id": user_id,
            "id": episode.id,
            "summary_encrypted": seal_summary(
                user_key.cipher, episode.id, one.description.summary, complete=episode.exchange.complete
            ),
        }
        await connection.execute(self._vault.statements["episode_enriched"], values)
        if episode.conversation_id:
            title = one.description.title or episode.exchange.message
            await self._titles.add_in(connection, user_id, user_key, episode.conversation_id, episode.id, title)
