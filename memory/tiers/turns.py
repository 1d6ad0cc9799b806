"""The turn before an episode. Without it, the words of an episode ("Yes, on Friday") may mean little."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import trio

from memory.crypto import Unreadable
from memory.embedding import MAX_PREVIOUS_CHARS
from memory.keys import UserKey
from memory.text import Analyser
from memory.tiers.episodic import EpisodicMemory, Exchange
from memory.vault import Vault
from sql.driver import Connection

READ_AT_ONCE: Final = 16_384
"""Bytes of encrypted exchanges that are read without a checkpoint: less than a millisecond."""


async def previous_turns(
    vault: Vault, connection: Connection, user_id: UUID, user_key: UserKey, episode_ids: Sequence[UUID]
) -> dict[UUID, str]:
    """For each of these episodes the turn before it in its conversation, if there is one and it is readable.

    One round trip, in a transaction of `sql.tenant.scoped`. Raises the database's errors.
    """
    values = {"user_id": user_id, "ids": list(episode_ids)}
    cursor = await connection.execute(vault.statements["episodes_before"], values)
    return await turns_in(vault, user_key, await cursor.fetchall())


async def turns_in(vault: Vault, user_key: UserKey, rows: Sequence[tuple[Any, ...]]) -> dict[UUID, str]:
    """Like `previous_turns`, from the rows of the statement `episodes_before`."""
    return {id_: last_turn(exchange) for id_, exchange in (await exchanges_in(vault, user_key, rows)).items()}


async def exchanges_in(vault: Vault, user_key: UserKey, rows: Sequence[tuple[Any, ...]]) -> dict[UUID, Exchange]:
    """The exchange before each episode, from the rows of the statement `episodes_before`. Skips unreadable ones.

    Long exchanges take a millisecond each, so a checkpoint follows every `READ_AT_ONCE` bytes.
    """
    episodic = EpisodicMemory(vault)
    found, read = {}, 0
    for episode_id, previous_id, token in rows:
        with suppress(Unreadable):
            found[episode_id] = episodic.read_exchange(user_key.cipher, previous_id, token)
        read += len(token)
        if read > READ_AT_ONCE:
            read = 0
            await trio.lowlevel.checkpoint()
    return found


def useful_previous_turn(text: str, previous: str | None) -> str | None:
    """`previous`, or None if it has the same words as `text`.

    Then it adds no meaning, and the vector would hide that both say the same.
    """
    if not previous:
        return None
    analyser = Analyser()
    return None if analyser.terms(text) == analyser.terms(previous) else previous


def last_turn(exchange: Exchange) -> str:
    """The response, or the message, whichever is short enough to be embedded with the next turn; or ""."""
    sides = (exchange.response.strip(), exchange.message.strip())
    return next((side for side in sides if 0 < len(side) <= MAX_PREVIOUS_CHARS), "")
