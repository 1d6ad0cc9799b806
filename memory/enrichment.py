"""What is made of an episode after it has been committed: summary, preferences, searchable memories, patterns.

Work is claimed by row locks (`FOR UPDATE SKIP LOCKED`) that are held until it is committed in the same transaction: any
number of servers share it, one that is killed gives it back at once, and each episode is enriched exactly once. Nothing
here waits for a user's key while it holds a claim (`memory/vault.py` has the order of locks).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import trio

from memory.associative import Document, MemoryStore
from memory.core import CoreMemory, InvalidCoreValue
from memory.episodes import EpisodicMemory, Exchange, summary_purpose
from memory.habits import ProactiveMemory
from memory.key_shares import MissingKeyShare
from memory.keys import WrongMasterKey
from memory.learning import summarise, worth_learning
from memory.limits import MemoryLimits
from memory.preferences import stated_preferences
from memory.sealing import Unreadable, seal
from memory.user_keys import UserKey
from memory.vault import KeyBusy, Vault
from sql.connection import Connection
from sql.errors import DatabaseUnavailable
from sql.pool import PoolTimeout
from sql.tenant import listing, scoped

logger = logging.getLogger(__name__)

Outcome = Literal["enriched", "unreadable", "postponed"]

TIME_ZONE_KEY: Final = "time_zone"
_USERS_AT_ONCE: Final = 50
_MAX_ATTEMPTS_TO_EMBED: Final = 5
_FIRST_DELAY_S: Final = 2.0
_LAST_DELAY_S: Final = 600.0
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
class _Claimed:
    id: UUID
    attempts: int
    exchange: Exchange
    at: datetime


@dataclass(frozen=True, slots=True)
class _Enriched:
    episode: _Claimed
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
        self._core = CoreMemory(vault)
        self._episodic = EpisodicMemory(vault)
        self._proactive = ProactiveMemory(vault)
        self._woken = trio.Event()

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
        """Enrich what is due now and not taken by others; returns how many episodes were dealt with."""
        async with listing(self._vault.pool) as connection:
            cursor = await connection.execute(self._vault.statements["pending_users"], {"limit": _USERS_AT_ONCE})
        count = 0
        for (user_id,) in await cursor.fetchall():
            count += await self._enrich_user(user_id)
        return count

    async def _enrich_user(self, user_id: UUID) -> int:
        claimed: list[tuple[Any, ...]] = []
        try:
            async with scoped(self._vault.pool, user_id) as connection:
                await self._enrich_in(connection, user_id, claimed)
        except KeyBusy as error:
            await self._postpone(user_id, claimed, str(error))
        except (DatabaseUnavailable, PoolTimeout):
            raise
        except (WrongMasterKey, MissingKeyShare) as error:
            await self._postpone(user_id, claimed, str(error))
        except _EmbeddingFailed:
            await self._postpone(user_id, claimed, "embedding failed")
        # The border of one user's work: it is tried again later, ever more seldom, and others' goes on.
        except Exception as error:
            logger.exception("enriching %d episodes failed", len(claimed))
            await self._postpone(user_id, claimed, type(error).__name__)
        return len(claimed)

    async def _postpone(self, user_id: UUID, claimed: Sequence[tuple[Any, ...]], reason: str) -> None:
        if not claimed:
            return
        attempts = max(row[1] for row in claimed)
        delay_s = min(_LAST_DELAY_S, _FIRST_DELAY_S * 2**attempts)
        logger.warning("%d episodes are enriched later, in %g s: %s", len(claimed), delay_s, reason)
        self._on_outcome("postponed", len(claimed))
        values = {"user_id": user_id, "ids": [row[0] for row in claimed], "delay_s": delay_s}
        async with scoped(self._vault.pool, user_id) as connection:
            await connection.execute(self._vault.statements["pending_postpone"], values)

    async def _enrich_in(self, connection: Connection, user_id: UUID, claimed: list[tuple[Any, ...]]) -> None:
        statements, values = self._vault.statements, {"user_id": user_id}
        limit = self._limits.claim if self._describe is None else 1
        # The key before the claim, as `try_writing` wants it.
        key_row = await connection.execute(statements["user_key"], values)
        claim = await connection.execute(statements["pending_claim"], values | {"limit": limit})
        core_rows = await connection.execute(statements["core_all"], values)
        claimed += await claim.fetchall()
        if not claimed:
            return
        user_key = await self._vault.opened(user_id, await key_row.fetchone())
        zone = _zone(self._core.read(user_key.fernet, await core_rows.fetchall()))
        episodes = [episode for row in claimed if (episode := self._read(user_key, row)) is not None]
        enriched = [await self._enrich(episode) for episode in episodes]
        documents = [
            Document(one.learned, one.episode.at.astimezone(zone), source="episode", source_id=one.episode.id)
            for one in enriched
            if one.learned is not None
        ]
        vectors = await self._store.embed(documents)
        if documents and vectors is None and self._store.embedder is not None:
            if max(episode.attempts for episode in episodes) < _MAX_ATTEMPTS_TO_EMBED:
                raise _EmbeddingFailed
            logger.warning("%d memories are stored without vectors, for they cannot be embedded", len(documents))

        await self._vault.try_writing(connection, user_id, user_key)
        await self._store.put_in(connection, user_id, user_key, documents, vectors, merge=True)
        for one in enriched:
            await self._finish(connection, user_id, user_key, one)
        for id_, *_ in claimed:
            await connection.execute(statements["pending_done"], values | {"id": id_})
        await self._proactive.mine_in(connection, user_id, user_key, self._limits.mined_episodes, zone)
        self._on_outcome("enriched", len(enriched))
        self._on_outcome("unreadable", len(claimed) - len(enriched))

    def _read(self, user_key: UserKey, row: tuple[Any, ...]) -> _Claimed | None:
        id_, attempts, token, at = row
        try:
            exchange = self._episodic.read_exchange(user_key.fernet, id_, token)
        except Unreadable:
            return None  # it will not open later either
        return _Claimed(id_, attempts, exchange, at)

    async def _enrich(self, episode: _Claimed) -> _Enriched:
        exchange = episode.exchange
        description = await self._described(exchange)
        if description is None:
            stated = {preference.key: preference.value for preference in stated_preferences(exchange.message)}
            description = Description(summarise(exchange.message, exchange.response), stated)
        learned = worth_learning(exchange.message, exchange.response, exchange.recalled)
        return _Enriched(episode, description.summary, description.preferences, learned)

    async def _described(self, exchange: Exchange) -> Description | None:
        if self._describe is None:
            return None
        try:
            with trio.move_on_after(self._limits.describe_s):
                return await self._describe(exchange.message, exchange.response)
        # The border of a model's call: rules take over.
        except Exception as error:  # noqa: BLE001
            logger.warning("an exchange could not be described by the model: %s", type(error).__name__)
        return None

    async def _finish(self, connection: Connection, user_id: UUID, user_key: UserKey, one: _Enriched) -> None:
        for key, value in sorted(one.preferences.items()):
            try:
                await self._core.set_in(connection, user_id, user_key, key, value, one.episode.at)
            except InvalidCoreValue as error:
                logger.info("a learned preference is not kept: %s", error)
        values = {
            "user_id": user_id,
            "id": one.episode.id,
            "summary_encrypted": seal(user_key.fernet, summary_purpose(one.episode.id), one.summary),
        }
        await connection.execute(self._vault.statements["episode_enriched"], values)


def _unheard(outcome: Outcome, count: int) -> None:
    del outcome, count


def _zone(core: Sequence[tuple[UUID, str, Any]]) -> tzinfo:
    """The person's time zone, if they have said it by its name."""
    for _, key, value in core:
        if key == TIME_ZONE_KEY:
            try:
                return ZoneInfo(str(value))
            except (ZoneInfoNotFoundError, ValueError, OSError):
                break
    return UTC
