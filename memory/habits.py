"""Proactive memory: the patterns of `memory/patterns.py`, kept sealed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any
from uuid import UUID

from memory.episodes import EpisodicMemory
from memory.patterns import EpisodeFacts, Pattern, mine
from memory.sealing import Unreadable, digest, seal
from memory.user_keys import UserKey
from memory.vault import Vault
from sql.connection import Connection

FORGOTTEN = "forgotten"
"""The source of a pattern that the person had forgotten: kept so that it is not found again."""


def pattern_purpose(pattern_digest: bytes) -> str:
    """What the pattern with this digest is sealed for."""
    return f"proactive:{pattern_digest.hex()}"


def pattern_values(user_key: UserKey, pattern: dict[str, Any]) -> dict[str, object]:
    """The columns of a pattern under `user_key`; `pattern` is what is sealed of it."""
    pattern_digest = digest(user_key.digest_key, "pattern\0" + pattern["identity"])
    return {
        "pattern_digest": pattern_digest,
        "pattern_encrypted": seal(user_key.fernet, pattern_purpose(pattern_digest), pattern),
    }


class ProactiveMemory:
    """The proactive tier of every user."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._episodic = EpisodicMemory(vault)

    async def mine_in(
        self, connection: Connection, user_id: UUID, user_key: UserKey, episodes: int, zone: tzinfo
    ) -> list[Pattern]:
        """Look at the newest `episodes` and store the patterns in them, in a transaction of `Vault.writing`."""
        statements = self._vault.statements
        cursor = await connection.execute(statements["episodes_exchanges"], {"user_id": user_id, "limit": episodes})
        patterns = mine(self._facts(user_key, await cursor.fetchall(), zone))
        for pattern in patterns:
            values = pattern_values(
                user_key, {"identity": pattern.identity, "text": pattern.text, "seen": pattern.seen}
            )
            values |= {"confidence": pattern.confidence, "source": pattern.source, "at": pattern.at}
            await connection.execute(statements["proactive_upsert"], values | {"user_id": user_id})
        return patterns

    def _facts(self, user_key: UserKey, rows: Sequence[tuple[Any, ...]], zone: tzinfo) -> list[EpisodeFacts]:
        facts = []
        for id_, token, at in rows:
            try:
                exchange = self._episodic.read_exchange(user_key.fernet, id_, token)
            except Unreadable:
                continue
            facts.append(EpisodeFacts(at.astimezone(zone), exchange.agent, exchange.message))
        return facts
