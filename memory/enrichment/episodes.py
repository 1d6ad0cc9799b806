"""Claimed episodes, decrypted, with the person's time zone and the turns before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final
from uuid import UUID

import trio

from memory.crypto import Unreadable
from memory.enrichment.queue import EPISODES, Claim, Queue
from memory.keys import UserKey
from memory.limits import MemoryLimits
from memory.tiers import READ_AT_ONCE, CoreMemory, EpisodicMemory, Exchange, exchanges_in, last_turn
from memory.vault import Vault
from person import remembered_locale, resolve_locale
from sql.driver import Connection, Cursor
from sql.statements import StatementName

_CONTEXT: Final[tuple[StatementName, ...]] = ("core_all", "habits_state", "claimed_before")


@dataclass(frozen=True, slots=True)
class Episode:
    """One claimed episode. `attempts` counts this attempt too; `previous` is the turn before it in its conversation.

    `previous_message`: what the person said before it in its conversation; "": nothing.
    """

    id: UUID
    attempts: int
    exchange: Exchange
    at: datetime
    previous: str | None = None
    conversation_id: str | None = None
    previous_message: str = ""


@dataclass(frozen=True, slots=True)
class EpisodeClaim:
    """The claimed episodes of one user that could be decrypted, and the user's time zone."""

    claim: Claim
    zone: tzinfo
    episodes: Sequence[Episode]
    counted: bool
    """Whether the habits of all earlier episodes are counted."""

    @property
    def unreadable(self) -> list[UUID]:
        """Claimed episodes that can't be decrypted. Another attempt would fail too."""
        readable = {episode.id for episode in self.episodes}
        return [id_ for id_ in self.claim.attempts if id_ not in readable]


class EpisodeQueue:
    """The queue of episodes that await enrichment."""

    def __init__(self, vault: Vault, limits: MemoryLimits) -> None:
        self._vault = vault
        self._queue = Queue(vault, EPISODES, limits.lease_s)
        self._core = CoreMemory(vault)
        self._episodic = EpisodicMemory(vault)
        self.users = self._queue.users
        self.kept = self._queue.kept

    async def claim(self, user_id: UUID, limit: int) -> EpisodeClaim | None:
        """Claim the user's due episodes, at most `limit`; None if there are none. Raises like `Queue.claim`."""
        cursors: list[Cursor] = []

        async def context(connection: Connection, claim_id: UUID) -> None:
            values = {"user_id": user_id, "claim": claim_id}
            cursors.extend([await connection.execute(self._vault.statements[name], values) for name in _CONTEXT])

        claim = await self._queue.claim(user_id, limit, context)
        if claim is None:
            return None
        core, state, earlier = cursors
        key = claim.user_key
        before = await exchanges_in(self._vault, key, await earlier.fetchall())
        zone = _zone(self._core.read(key, await core.fetchall()))
        episodes, read = [], 0
        for row in claim.rows:
            if (episode := self._read(key, row, before)) is not None:
                episodes.append(episode)
            read += len(row[2])
            if read > READ_AT_ONCE:
                read = 0
                await trio.lowlevel.checkpoint()
        counted = await state.fetchone()
        return EpisodeClaim(claim, zone, episodes, counted == (True,))

    async def postpone(self, claim: Claim, id_: UUID) -> None:
        """Release one episode, to be tried again later."""
        await self._queue.postpone(claim, [id_])

    def _read(self, user_key: UserKey, row: tuple[Any, ...], before: Mapping[UUID, Exchange]) -> Episode | None:
        id_, attempts, token, at, conversation_id = row
        try:
            exchange = self._episodic.read_exchange(user_key.cipher, id_, token)
        except Unreadable:
            return None
        if (previous := before.get(id_)) is None:
            return Episode(id_, attempts, exchange, at, None, conversation_id)
        return Episode(id_, attempts, exchange, at, last_turn(previous), conversation_id, previous.message)


def _zone(core: Sequence[tuple[UUID, str, Any]]) -> tzinfo:
    """The time zone in the person's preferences, if it is a known IANA name; UTC otherwise."""
    return resolve_locale(remembered_locale({key: value for _, key, value in core})).calendar.zone
