"""The background worker: enriches episodes after they are committed.

It claims episodes in a short transaction (`queue.py`), asks the models with no connection held, and commits the result
in another transaction (`commit.py`). Any number of servers share the work. If a server is killed, its episodes are due
again when their lease ends. Only the worker whose claim still holds commits, so each episode is enriched once.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import tzinfo
from typing import Final, Literal
from uuid import UUID

import trio

from memory.enrichment.commit import EnrichmentCommit
from memory.enrichment.enriched import Description, Enriched, enrich, enrich_all
from memory.enrichment.episodes import Episode, EpisodeClaim, EpisodeQueue
from memory.enrichment.missing_vectors import MissingVectors
from memory.keys import MissingKeyShare, WrongMasterKey
from memory.limits import MemoryLimits
from memory.text import well_formed
from memory.tiers import AssociativeMemory, DocumentVectors
from memory.vault import NoSuchUser, Vault
from sql.driver import DatabaseUnavailable
from sql.pool import PoolTimeout

logger = logging.getLogger(__name__)

Outcome = Literal["enriched", "unreadable", "postponed", "given_up"]
Describe = Callable[[str, str], Awaitable[Description | None]]
"""Describes an exchange, given its message and response; None if it can't. It may raise anything, and take too long."""

_MAX_ATTEMPTS_WITH_MODELS: Final = 5
_MAX_ATTEMPTS: Final = 20
_RETRY_S: Final = 1.0


class _EmbeddingFailed(Exception):
    pass


