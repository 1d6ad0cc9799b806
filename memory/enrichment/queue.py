"""Claims on episodes that await enrichment: leases, so that nothing is held while models work.

A claim is a random id in the rows, whose due time has been moved to the lease's end. Whoever still finds its own claim
there may commit; work that was taken over by another, or whose episode is gone, is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from memory.crypto import Unreadable
from memory.keys import UserKey
from memory.limits import MemoryLimits, delay_s
from memory.tiers import CoreMemory, EpisodicMemory, Exchange, previous_turns
from memory.vault import Vault
from sql.driver import Connection
from sql.tenant import scoped

logger = logging.getLogger(__name__)

TIME_ZONE_KEY: Final = "time_zone"


@dataclass(frozen=True, slots=True)
class Episode:
    """One claimed episode. `attempts` counts this one; `previous` is the turn before it, where there is one."""

    id: UUID
    attempts: int
    exchange: Exchange
    at: datetime
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Work on one user's episodes. `attempts` has all that were claimed, also those that did not open."""

    id: UUID
    user_id: UUID
    user_key: UserKey
    zone: tzinfo
    episodes: Sequence[Episode]
    attempts: dict[UUID, int]

    @property
    def unreadable(self) -> list[UUID]:
        """Claimed episodes that do not open, and will not later either."""
        return [id_ for id_ in self.attempts if id_ not in {episode.id for episode in self.episodes}]


class Claims:
    """Takes and gives back."""

    def __init__(self, vault: Vault, limits: MemoryLimits) -> None:
        self._vault = vault
        self._limits = limits
        self._core = CoreMemory(vault)
        self._episodic = EpisodicMemory(vault)

    async def take(self, user_id: UUID, limit: int) -> Claim | None:
        """What is due of the user's, None when nothing is. Raises like `Vault.key`; what it took is given back then."""
        claim = uuid4()
        values = {"user_id": user_id, "claim": claim, "lease_s": self._limits.lease_s, "limit": limit}
        statements = self._vault.statements
        async with scoped(self._vault.pool, user_id) as connection:
            # The key first: should it be replaced before the claim, `Claim.user_key` is not the one at the commit.
            key_row = await connection.execute(statements["user_key"], values)
            claimed = await connection.execute(statements["pending_claim"], values)
            core_rows = await connection.execute(statements["core_all"], values)
        rows = await claimed.fetchall()
        if not rows:
            return None
        attempts = {row[0]: row[1] for row in rows}
        try:
            user_key = await self._vault.opened(user_id, await key_row.fetchone())
        except Exception:
            # The keys are the operator's to mend: the work waits for that, however long.
            await self.postpone(user_id, claim, attempts)
            raise
        zone = _zone(self._core.read(user_key.fernet, await core_rows.fetchall()))
        async with scoped(self._vault.pool, user_id) as connection:
            before = await previous_turns(self._vault, connection, user_id, user_key, list(attempts))
        episodes = [episode for row in rows if (episode := self._read(user_key, row, before)) is not None]
        return Claim(claim, user_id, user_key, zone, episodes, attempts)

    async def still(self, connection: Connection, claim: Claim) -> set[UUID]:
        """Which episodes the claim still holds; nobody else takes them until the transaction ends."""
        values = {"user_id": claim.user_id, "claim": claim.id}
        cursor = await connection.execute(self._vault.statements["pending_claimed"], values)
        return {row[0] for row in await cursor.fetchall()}

    async def postpone(self, user_id: UUID, claim: UUID, attempts: dict[UUID, int]) -> None:
        """Give episodes back, each to be tried again the later the more often it has been."""
        async with scoped(self._vault.pool, user_id) as connection:
            for id_, count in sorted(attempts.items()):  # the order in which erasing locks them
                values = {"user_id": user_id, "id": id_, "claim": claim, "delay_s": delay_s(count)}
                await connection.execute(self._vault.statements["pending_postpone"], values)

    def _read(self, user_key: UserKey, row: tuple[Any, ...], before: Mapping[UUID, str]) -> Episode | None:
        id_, attempts, token, at = row
        try:
            exchange = self._episodic.read_exchange(user_key.fernet, id_, token)
        except Unreadable:
            return None
        return Episode(id_, attempts, exchange, at, before.get(id_))


def _zone(core: Sequence[tuple[UUID, str, Any]]) -> tzinfo:
    """The person's time zone, if they have said it by its name."""
    for _, key, value in core:
        if key == TIME_ZONE_KEY:
            try:
                return ZoneInfo(str(value))
            except (ZoneInfoNotFoundError, ValueError, OSError):
                break
    return UTC
