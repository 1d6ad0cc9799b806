"""Proactive memory: the patterns of `memory/tiers/patterns.py`, encrypted together with the episodes behind them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final
from uuid import UUID

import trio

from memory.crypto import Unreadable, digest, seal
from memory.keys import UserKey
from memory.tiers.episodic import EpisodicMemory
from memory.tiers.patterns import EpisodeFacts, Pattern, confidence_of, mine, names_in
from memory.tiers.tombstones import FOREVER, Tombstones
from memory.vault import Vault
from person import zone_named
from sql.driver import Connection, Cursor

_PAGE: Final = 1000
_MAX_SIGHTINGS: Final = 200
_NO_ID: Final = UUID(int=0)


def pattern_purpose(pattern_digest: bytes) -> str:
    """The purpose for encrypting a pattern (`memory.crypto.seal`)."""
    return f"proactive:{pattern_digest.hex()}"


def pattern_values(user_key: UserKey, pattern: dict[str, Any]) -> dict[str, object]:
    """The columns of a pattern under `user_key`. `pattern` is the JSON to encrypt.

    It has `identity`, `text`, and `on`: the day of each episode in which the pattern was seen, by the episode's id.
    """
    pattern_digest = digest(user_key.digest_key, "pattern\0" + pattern["identity"])
    return {
        "pattern_digest": pattern_digest,
        "pattern_encrypted": seal(user_key.fernet, pattern_purpose(pattern_digest), pattern),
    }


@dataclass(frozen=True, slots=True)
class PatternForgetting:
    """What forgetting does to patterns: (id, identity) of those it removes, and the columns of those that change."""

    removed: Sequence[tuple[UUID, str]]
    changed: Sequence[Mapping[str, object]]


class ProactiveMemory:
    """The proactive tier of every user."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._episodic = EpisodicMemory(vault)

    async def facts(self, user_id: UUID, episodes: int, zone: tzinfo) -> list[EpisodeFacts]:
        """The facts of the newest `episodes` for mining, each at its local time. Unreadable episodes are skipped.

        `zone` is that of episodes whose time zone was not stored. Raises like `Vault.key`.
        """

        async def queue(connection: Connection, _: UserKey) -> Cursor:
            values = {"user_id": user_id, "limit": episodes}
            return await connection.execute(self._vault.statements["episodes_exchanges"], values)

        user_key, cursor = await self._vault.consistent(user_id, queue)
        facts = []
        for id_, token, at in await cursor.fetchall():
            with suppress(Unreadable):
                exchange = self._episodic.read_exchange(user_key.fernet, id_, token)
                local = at.astimezone(zone if exchange.time_zone is None else zone_named(exchange.time_zone))
                facts.append(EpisodeFacts(local, exchange.agent, names_in(exchange.message), id_))
            # Decrypting and searching 200 long messages would block every other task for tens of milliseconds.
            await trio.lowlevel.checkpoint()
        return facts

    async def mine_in(
        self, connection: Connection, user_id: UUID, user_key: UserKey, facts: Sequence[EpisodeFacts]
    ) -> None:
        """Mine `facts` and store the patterns, in a transaction of `Vault.writing`. Deleted episodes don't count."""
        statements = self._vault.statements
        cursor = await connection.execute(
            statements["episodes_present"], {"user_id": user_id, "ids": [fact.id for fact in facts]}
        )
        present = {row[0] for row in await cursor.fetchall()}
        patterns = mine([fact for fact in facts if fact.id in present])
        if not patterns:
            return
        tombstones = await Tombstones.read(connection, self._vault, user_id, user_key)
        digests = tombstones.digests("pattern", [pattern.identity for pattern in patterns])
        forgotten = await tombstones.contains(digests, FOREVER)
        known = {sealed["identity"]: sealed for _, sealed, _ in await self._rows(connection, user_id, user_key)}
        for number, pattern in enumerate(patterns):
            if not digests or digests[number] not in forgotten:
                values = _values(user_key, pattern, known.get(pattern.identity, {}))
                await connection.execute(statements["proactive_upsert"], values | {"user_id": user_id})

    async def forgetting(
        self,
        connection: Connection,
        user_id: UUID,
        user_key: UserKey,
        items: Collection[UUID],
        episodes: Collection[UUID],
    ) -> PatternForgetting:
        """What forgetting `items` and all that was seen in `episodes` does. Patterns with too few days left go."""
        removed, changed = [], []
        for id_, sealed, row in await self._rows(connection, user_id, user_key):
            # A pattern without `on` may be based on these episodes, so it is removed. Mining may find it again.
            on = sealed.get("on", {})
            left = {episode: day for episode, day in on.items() if UUID(episode) not in episodes}
            confidence = confidence_of(left.values())
            if id_ in items or (episodes and confidence is None):
                removed.append((id_, str(sealed["identity"])))
            elif len(left) < len(on):
                values = pattern_values(user_key, sealed | {"on": left})
                changed.append(values | {"confidence": confidence, "source": row[4], "at": row[6]})
        return PatternForgetting(removed, changed)

    async def forget_in(
        self,
        connection: Connection,
        user_id: UUID,
        user_key: UserKey,
        forgetting: PatternForgetting,
        items: Collection[UUID],
    ) -> None:
        """Carry out `forgetting`, in a transaction of `Vault.writing`. Patterns in `items` are never found again."""
        statements = self._vault.statements
        for values in forgetting.changed:
            await connection.execute(statements["proactive_upsert"], {"user_id": user_id, **values})
        if forgetting.removed:
            ids = [id_ for id_, _ in forgetting.removed]
            await connection.execute(statements["proactive_forget"], {"user_id": user_id, "ids": ids})
        named = [identity for id_, identity in forgetting.removed if id_ in items]
        if named:
            tombstones = await Tombstones.read_for_adding(connection, self._vault, user_id, user_key)
            await tombstones.add(tombstones.digests("pattern", named), FOREVER)

    async def _rows(
        self, connection: Connection, user_id: UUID, user_key: UserKey
    ) -> list[tuple[UUID, dict[str, Any], tuple[Any, ...]]]:
        """(id, decrypted JSON, row of `proactive_page`) of every readable pattern."""
        after, found = _NO_ID, []
        while True:
            values = {"user_id": user_id, "after": after, "limit": _PAGE}
            cursor = await connection.execute(self._vault.statements["proactive_page"], values)
            rows = await cursor.fetchall()
            for row in rows:
                with suppress(Unreadable):
                    purpose = pattern_purpose(bytes(row[1]))
                    found.append((row[0], self._vault.unseal(user_key.fernet, "proactive", purpose, row[2]), row))
                await trio.lowlevel.checkpoint()
            if len(rows) < _PAGE:
                return found
            after = rows[-1][0]


def _values(user_key: UserKey, pattern: Pattern, known: Mapping[str, Any]) -> dict[str, object]:
    on = {**known.get("on", {}), **{str(episode): day for episode, day in pattern.sightings.items()}}
    newest = sorted(on.items(), key=lambda item: item[1])[-_MAX_SIGHTINGS:]
    sealed = {"identity": pattern.identity, "text": pattern.text, "on": dict(newest)}
    return pattern_values(user_key, sealed) | {
        "confidence": confidence_of(on.values()),
        "source": pattern.source,
        "at": pattern.at,
    }
