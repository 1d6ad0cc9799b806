"""Titles of conversations: how one is made from a message, encrypted, stored and removed."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from memory.crypto import Cipher, Purpose, Unreadable
from memory.keys import UserKey
from memory.text import well_formed
from memory.vault import Vault
from sql.driver import Connection

MAX_TITLE_CHARS: Final = 200
"""Characters of a title that a person writes."""
_MADE_CHARS: Final = 60
_MAX_ID_CHARS: Final = 200


def conversation_key(conversation_id: str | None) -> str | None:
    """The stored form of a conversation's id; None if it names no conversation."""
    if conversation_id is None:
        return None
    return well_formed(conversation_id).replace("\x00", "")[:_MAX_ID_CHARS] or None


def title_purpose(conversation_id: str) -> Purpose:
    """The purpose for encrypting a conversation's title."""
    return Purpose("memory_conversations", "title_encrypted", conversation_id, f"conversation:{conversation_id}")


def clean_title(text: str) -> str:
    """`text` on one line, without control characters; "" if nothing is left."""
    return " ".join("".join(" " if char.isspace() else char for char in text if _is_shown(char)).split())


def make_title(text: str) -> str:
    """The beginning of `text` as a title of at most 60 characters, cut between words if there are any."""
    line = clean_title(text)
    if len(line) <= _MADE_CHARS:
        return line
    cut = line[: _MADE_CHARS - 1]
    words, space, _ = cut.rpartition(" ")
    return (words if space and len(words) > _MADE_CHARS // 2 else cut).rstrip() + "…"


class ConversationTitles:
    """The rows of `memory_conversations`."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def add_in(
        self,
        connection: Connection,
        user_id: UUID,
        user_key: UserKey,
        conversation_id: str,
        episode_id: UUID,
        title: str,
    ) -> None:
        """Store a title made from an episode, unless the conversation has one, or begins with another episode.

        In a transaction of `Vault.writing`.
        """
        made = make_title(title)
        if made:
            values = _sealed(user_key, conversation_id, made) | {"user_id": user_id, "id": episode_id}
            await connection.execute(self._vault.statements["conversation_title_add"], values)

    async def rename(self, user_id: UUID, conversation_id: str, title: str) -> bool:
        """Store a title that the person wrote. Returns False if the conversation has no exchange.

        Raises like `Vault.key`, and the database's errors.
        """
        async with self._vault.writing(user_id) as (connection, user_key):
            values = _sealed(user_key, conversation_id, title) | {"user_id": user_id}
            stored = await connection.execute(self._vault.statements["conversation_title_set"], values)
        return stored.rowcount > 0

    async def forget_in(self, connection: Connection, user_id: UUID, episodes: Collection[UUID]) -> None:
        """Remove the titles that were made from these removed episodes, and those of conversations without exchanges.

        In a transaction of `Vault.writing`.
        """
        now = datetime.now(UTC)
        values = {"user_id": user_id, "ids": list(episodes), "at": now, "day_before": now - timedelta(days=1)}
        await connection.execute(self._vault.statements["conversation_titles_forget"], values)
        await connection.execute(self._vault.statements["conversations_tidy"], values)

    async def forget_conversation_in(self, connection: Connection, user_id: UUID, conversation_id: str) -> None:
        """Remove the title, and let nothing be stored that was said in this conversation until now."""
        values = {"user_id": user_id, "conversation_id": conversation_id, "at": datetime.now(UTC)}
        await connection.execute(self._vault.statements["conversation_forgotten"], values)

    def read(self, cipher: Cipher, conversation_id: str, token: bytes | None) -> str | None:
        """Decrypt a title. None if there is none, or if it can't be decrypted, which is reported."""
        if token is not None:
            with suppress(Unreadable):
                return str(self._vault.unseal(cipher, "episodic", title_purpose(conversation_id), token))
        return None


def _sealed(user_key: UserKey, conversation_id: str, title: str) -> dict[str, object]:
    return {
        "conversation_id": conversation_id,
        "title_encrypted": user_key.cipher.seal(title_purpose(conversation_id), title),
    }


def _is_shown(char: str) -> bool:
    return char.isspace() or (char.isprintable() or char in "\u200c\u200d")
