"""Proactive memory: the patterns of `memory/tiers/patterns.py`, encrypted together with the episodes behind them.

Patterns are counted as episodes arrive: a row per topic and time, and per name, from the first day on. What was seen on
too few days has confidence 0. It is neither recalled nor exported.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final
from uuid import UUID

import trio

from memory.crypto import Purpose, Unreadable, digest
from memory.keys import UserKey
from memory.tiers.episodic import EpisodicMemory, Exchange
from memory.tiers.manifest import Manifest
from memory.tiers.patterns import NAMES, EpisodeFacts, Pattern, confidence_of, name_identities, names_in, seen_in
from memory.tiers.tombstones import FOREVER, Tombstones
from memory.vault import Vault
from person import zone_named
from sql.driver import Connection, Cursor
from sql.row_ids import new_row_id
from sql.statements import StatementName

logger = logging.getLogger(__name__)

_PAGE: Final = 1000
_THREADS: Final = 2
_MAX_SIGHTINGS: Final = 200
# A candidate that was seen on too few days to be a pattern has confidence 0, and is removed after this time.
_CANDIDATE_KEEP_S: Final = 120 * 86_400.0
_NO_ID: Final = UUID(int=0)


def pattern_purpose(pattern_digest: bytes) -> Purpose:
    """The purpose for encrypting a pattern."""
    row = pattern_digest.hex()
    return Purpose("memory_proactive", "pattern_encrypted", row, f"proactive:{row}")


def pattern_values(
    user_key: UserKey, manifest: Manifest, pattern: dict[str, Any], confidence: float
) -> dict[str, object]:
    """The columns of a pattern under `user_key`, with a new revision in `manifest` if it is recalled.

    `pattern` is the JSON to encrypt. It has `identity`, `text`, and `on`: the day of each episode in which the pattern
    was seen, by the episode's id. A pattern that was seen on too few days has confidence 0, and is not in the manifest.
    """
    pattern_digest = _digest(user_key, pattern["identity"])
    row = pattern_digest.hex()
    if confidence == 0:
        manifest.remove(row)
    revision = manifest.put(row) if confidence > 0 else 0
    return {
        "pattern_digest": pattern_digest,
        "pattern_encrypted": user_key.cipher.seal(pattern_purpose(pattern_digest), pattern, revision),
        "confidence": confidence,
    }


@dataclass(frozen=True, slots=True)
class PatternForgetting:
    """What forgetting does to patterns.

    `removed`: those that the person does not see any more. `deleted`: (id, identity) of the rows that are deleted.
    `changed`: the columns of the rows that stay.
    """

    removed: Sequence[UUID]
    deleted: Sequence[tuple[UUID, str]]
    changed: Sequence[Mapping[str, object]]
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Sighted:
    """The patterns that were seen in `episodes`, by their digest under the user's key `key`."""

    key: bytes = field(repr=False)
    patterns: Mapping[bytes, Pattern]
    episodes: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class SightedRows:
    """Queued reads: the episodes that are still present, the stored patterns, and the manifest with its list."""

    present: Cursor
    patterns: Cursor
    recalled: Cursor


def facts_of(episode_id: UUID, exchange: Exchange, at: datetime, zone: tzinfo) -> EpisodeFacts:
    """The facts of one episode at its local time; `zone` is that of an exchange whose time zone was not stored."""
    local = at.astimezone(zone if exchange.time_zone is None else zone_named(exchange.time_zone))
    return EpisodeFacts(local, exchange.agent, names_in(exchange.message), episode_id)