class Enrichment:
    """The worker. Start `run` in the server's nursery."""

    def __init__(
        self,
        vault: Vault,
        associative: AssociativeMemory,
        limits: MemoryLimits,
        describe: Describe | None = None,
        on_outcome: Callable[[Outcome, int], None] | None = None,
        working_for: Callable[[UUID], AbstractContextManager[None]] | None = None,
    ) -> None:
        """`describe` asks a model; without it, rules describe exchanges. `on_outcome` counts episodes by outcome.

        `working_for(user_id)` is entered around the model calls for a user, who is charged for them.
        """
        self._working_for = working_for or _nobody
        self._associative = associative
        self._limits = limits
        self._describe = describe
        self._on_outcome = on_outcome or _ignore
        self._episodes = EpisodeQueue(vault, limits)
        self._commit = EnrichmentCommit(vault, associative, limits.mined_episodes)
        self._missing_vectors = MissingVectors(vault, associative, limits)
        self._woken = trio.Event()
        self._due: set[UUID] = set()
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Users with due episodes in the current round that are not processed yet; a round has at most 50 users."""
        return self._waiting

    def wake(self, user_id: UUID) -> None:
        """Start now on new work of this user. No list of all users is read."""
        self._due.add(user_id)
        self._woken.set()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled, first on what stopped servers left. Survives a lost database connection.

        Users with work that other servers left, or that was postponed, are looked for every `idle_s` seconds (see
        `sql.sweeps`), and again as long as some are found. The users of `wake` are served in every round.
        """
        task_status.started()
        listed_at = -math.inf
        while True:
            self._woken = trio.Event()
            # Error boundary of the worker: a failed round ends neither the worker nor the server.
            try:
                if trio.current_time() - listed_at >= self._limits.idle_s:
                    count = await self.run_once()
                    listed_at = -math.inf if count else trio.current_time()
                else:
                    due, self._due = self._due, set()
                    count = await self._serve(due)
            except (DatabaseUnavailable, PoolTimeout) as error:
                logger.warning("enrichment waits for the database: %s", error)
                await trio.sleep(_RETRY_S)
                listed_at = -math.inf  # the users of this round are still due
                continue
            except Exception:
                logger.exception("a round of enrichment failed")
                count = 0
                # Users of `wake` are served before the list is tried again.
                listed_at = trio.current_time()
            # A user of `wake` may be left from before a list that failed.
            if not count and not self._due:
                with trio.move_on_at(listed_at + self._limits.idle_s):
                    await self._woken.wait()

    async def run_once(self) -> int:
        """Process the work that is due and not claimed by others; returns the number of episodes and memories.

        A failure is postponed and does not block other work. Raises the database's errors if work can't be listed.
        """
        swept = [*await self._episodes.users(), *await self._missing_vectors.users()]
        due, self._due = self._due, set()
        return await self._serve(dict.fromkeys([*due, *swept]))

    async def _serve(self, users: Collection[UUID]) -> int:
        """Process the due work of these users, of some at the same time; returns how much there was.

        Users with work left are served again in the next round.
        """
        limiter, count, self._waiting = trio.CapacityLimiter(self._limits.users_at_once), 0, len(users)
        unavailable: PoolTimeout | None = None

        async def serve(user_id: UUID) -> None:
            nonlocal count, unavailable
            async with limiter:
                try:
                    done = await self._enrich_user(user_id, nursery)
                    done += await self._missing_vectors.embed_user(user_id, nursery)
                    await self._merge(user_id)
                except PoolTimeout as error:
                    unavailable = error
                    nursery.cancel_scope.cancel()
                    return
            self._waiting -= 1
            count += done
            if done:
                self._due.add(user_id)

        async with trio.open_nursery() as nursery:
            for user_id in users:
                nursery.start_soon(serve, user_id)
        if unavailable is not None:
            raise unavailable
        return count

    async def _merge(self, user_id: UUID) -> None:
        """Merge the small segments of the user's sealed index."""
        try:
            while await self._associative.segments.merge(user_id):
                pass
        except PoolTimeout:
            raise
        # Error boundary of one user: a search reads any number of segments, so they can be merged later.
        except Exception as error:  # noqa: BLE001
            logger.warning("merging the segments of a memory index failed: %s", type(error).__name__)

    async def _enrich_user(self, user_id: UUID, nursery: trio.Nursery) -> int:
        """Returns the number of claimed episodes. `nursery` renews their lease meanwhile."""
        try:
            limit = self._limits.batch if self._describe is None else self._limits.describing_at_once
            claimed = await self._episodes.claim(user_id, limit)
        except (WrongMasterKey, MissingKeyShare, NoSuchUser) as error:
            logger.warning("the episodes of user %s can't be enriched now: %s", user_id, error)
            self._on_outcome("postponed", 1)
            return 0
        # Error boundary of one user: the work of other users continues.
        except Exception as error:  # noqa: BLE001
            logger.warning("claiming episodes failed: %s", type(error).__name__)
            return 0
        if claimed is None:
            return 0
        with self._episodes.kept(claimed.claim, nursery):
            with self._working_for(user_id):
                enriched = await self._enrich_all(claimed.episodes, claimed.zone)
            if not await self._store(claimed, enriched, claimed.unreadable):
                # Store each one separately, so that one bad episode does not block the others.
                for one in enriched if len(claimed.claim.attempts) > 1 else ():
                    await self._store(claimed, [one], [])
        return len(claimed.claim.attempts)

    async def _store(self, claimed: EpisodeClaim, enriched: Sequence[Enriched], unreadable: Sequence[UUID]) -> bool:
        """Embed and commit; returns whether it was committed. A single episode that fails is postponed or abandoned."""
        ids = [one.episode.id for one in enriched] + list(unreadable)
        try:
            vectors = await self._embed(enriched)
            pairs = list(zip(enriched, vectors, strict=True))
            await self._commit.commit(claimed.claim, claimed.zone, pairs, unreadable, counted=claimed.counted)
        except PoolTimeout:
            raise  # the database is unavailable; the leases will end
        # Error boundary of an episode: the work on other episodes continues.
        except Exception as error:
            logger.warning("enriching %d episodes failed: %s", len(ids), type(error).__name__)
            logger.debug("the failure", exc_info=error)
            if len(claimed.claim.attempts) == 1 or len(ids) == 1:
                await self._postpone(claimed, ids[0])
            return False
        self._on_outcome("enriched", len(enriched))
        self._on_outcome("unreadable", len(unreadable))
        return True

    async def _postpone(self, claimed: EpisodeClaim, id_: UUID) -> None:
        attempts = claimed.claim.attempts[id_]
        try:
            await self._episodes.postpone(claimed.claim, id_)
            self._on_outcome("postponed", 1)
            if attempts >= _MAX_ATTEMPTS:
                logger.error("an episode is abandoned and stays without enrichment: it failed %d times", attempts)
                await self._commit.give_up(claimed.claim, id_)
                self._on_outcome("given_up", 1)
        # Without the database the episode is due again when its lease ends.
        except (DatabaseUnavailable, PoolTimeout, NoSuchUser) as error:
            logger.warning("an episode can't be released and waits for its lease to end: %s", type(error).__name__)

    async def _embed(self, enriched: Sequence[Enriched]) -> list[DocumentVectors | None]:
        """Vectors for each one with a document; None for the others, and for all without an embedding model."""
        documents = [one.document for one in enriched if one.document is not None]
        vectors = await self._associative.embed(documents)
        if documents and vectors is None and self._associative.embedder is not None:
            if max(one.episode.attempts for one in enriched) <= _MAX_ATTEMPTS_WITH_MODELS:
                raise _EmbeddingFailed
            logger.warning("%d memories are stored without vectors, because embedding them failed", len(documents))
        rows: Iterator[DocumentVectors] = iter(vectors if vectors is not None else [])
        return [next(rows, None) if one.document is not None else None for one in enriched]

    async def _enrich_all(self, episodes: Sequence[Episode], zone: tzinfo) -> list[Enriched]:
        """In the order of `episodes`. Asks the model about all of them at the same time."""
        if self._describe is None:
            # Long texts would block the event loop for tens of milliseconds.
            return await trio.to_thread.run_sync(enrich_all, episodes, zone)
        found: dict[UUID, Enriched] = {}

        async def enrich_one(episode: Episode) -> None:
            described = await self._described(episode)
            found[episode.id] = await trio.to_thread.run_sync(enrich, episode, described, zone)

        async with trio.open_nursery() as nursery:
            for episode in episodes:
                nursery.start_soon(enrich_one, episode)
        return [found[episode.id] for episode in episodes]

    async def _described(self, episode: Episode) -> Description | None:
        if self._describe is None or episode.attempts > _MAX_ATTEMPTS_WITH_MODELS:
            return None
        try:
            with trio.move_on_after(self._limits.describe_s):
                description = await self._describe(episode.exchange.message, episode.exchange.response)
                return None if description is None else _well_formed(description)
        # Error boundary of a model call: rules describe the exchange instead.
        except Exception as error:  # noqa: BLE001
            logger.warning("the model failed to describe an exchange, so rules do it: %s", type(error).__name__)
        return None


def _well_formed(description: Description) -> Description:
    """A model's text enters memory here."""
    preferences = {
        well_formed(key): None if value is None else well_formed(value)
        for key, value in description.preferences.items()
    }
    return Description(well_formed(description.summary), preferences, well_formed(description.title))


def _nobody(user_id: UUID) -> AbstractContextManager[None]:
    del user_id
    return nullcontext()


def _ignore(outcome: Outcome, count: int) -> None:
    del outcome, count
