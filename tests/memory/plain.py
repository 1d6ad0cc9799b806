"""The decrypted values of a user's rows, read as a superuser: for tests of the stored values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from memory.crypto.cipher import Purpose
from memory.keys.user_keys import UserKey
from memory.tiers.core import history_purpose, value_purpose
from memory.tiers.documents import content_purpose
from memory.tiers.episodic import exchange_purpose, summary_purpose
from memory.tiers.proactive import pattern_purpose
from memory.tiers.titles import title_purpose

COLUMNS: tuple[tuple[str, str, str, Callable[[Any], Purpose]], ...] = (
    ("memory_core", "key", "value_encrypted", value_purpose),
    ("memory_core", "key", "history_encrypted", history_purpose),
    ("memory_episodic", "id", "summary_encrypted", summary_purpose),
    ("memory_episodic", "id", "exchange_encrypted", exchange_purpose),
    ("memory_associative", "content_digest", "content_encrypted", content_purpose),
    ("memory_proactive", "pattern_digest", "pattern_encrypted", pattern_purpose),
    ("memory_conversations", "conversation_id", "title_encrypted", title_purpose),
)
"""(table, column that names the row, encrypted column, its purpose)."""


def tokens(database: str, user_key: UserKey) -> list[tuple[Purpose, bytes]]:
    """Every encrypted value of a user in the tiers, with its purpose."""
    with psycopg.connect(database) as connection:
        return [
            (purpose(row), bytes(token))
            for table, name, column, purpose in COLUMNS
            for row, token in connection.execute(
                f"SELECT {name}, {column} FROM {table}"  # noqa: S608  # names of our tables
                f" WHERE user_id = %s AND {column} IS NOT NULL".encode(),
                [user_key.user_id],
            ).fetchall()
        ]


def held(database: str, user_key: UserKey) -> str:
    """All values of a user in the tiers, decrypted."""
    return "\n".join(str(user_key.cipher.unseal(purpose, token)) for purpose, token in tokens(database, user_key))