class ProactiveMemory:
    """The proactive tier of every user."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._episodic = EpisodicMemory(vault)
        self._threads = trio.CapacityLimiter(_THREADS)

    async def facts(self, user_id: UUID, episodes: int, zone: tzinfo) -> list[EpisodeFacts]:
        """The facts of the newest `episodes` for mining, each at its local time. Unreadable episodes are skipped.

        `zone` is that of episodes whose time zone was not stored. Raises like `Vault.key`.
        """

        async def queue(connection: Connection, _: UserKey) -> Cursor:
            values = {"user_id": user_id, "limit": episodes}
            return await connection.execute(self._vault.statements["episodes_exchanges"], values)

        user_key, cursor = await self._vault.consistent(user_id, queue)
        exchanges = []
        for id_, token, at in await cursor.fetchall():
            with suppress(Unreadable):
                exchanges.append((id_, self._episodic.read_exchange(user_key.cipher, id_, token), at, zone))
            await trio.lowlevel.checkpoint()
        # Searching 200 long messages would block the event loop for tens of milliseconds.
        return await trio.to_thread.run_sync(lambda: [facts_of(*one) for one in exchanges], limiter=self._threads)

    async def sighted(self, user_key: UserKey, facts: Sequence[EpisodeFacts]) -> Sighted:
        """What was seen in these episodes. Computed in a thread, because it may take tens of milliseconds."""

        def compute() -> Sighted:
            patterns = {_digest(user_key, pattern.identity): pattern for pattern in seen_in(facts)}
            return Sighted(user_key.key, patterns, [fact.id for fact in facts])

        return await trio.to_thread.run_sync(compute, limiter=self._threads)

    async def queue_rows(self, connection: Connection, user_id: UUID, seen: Sighted) -> SightedRows:
        """Queue the statements that read the rows for `count_in`."""
        values = {"user_id": user_id, "ids": seen.episodes, "digests": list(seen.patterns)}
        names: tuple[StatementName, ...] = ("episodes_present", "proactive_by_digests", "proactive_recalled")
        present, patterns, recalled = [await connection.execute(self._vault.statements[name], values) for name in names]
        return SightedRows(present, patterns, recalled)

    async def count_in(
        self,
        connection: Connection,
        user_id: UUID,
        user_key: UserKey,
        seen: Sighted,
        rows: SightedRows,
        tombstones: Tombstones,
    ) -> None:
        """Count what was seen, in a transaction of `Vault.writing`. Deleted episodes don't count.

        `rows` are those of `queue_rows` in this transaction. Counting an episode again changes nothing. Takes no round
        trip, unless something was forgotten.
        """
        if not seen.patterns:
            return
        statements = self._vault.statements
        present = {row[0] for row in await rows.present.fetchall()}
        manifest = self._manifest_of(user_key, await rows.recalled.fetchall())
        forgotten = tombstones.digests("pattern", [pattern.identity for pattern in seen.patterns.values()])
        found = await tombstones.contains(forgotten, FOREVER)
        gone = {digest for digest, tombstone in zip(seen.patterns, forgotten, strict=False) if tombstone in found}
        stored = await rows.patterns.fetchall()

        def counted() -> tuple[list[dict[str, object]], int]:
            known, unreadable = _known(user_key, manifest, stored)
            values = [
                _values(user_key, manifest, pattern, known.get(pattern_digest, {}), present)
                for pattern_digest, pattern in seen.patterns.items()
                if pattern_digest not in gone and present & pattern.sightings.keys()
            ]
            return values, unreadable

        # Decrypting and encrypting hundreds of patterns would block the event loop.
        changed, unreadable = await trio.to_thread.run_sync(counted, limiter=self._threads)
        for _ in range(unreadable):
            self._vault.reported("proactive")
        for values in changed:
            await connection.execute(statements["proactive_upsert"], values | {"user_id": user_id, "id": new_row_id()})
            await trio.lowlevel.checkpoint()
        await manifest.save_in(connection, self._vault, user_key)
        await connection.execute(
            statements["proactive_trim"], {"user_id": user_id, "before_s": time.time() - _CANDIDATE_KEEP_S}
        )
        await connection.execute(statements["habits_counted"], {"user_id": user_id})

    async def forgetting(
        self,
        connection: Connection,
        user_id: UUID,
        user_key: UserKey,
        items: Collection[UUID],
        episodes: Collection[UUID],
    ) -> PatternForgetting:
        """What forgetting `items` and all that was seen in `episodes` does. Patterns with too few days left go."""
        removed, deleted, changed = [], [], []
        manifest = await self.manifest_in(connection, user_id, user_key)
        for id_, sealed, row in await self._rows(connection, user_id, user_key, manifest):
            # A pattern without `on` may be based on these episodes, so it is removed. It may be found again.
            identity, on = str(sealed["identity"]), sealed.get("on", {})
            left = {episode: day for episode, day in on.items() if UUID(episode) not in episodes}
            confidence = confidence_of(identity, left.values())
            if id_ in items or (episodes and not left):
                deleted.append((id_, identity))
                manifest.remove(bytes(row[1]).hex())
            elif len(left) < len(on):
                values = pattern_values(user_key, manifest, sealed | {"on": left}, confidence)
                changed.append(values | {"source": row[4], "at": row[6]})
            else:
                continue
            if row[3] > 0 and (id_ in items or confidence == 0):
                removed.append(id_)
        return PatternForgetting(removed, deleted, changed, manifest)

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
            await connection.execute(statements["proactive_upsert"], {"user_id": user_id, "id": new_row_id(), **values})
        if forgetting.deleted:
            ids = [id_ for id_, _ in forgetting.deleted]
            await connection.execute(statements["proactive_forget"], {"user_id": user_id, "ids": ids})
        if forgetting.changed or forgetting.deleted:
            await forgetting.manifest.save_in(connection, self._vault, user_key)
        named = [identity for id_, identity in forgetting.deleted if id_ in items]
        if named:
            tombstones = await Tombstones.read_for_adding(connection, self._vault, user_id, user_key)
            await tombstones.add(tombstones.digests("pattern", named), FOREVER)

    def context_values(self, user_key: UserKey, message: str) -> dict[str, object]:
        """The parameters of `proactive_active` for the patterns of names that occur in `message`."""
        return {"of_names": NAMES, "digests": [_digest(user_key, name) for name in name_identities(message)]}

    def unsealed(
        self, user_key: UserKey, manifest: Manifest, pattern_digest: bytes, token: bytes, *, recalled: bool = True
    ) -> dict[str, Any]:
        """The JSON of a pattern. Reports and raises `Unreadable`, also if a pattern that is `recalled` was put back."""
        if recalled and not manifest.accepts(bytes(pattern_digest).hex(), token):
            raise self._vault.reported("proactive")
        pattern: dict[str, Any] = self._vault.unseal(
            user_key.cipher, "proactive", pattern_purpose(bytes(pattern_digest)), token
        )
        return pattern

    async def make_manifest_in(self, connection: Connection, user_id: UUID, user_key: UserKey) -> None:
        """Store the manifest of the present patterns, if there is none, in a transaction of `Vault.writing`."""
        manifest = await self.manifest_in(connection, user_id, user_key)
        await manifest.save_in(connection, self._vault, user_key)

    async def manifest_in(self, connection: Connection, user_id: UUID, user_key: UserKey) -> Manifest:
        """The manifest of the patterns that are recalled, to be changed in a transaction of `Vault.writing`."""
        cursor = await connection.execute(self._vault.statements["proactive_recalled"], {"user_id": user_id})
        return self._manifest_of(user_key, await cursor.fetchall())

    def _manifest_of(self, user_key: UserKey, rows: Sequence[tuple[Any, ...]]) -> Manifest:
        """Like `manifest_in`, from the rows of the statement `proactive_recalled`."""
        manifest = Manifest.of(self._vault, user_key, "proactive", rows)
        if manifest.is_missing:
            readable = []
            for key, token, _ in rows:
                with suppress(Unreadable):
                    self.unsealed(user_key, manifest, key, token)
                    readable.append((bytes(key).hex(), bytes(token)))
            manifest.adopt(readable)
        return manifest

    async def _rows(
        self, connection: Connection, user_id: UUID, user_key: UserKey, manifest: Manifest
    ) -> list[tuple[UUID, dict[str, Any], tuple[Any, ...]]]:
        """(id, decrypted JSON, row of `proactive_page`) of every readable pattern."""
        after, found = _NO_ID, []
        while True:
            values = {"user_id": user_id, "after": after, "limit": _PAGE}
            cursor = await connection.execute(self._vault.statements["proactive_page"], values)
            rows = await cursor.fetchall()
            for row in rows:
                with suppress(Unreadable):
                    pattern = self.unsealed(user_key, manifest, row[1], row[2], recalled=row[3] > 0)
                    found.append((row[0], pattern, row))
                await trio.lowlevel.checkpoint()
            if len(rows) < _PAGE:
                return found
            after = rows[-1][0]


def _digest(user_key: UserKey, identity: str) -> bytes:
    return digest(user_key.digest_key, "pattern\0" + identity)


def _known(
    user_key: UserKey, manifest: Manifest, rows: Iterable[tuple[Any, ...]]
) -> tuple[dict[bytes, Mapping[str, str]], int]:
    """The days of each stored pattern, by its digest, and the number of patterns that can't be decrypted."""
    known: dict[bytes, Mapping[str, str]] = {}
    unreadable = 0
    for stored, token in rows:
        key = bytes(stored)
        if manifest.has(key.hex()) and not manifest.accepts(key.hex(), token):
            unreadable += 1
            continue
        try:
            known[key] = user_key.cipher.unseal(pattern_purpose(key), token).get("on", {})
        except Unreadable as error:
            logger.warning("a row of proactive memory is skipped, because it can't be decrypted: %s", error)
            unreadable += 1
    return known, unreadable


def _values(
    user_key: UserKey, manifest: Manifest, pattern: Pattern, known: Mapping[str, str], present: Collection[UUID]
) -> dict[str, object]:
    """The columns of a pattern, with the days that are known already."""
    sightings = {str(episode): day for episode, day in pattern.sightings.items() if episode in present}
    on = {**known, **sightings}
    newest = sorted(on.items(), key=lambda item: item[1])[-_MAX_SIGHTINGS:]
    sealed = {"identity": pattern.identity, "text": pattern.text, "on": dict(newest)}
    confidence = confidence_of(pattern.identity, on.values())
    return pattern_values(user_key, manifest, sealed, confidence) | {"source": pattern.source, "at": pattern.at}
