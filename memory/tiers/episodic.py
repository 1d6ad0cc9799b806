"""Episodic memory: one row per answered request, committed before the answer ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from memory.crypto import Cipher, Purpose, Unreadable
from memory.keys import UserKey
from memory.text import shown
from memory.vault import Vault
from sql.driver import Connection, Cursor, storable
from sql.row_ids import new_row_id

_MAX_SIDE_CHARS: Final = 40_000
_MAX_SUMMARY_PART: Final = 200
_ARROW: Final = " → "
"""Between the message and the response, in a summary that rules made."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A message, the response to it, the agent that answered, and the texts that were recalled for the answer.

    `complete`: the model finished the response. `time_zone`: where the person said it, an IANA name. `facts`: what the
    answer showed and changed in addition to its text, as JSON data, for later requests of the conversation. `popup`: it
    was asked in a popup on items.
    """

    message: str
    response: str
    agent: str | None = None
    recalled: Sequence[str] = ()
    complete: bool = True
    time_zone: str | None = None
    facts: Sequence[Mapping[str, Any]] = ()
    popup: bool = False


@dataclass(frozen=True, slots=True)
class EpisodeSummary:
    """The part of an episode that is recalled. `complete`: the model finished the response."""

    id: UUID
    conversation_id: str | None
    summary: str
    at: datetime
    complete: bool = True

    def shown(self) -> str:
        """What the person reads: the beginning of their message, or a model's summary; on one line."""
        asked, made_by_rules, _ = self.summary.partition(_ARROW)
        return (shown(asked) if made_by_rules else "") or shown(self.summary)


def summary_purpose(episode_id: UUID) -> Purpose:
    """The purpose for encrypting an episode's summary."""
    row = str(episode_id)
    return Purpose("memory_episodic", "summary_encrypted", row, f"episode:{row}")


def exchange_purpose(episode_id: UUID) -> Purpose:
    """The purpose for encrypting an episode's exchange."""
    row = str(episode_id)
    return Purpose("memory_episodic", "exchange_encrypted", row, f"exchange:{row}")


def seal_summary(cipher: Cipher, episode_id: UUID, text: str, *, complete: bool) -> bytes:
    """Encrypt an episode's summary. That of a complete exchange is only the text, as it always was."""
    value: object = text if complete else {"summary": text, "complete": False}
    return cipher.seal(summary_purpose(episode_id), value)


def summarise(message: str, response: str) -> str:
    """The beginnings of both in one line: the summary if no model writes a better one."""
    asked, answered = _beginning(message), _beginning(response)
    return f"{asked}{_ARROW}{answered}" if answered else asked


def _beginning(text: str) -> str:
    # No more words than fit, so that a long text is not split whole.
    line = " ".join(text.split(None, _MAX_SUMMARY_PART)[:_MAX_SUMMARY_PART])
    return line if len(line) <= _MAX_SUMMARY_PART else line[: _MAX_SUMMARY_PART - 1].rstrip() + "…"


class EpisodicMemory:
    """The episodic tier of every user."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def store(
        self,
        user_id: UUID,
        exchange: Exchange,
        *,
        conversation_id: str | None,
        request_id: UUID,
        at: datetime | None = None,
    ) -> bool:
        """Commit an episode and queue it for enrichment. It is durable when this returns.

        Returns False, and stores nothing, if this request is stored already, or if memory was erased after `at`. An
        `at` near the limits of `datetime` is moved to the nearest time that exists in every time zone. Raises like
        `Vault.key`, and the database's errors.
        """
        episode_id = new_row_id()
        statements = self._vault.statements

        async def queue(connection: Connection, user_key: UserKey) -> Cursor:
            values = {
                "user_id": user_id,
                "id": episode_id,
                "request_id": request_id,
                "session_id": conversation_id,
                "at": storable(at) if at is not None else datetime.now(UTC),
            } | self.sealed(user_key, episode_id, exchange)
            inserted = await connection.execute(statements["episode_insert"], values)
            await connection.execute(statements["episode_pending"], values)
            return inserted

        inserted = await self._vault.add_at_once(user_id, queue)
        if inserted is None:
            async with self._vault.adding(user_id) as (connection, user_key):
                inserted = await queue(connection, user_key)
        return inserted.rowcount > 0

    def sealed(
        self, user_key: UserKey, episode_id: UUID, exchange: Exchange, summary: str | None = None
    ) -> dict[str, object]:
        """The two encrypted columns. `summary` None: `summarise` makes one."""
        message, response = exchange.message[:_MAX_SIDE_CHARS], exchange.response[:_MAX_SIDE_CHARS]
        said: dict[str, object] = {
            "message": message,
            "response": response,
            "agent": exchange.agent,
            "recalled": [text[:_MAX_SIDE_CHARS] for text in exchange.recalled],
        }
        text = summarise(message, response) if summary is None else summary
        if not exchange.complete:
            # Exchanges without the mark are complete, as are those that were stored before it existed.
            said["complete"] = False
        if exchange.time_zone is not None:
            said["time_zone"] = exchange.time_zone
        if exchange.facts:
            said["facts"] = list(exchange.facts)
        if exchange.popup:
            said["popup"] = True
        return {
            "summary_encrypted": seal_summary(user_key.cipher, episode_id, text, complete=exchange.complete),
            "exchange_encrypted": user_key.cipher.seal(exchange_purpose(episode_id), said),
        }

    def read(self, cipher: Cipher, rows: Iterable[tuple[Any, ...]]) -> list[EpisodeSummary]:
        """The episodes in the rows of `episodes_recent`. Unreadable rows are reported and skipped."""
        found = []
        for id_, conversation_id, token, at in rows:
            with suppress(Unreadable):
                summary, complete = self.read_summary(cipher, id_, token)
                found.append(EpisodeSummary(id_, conversation_id, summary, at, complete))
        return found

    def read_summary(self, cipher: Cipher, episode_id: UUID, token: bytes) -> tuple[str, bool]:
        """Decrypt a summary: its text, and whether the exchange is complete. Reports and raises `Unreadable`."""
        value = self._vault.unseal(cipher, "episodic", summary_purpose(episode_id), token)
        return (value["summary"], value["complete"]) if isinstance(value, dict) else (value, True)

    def read_exchange(self, cipher: Cipher, episode_id: UUID, token: bytes) -> Exchange:
        """Decrypt an exchange. Reports and raises `Unreadable`."""
        said = self._vault.unseal(cipher, "episodic", exchange_purpose(episode_id), token)
        return Exchange(
            said["message"],
            said["response"],
            said["agent"],
            said["recalled"],
            said.get("complete", True),
            said.get("time_zone"),
            said.get("facts", ()),
            said.get("popup") is True,
        )
