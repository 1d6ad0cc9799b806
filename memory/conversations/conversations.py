"""Reads and renames one user's conversations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import trio

from memory.conversations.earlier import Earlier, PastExchange, fit
from memory.crypto import Cipher, Unreadable
from memory.keys import UserKey
from memory.tiers import ConversationTitles, EpisodicMemory, make_title
from memory.vault import Vault
from sql.driver import Connection, Cursor
from sql.statements import StatementName

_MOST_EXCHANGES: Final = 50
"""Exchanges of a conversation that are considered for a follow-up."""
_MAX_SUMMARY_CHARS: Final = 500

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list that is sorted by time, then by id: after the row with these."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and where the next page begins; None if there is none."""

    items: Sequence[T]
    next: Position | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation. `title` is "" only if it has none and its first exchange can't be decrypted.

    `popup`: it began in a popup on items. That was not stored for conversations of older versions.
    """

    id: str
    title: str
    last_message_at: datetime
    exchanges: int
    popup: bool = False


@dataclass(frozen=True, slots=True)
class StoredExchange:
    """One exchange of a conversation. `id` is that of the episode, which `forget` takes."""

    id: UUID
    request_id: UUID
    message: str
    response: str
    agent: str | None
    at: datetime
    complete: bool


class Conversations:
    """The conversations of every user. Methods raise like `Vault.key`, and the database's errors."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._episodic = EpisodicMemory(vault)
        self._titles = ConversationTitles(vault)
        self.rename = self._titles.rename

    async def page(self, user_id: UUID, limit: int, after: Position | None = None) -> Page[Conversation]:
        """The conversations by their last message, newest first."""
        key, rows = await self._rows(user_id, "conversations_page", limit, after)
        found = []
        for conversation_id, last_at, exchanges, *titled in rows[:limit]:
            title, popup = self._begun(key.cipher, conversation_id, *titled)
            found.append(Conversation(conversation_id, title, last_at, exchanges, popup))
            await trio.lowlevel.checkpoint()
        return Page(found, Position(rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None)

    async def read(self, user_id: UUID, conversation_id: str) -> Conversation | None:
        """One conversation; None if it has no exchange."""

        async def queue(connection: Connection, _: UserKey) -> Cursor:
            values = {"user_id": user_id, "conversation_id": conversation_id}
            return await connection.execute(self._vault.statements["conversation_read"], values)

        key, cursor = await self._vault.consistent(user_id, queue)
        row = await cursor.fetchone()
        if row is None:
            return None
        last_at, exchanges, *titled = row
        title, popup = self._begun(key.cipher, conversation_id, *titled)
        return Conversation(conversation_id, title, last_at, exchanges, popup)

    async def exchanges(
        self, user_id: UUID, conversation_id: str, limit: int, after: Position | None = None
    ) -> Page[StoredExchange]:
        """The exchanges of a conversation, newest first. Those that can't be decrypted are reported and left out."""
        key, rows = await self._rows(user_id, "conversation_exchanges", limit, after, conversation_id=conversation_id)
        found = []
        for id_, request_id, _, token, at in rows[:limit]:
            with suppress(Unreadable):
                said = self._episodic.read_exchange(key.cipher, id_, token)
                found.append(
                    StoredExchange(id_, request_id, said.message, said.response, said.agent, at, said.complete)
                )
            await trio.lowlevel.checkpoint()
        return Page(found, Position(rows[limit - 1][4], str(rows[limit - 1][0])) if len(rows) > limit else None)

    async def earlier(self, user_id: UUID, conversation_id: str, tokens: int) -> Earlier:
        """What a model is shown of a conversation: the part that fits `tokens`.

        It is read from the stored exchanges, so an exchange is in it as soon as its answer has ended, enriched or not.
        """
        key, rows = await self._rows(
            user_id, "conversation_exchanges", _MOST_EXCHANGES, None, conversation_id=conversation_id
        )
        readable = []
        for id_, _, summary_token, token, at in rows[:_MOST_EXCHANGES]:
            with suppress(Unreadable):
                summary, complete = self._episodic.read_summary(key.cipher, id_, summary_token)
                text = summary[:_MAX_SUMMARY_CHARS] + ("" if complete else " (The answer was cut off.)")
                readable.append((text, at, self._reader(key.cipher, id_, token, at)))
            await trio.lowlevel.checkpoint()
        return fit(readable, tokens, more=len(rows) > _MOST_EXCHANGES)

    def _reader(self, cipher: Cipher, id_: UUID, token: bytes, at: datetime) -> Callable[[], PastExchange | None]:
        def read() -> PastExchange | None:
            with suppress(Unreadable):
                said = self._episodic.read_exchange(cipher, id_, token)
                return PastExchange(said.message, said.response, at, said.complete, said.facts)
            return None

        return read

    def _begun(
        self, cipher: Cipher, conversation_id: str, title: bytes | None, first_id: UUID | None, first: bytes | None
    ) -> tuple[str, bool]:
        """The stored title, or else one made from the first exchange, and whether that was asked in a popup."""
        stored = self._titles.read(cipher, conversation_id, title)
        if first is not None and first_id is not None:
            with suppress(Unreadable):
                said = self._episodic.read_exchange(cipher, first_id, first)
                return make_title(said.message) if stored is None else stored, said.popup
        return stored or "", False

    async def _rows(
        self, user_id: UUID, statement: StatementName, limit: int, after: Position | None, **values: object
    ) -> tuple[UserKey, list[tuple[Any, ...]]]:
        """At most `limit` rows and one more, and the key that decrypts them."""
        position: Mapping[str, object] = {
            "before_at": None if after is None else after.at,
            "before_id": None if after is None else after.id,
            "limit": limit + 1,
        }

        async def queue(connection: Connection, _: UserKey) -> Cursor:
            return await connection.execute(
                self._vault.statements[statement], {"user_id": user_id, **position, **values}
            )

        key, cursor = await self._vault.consistent(user_id, queue)
        return key, await cursor.fetchall()
