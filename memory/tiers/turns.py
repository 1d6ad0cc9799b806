"""What was said just before an episode, without which its own words may mean little."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from memory.crypto import Unreadable
from memory.embedding import MAX_PREVIOUS_CHARS
from memory.keys import UserKey
from memory.text import Analyser
from memory.tiers.episodic import EpisodicMemory, Exchange
from memory.vault import Vault
from sql.driver import Connection


async def previous_turns(
    vault: Vault, connection: Connection, user_id: UUID, user_key: UserKey, episode_ids: Sequence[UUID]
) -> dict[UUID, str]:
    """For each of these episodes the last turn before it in its conversation, where there is one that opens.

    One round trip, in a transaction of `sql.tenant.scoped`. Raises the database's errors.
    """
    values = {"user_id": user_id, "ids": list(episode_ids)}
    cursor = await connection.execute(vault.statements["episodes_before"], values)
    episodic = EpisodicMemory(vault)
    turns = {}
    for episode_id, previous_id, token in await cursor.fetchall():
        with suppress(Unreadable):
            turns[episode_id] = last_turn(episodic.read_exchange(user_key.fernet, previous_id, token))
    return turns


def told_apart(text: str, previous: str | None) -> str | None:
    """`previous`, unless it has the same words: then it explains nothing, and would hide that the two are one."""
    if not previous:
        return None
    analyser = Analyser()
    words, words_before = ({word.term for word in analyser.words(said)} for said in (text, previous))
    return None if words == words_before else previous


def last_turn(exchange: Exchange) -> str:
    """The last side of an exchange that is short enough to be embedded with what follows, or ""."""
    sides = (exchange.response.strip(), exchange.message.strip())
    return next((side for side in sides if 0 < len(side) <= MAX_PREVIOUS_CHARS), "")
