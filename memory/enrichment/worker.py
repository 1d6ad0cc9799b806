"""What is made of an episode after it has been committed: summary, preferences, searchable memories, patterns.

Work is claimed in a short transaction (`queue.py`), done with no connection held, and committed in another,
under the user's key as it is then. Any number of servers share it. What was taken by one that is killed is due again
when its lease ends, and only who still holds the claim commits, so that each episode is enriched once.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

import numpy as np
import trio

from memory.crypto import Vectors, seal
from memory.enrichment.preferences import stated_preferences
from memory.enrichment.queue import Claim, Claims, Episode
from memory.enrichment.vectors_later import VectorsLater
from memory.keys import MissingKeyShare, UserKey, WrongMasterKey
from memory.limits import MemoryLimits
from memory.text import summarise, worth_learning
from memory.tiers import (
    CoreMemory,
    Document,
    InvalidCoreValue,
    MemoryStore,
    PreferenceChanged,
    ProactiveMemory,
    TooManyPreferences,
    among_in,
    forgotten_in,
    identity,
    previous_turns,
    summary_purpose,
    told_apart,
)
from memory.vault import NoSuchUser, Vault
from sql.driver import Connection, DatabaseUnavailable
from sql.pool import PoolTimeout
from sql.tenant import listing

logger = logging.getLogger(__name__)

Outcome = Literal["enriched", "unreadable", "postponed", "given_up"]

_USERS_AT_ONCE: Final = 50
_MAX_ATTEMPTS_WITH_MODELS: Final = 5
_MAX_ATTEMPTS: Final = 20
_RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Description:
    """What a model says of an exchange: one line about it, and the preferences stated in it, by name."""

    summary: str
    preferences: Mapping[str, str] = field(default_factory=dict)


Describe = Callable[[str, str], Awaitable[Description | None]]
"""Given message and response; None when there is nothing usable. May raise anything, and take too long."""


class _EmbeddingFailed(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Enriched:
    episode: Episode
    summary: str
    preferences: Mapping[str, str]
    learned: str | None


class Enrichment:
    """The background worker; `run` it in the server's nursery."""

    def __init__(
        self,
        vault: Vault,
        store: MemoryStore,
        limits: MemoryLimits,
        describe: Describe | None = None,
        on_outcome: Callable[[Outcome, int], None] | None = None,
    ) -> None:
        self._vault = vault
        self._store = store
        self._limits = limits
        self._describe = describe
        self._on_outcome = on_outcome or _unheard
        self._claims = Claims(vault, limits)
        self._core = CoreMemory(vault)
        self._proactive = ProactiveMemory(vault)
        self._vectors_later = VectorsLater(vault, store, limits)
        self._woken = trio.Event()
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Users whose episodes were due at the last look and are not dealt with yet; a look sees 50 at most."""
        return self._waiting

    def wake(self) -> None:
        """There is work: do not wait for the next look."""
        self._woken.set()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work for ever: first what was left by a server that ended, then what comes. Survives a lost database."""
        task_status.started()
        while True:
            self._woken = trio.Event()
            # The border of the worker: one failed round must not end it, nor the server.
            try:
                count = await self.run_once()
            except (DatabaseUnavailable, PoolTimeout) as error:
                logger.warning("enrichment waits for the database: %s", error)
                await trio.sleep(_RETRY_S)
                continue
            except Exception:
                logger.exception("a round of enrichment failed")
                count = 0
            if not count:
                with trio.move_on_after(self._limits.idle_s):
                    await self._woken.wait()

    async def run_once(self) -> int:
        """Enrich what is due now and not taken by others; returns how many episodes and memories were dealt with.

        What fails is put off and holds up nothing else. Raises the database's errors when no work can be listed.
        """
        async with listing(self._vault.pool) as connection:
            cursor = await connection.execute(self._vault.statements["pending_users"], {"limit": _USERS_AT_ONCE})
        count, users = 0, await cursor.fetchall()
        self._waiting = len(users)
        for (user_id,) in users:
            count += await self._enrich_user(user_id)
            self._waiting -= 1
        return count + await self._vectors_later.run_once()

    async def _enrich_user(self, user_id: UUID) -> int:
        try:
            limit = self._limits.claim if self._describe is None else self._limits.describing_at_once
            claim = await self._claims.take(user_id, limit)
        except (WrongMasterKey, MissingKeyShare, NoSuchUser) as error:
            logger.warning("the episodes of user %s can't be enriched now: %s", user_id, error)
            self._on_outcome("postponed", 1)
            return 0
        # The border of one user's work: others' goes on.
        except Exception as error:  # noqa: BLE001
            logger.warning("episodes can't be claimed now: %s", type(error).__name__)
            return 0
        if claim is None:
            return 0
        enriched = await self._all_enriched(claim.episodes)
        if not await self._stored(claim, enriched, claim.unreadable):
            # Together they fail: each alone, so that one bad episode keeps no other from being stored.
            for one in enriched if len(claim.attempts) > 1 else ():
                await self._stored(claim, [one], [])
        return len(claim.attempts)

    async def _stored(self, claim: Claim, enriched: Sequence[_Enriched], unreadable: Sequence[UUID]) -> bool:
        """Embed and commit; what fails alone is put off, or given up after many times. Whether it was committed."""
        ids = [one.episode.id for one in enriched] + list(unreadable)
        try:
            documents, vectors = await self._embedded(claim, enriched)
            facts = await self._proactive.facts(claim.user_id, self._limits.mined_episodes, claim.zone)
            async with self._vault.writing(claim.user_id) as (connection, user_key):
                await self._commit(connection, user_key, claim, enriched, unreadable, documents, vectors)
                await self._proactive.mine_in(connection, claim.user_id, user_key, facts)
        except PoolTimeout:
            raise  # there is no database just now; the leases end by themselves
        # The border of an episode: whatever is wrong with it, the others' work goes on.
        except Exception as error:
            logger.warning("enriching %d episodes failed: %s", len(ids), type(error).__name__)
            logger.debug("the failure", exc_info=error)
            if len(claim.attempts) == 1 or len(ids) == 1:
                await self._put_off(claim, ids[0])
            return False
        self._on_outcome("enriched", len(enriched))
        self._on_outcome("unreadable", len(unreadable))
        return True

    async def _put_off(self, claim: Claim, id_: UUID) -> None:
        attempts = claim.attempts[id_]
        try:
            await self._claims.postpone(claim.user_id, claim.id, {id_: attempts})
            self._on_outcome("postponed", 1)
            if attempts >= _MAX_ATTEMPTS:
                logger.error("an episode is not enriched: it failed %d times", attempts)
                async with self._vault.writing(claim.user_id) as (connection, _):
                    values = {"user_id": claim.user_id, "id": id_}
                    await connection.execute(self._vault.statements["pending_done"], values)
                self._on_outcome("given_up", 1)
        # Without the database the lease ends by itself.
        except (DatabaseUnavailable, PoolTimeout, NoSuchUser) as error:
            logger.warning("an episode waits for its lease to end: %s", type(error).__name__)

    async def _embedded(
        self, claim: Claim, enriched: Sequence[_Enriched]
    ) -> tuple[list[Document | None], list[Vectors | None]]:
        """A document per episode and a vector per document, None where there is none."""
        documents = [self._document(claim, one) for one in enriched]
        texts = [document for document in documents if document is not None]
        vectors = await self._store.embed(texts)
        if texts and vectors is None and self._store.embedder is not None:
            if max(one.episode.attempts for one in enriched) <= _MAX_ATTEMPTS_WITH_MODELS:
                raise _EmbeddingFailed
            logger.warning("%d memories are stored without vectors, for they cannot be embedded", len(texts))
        rows: Iterator[Vectors] = iter(vectors if vectors is not None else [])
        return documents, [next(rows, None) if document is not None else None for document in documents]

    def _document(self, claim: Claim, one: _Enriched) -> Document | None:
        if one.learned is None:
            return None
        episode = one.episode
        return Document(
            one.learned,
            episode.at.astimezone(claim.zone),
            source="episode",
            source_id=episode.id,
            previous=told_apart(one.learned, episode.previous),
        )

    async def _all_enriched(self, episodes: Sequence[Episode]) -> list[_Enriched]:
        """In the order of `episodes`; models are asked about several at a time."""
        found: dict[UUID, _Enriched] = {}

        async def enrich(episode: Episode) -> None:
            found[episode.id] = await self._enrich(episode)

        async with trio.open_nursery() as nursery:
            for episode in episodes:
                nursery.start_soon(enrich, episode)
        return [found[episode.id] for episode in episodes]

    async def _enrich(self, episode: Episode) -> _Enriched:
        exchange = episode.exchange
        description = await self._described(episode)
        if description is None:
            stated = {preference.key: preference.value for preference in stated_preferences(exchange.message)}
            description = Description(summarise(exchange.message, exchange.response), stated)
        learned = worth_learning(exchange.message, exchange.response, exchange.recalled)
        return _Enriched(episode, description.summary, description.preferences, learned)

    async def _described(self, episode: Episode) -> Description | None:
        if self._describe is None or episode.attempts > _MAX_ATTEMPTS_WITH_MODELS:
            return None
        try:
            with trio.move_on_after(self._limits.describe_s):
                return await self._describe(episode.exchange.message, episode.exchange.response)
        # The border of a model's call: rules take over.
        except Exception as error:  # noqa: BLE001
            logger.warning("an exchange could not be described by the model: %s", type(error).__name__)
        return None

    async def _commit(
        self,
        connection: Connection,
        user_key: UserKey,
        claim: Claim,
        enriched: Sequence[_Enriched],
        unreadable: Sequence[UUID],
        documents: Sequence[Document | None],
        vectors: Sequence[Vectors | None],
    ) -> None:
        user_id, statements = claim.user_id, self._vault.statements
        held = await self._claims.still(connection, claim)
        forgotten = await forgotten_in(connection, self._vault, user_id, user_key)
        before = await previous_turns(self._vault, connection, user_id, user_key, [one.episode.id for one in enriched])
        for one, document, vector in zip(enriched, documents, vectors, strict=True):
            episode = one.episode
            if episode.id not in held:
                continue  # forgotten, erased, or taken over after the lease
            said = set(forgotten.of_sayings(episode.exchange.message, episode.exchange.response))
            # Dropped when it says nothing but what was forgotten: a sentence in common is no repetition.
            if said and said == await among_in(connection, self._vault, user_id, said, episode.at):
                await connection.execute(statements["episode_forget"], {"user_id": user_id, "ids": [episode.id]})
                continue
            if document is not None:
                # A vector that knows of a turn which was forgotten meanwhile is not kept.
                stale = document.previous is not None and before.get(episode.id) != episode.previous
                put = None if vector is None or stale else np.asarray([vector], np.float32)
                await self._store.put_in(connection, user_id, user_key, [document], put, merge=True)
                if vector is not None and stale:
                    values = {"user_id": user_id, "content_digest": identity(user_key, document)}
                    await connection.execute(statements["unembedded_add"], values)
            await self._finish(connection, user_id, user_key, one)
        # What does not open under a key that has been replaced since may open under the new one: its lease will end.
        hopeless = unreadable if user_key.key == claim.user_key.key else ()
        for id_ in held & {*(one.episode.id for one in enriched), *hopeless}:
            await connection.execute(statements["pending_done"], {"user_id": user_id, "id": id_})

    async def _finish(self, connection: Connection, user_id: UUID, user_key: UserKey, one: _Enriched) -> None:
        episode = one.episode
        for key, value in sorted(one.preferences.items()):
            try:
                await self._core.set_in(connection, user_id, user_key, key, value, episode.at, episode.id)
            except (InvalidCoreValue, TooManyPreferences, PreferenceChanged) as error:
                logger.info("a learned preference is not kept: %s", str(error) or type(error).__name__)
        values = {
            "user_id": user_id,
            "id": episode.id,
            "summary_encrypted": seal(user_key.fernet, summary_purpose(episode.id), one.summary),
        }
        await connection.execute(self._vault.statements["episode_enriched"], values)


def _unheard(outcome: Outcome, count: int) -> None:
    del outcome, count
