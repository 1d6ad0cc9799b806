"""Keys and values in the form of earlier releases, which are still read."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID

import psycopg
from cryptography.fernet import Fernet

from memory.crypto.cipher import Purpose
from memory.crypto.derive import derive_key
from memory.keys.user_keys import UserKey, WrappedKey
from tests.memory.plain import COLUMNS


def legacy_wrapped(master_key: str, user_key: bytes, share: bytes = b"") -> bytes:
    """A user's key as a Fernet token, which is not bound to the user."""
    raw = base64.urlsafe_b64decode(master_key)
    wrapping = derive_key(raw, b"tessera:user-key", salt=share) if share else raw
    return Fernet(base64.urlsafe_b64encode(wrapping)).encrypt(user_key)


def legacy_token(user_key: bytes, purpose: Purpose, value: Any) -> bytes:
    """A value as a Fernet token of [purpose, value]."""
    return Fernet(user_key).encrypt(json.dumps([purpose.legacy, value], ensure_ascii=False).encode())


def as_earlier_release(database: str, master_key: str, user_key: UserKey, share: bytes = b"") -> UserKey:
    """Rewrite a user's rows of the tiers as an earlier release stored them, without manifests; returns the key."""
    wrapped = legacy_wrapped(master_key, user_key.key, share)
    stored = WrappedKey(wrapped, user_key.share_id).stored()
    user_id: UUID = user_key.user_id
    with psycopg.connect(database) as connection:
        for table, name, column, purpose in COLUMNS:
            query = f"SELECT {name}, {column} FROM {table} WHERE user_id = %s AND {column} IS NOT NULL"  # noqa: S608
            for row, token in connection.execute(query.encode(), [user_id]).fetchall():
                legacy = legacy_token(user_key.key, purpose(row), user_key.cipher.unseal(purpose(row), token))
                update = f"UPDATE {table} SET {column} = %s WHERE user_id = %s AND {name} = %s"  # noqa: S608
                connection.execute(update.encode(), [legacy, user_id, row])
        connection.execute("DELETE FROM memory_manifests WHERE user_id = %s", [user_id])
        connection.execute("UPDATE users SET encryption_key = %s WHERE user_id = %s", [stored, user_id])
    return UserKey(user_id, stored, user_key.key)
