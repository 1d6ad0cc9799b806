"""Episodic memory: one row per answered request, committed before the answer ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from cryptography.fernet import Fernet

from memory.crypto import Unreadable, seal
from memory.keys import UserKey
from memory.text import summarise
from memory.vault import Vault
from sql.driver import storable

_MAX_SIDE_CHARS = 40_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was said in an episode, who answered, and the texts that were recalled for it."""

    message: str
    response: str
    agent: str | None = None
    recalled: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class EpisodeSummary:
    """An episode as it is recalled."""

    id: UUID
    session_id: str | None
    summary: str
    at: datetime


def summary_purpose(episode_id: UUID) -> str:
    """What an episode's summary is sealed for."""
    return f"episode:{episode_id}"


def exchange_purpose(episode_id: UUID) -> str:
    """What an episode's exchange is sealed for."""
    return f"exchange:{episode_id}"


class EpisodicMemory:
    """The episodic tier of every user."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def store(
        self, user_id: UUID, exchange: Exchange, *, session_id: str | None, request_id: UUID, at: datetime | None = None
    ) -> bool:
        """Commit an episode and note that it awaits enrichment; False when there is one of this request already.

        False too when memory was erased after `at`: what was said before is not stored after it.
        An `at` that not every time zone holds becomes the nearest that does. When this returns it is on disk.
        Raises like `Vault.key`, and the database's errors.
        """
        episode_id = uuid4()
        statements = self._vault.statements
        async with self._vault.adding(user_id) as (connection, user_key):
            values = {
                "user_id": user_id,
                "id": episode_id,
                "request_id": request_id,
                "session_id": session_id.replace("\x00", "") if session_id is not None else None,
                "at": storable(at) if at is not None else datetime.now(UTC),
            } | self.sealed(user_key, episode_id, exchange)
            inserted = await connection.execute(statements["episode_insert"], values)
            await connection.execute(statements["episode_pending"], values)
        return inserted.rowcount > 0

    def sealed(
        self, user_key: UserKey, episode_id: UUID, exchange: Exchange, summary: str | None = None
    ) -> dict[str, object]:
        """The two sealed columns; `summary` None: one made by rule."""
        message, response = exchange.message[:_MAX_SIDE_CHARS], exchange.response[:_MAX_SIDE_CHARS]
        said = {
            "message": message,
            "response": response,
            "agent": exchange.agent,
            "recalled": [text[:_MAX_SIDE_CHARS] for text in exchange.recalled],
        }
        text = summarise(message, response) if summary is None else summary
        return {
            "summary_encrypted": seal(user_key.fernet, summary_purpose(episode_id), text),
            "exchange_encrypted": seal(user_key.fernet, exchange_purpose(episode_id), said),
        }

    def read(self, fernet: Fernet, rows: Iterable[tuple[Any, ...]]) -> list[EpisodeSummary]:
        """Rows of `episodes_recent`; unreadable ones are reported and skipped."""
        found = []
        for id_, session_id, token, at in rows:
            with suppress(Unreadable):
                summary = self._vault.unseal(fernet, "episodic", summary_purpose(id_), token)
                found.append(EpisodeSummary(id_, session_id, summary, at))
        return found

    def read_exchange(self, fernet: Fernet, episode_id: UUID, token: bytes) -> Exchange:
        """Raises `Unreadable`, after reporting it."""
        said = self._vault.unseal(fernet, "episodic", exchange_purpose(episode_id), token)
        return Exchange(said["message"], said["response"], said["agent"], said["recalled"])
