"""Encryption of single values with a user's key, and keyed digests.

An encrypted value is a Fernet token of JSON. The JSON includes its purpose (a column of a row), so that a token that
was moved to another row is rejected there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from memory.crypto.derive import derive_key

DIGEST_BYTES = 16


class Unreadable(Exception):
    """An encrypted value was modified, moved to another row, or encrypted with another key."""


def seal(fernet: Fernet, purpose: str, value: Any) -> bytes:
    """Encrypt `value`, JSON data with well-formed texts, for one `purpose`. Raises `ValueError` for other data."""
    text = json.dumps([purpose, value], ensure_ascii=False, separators=(",", ":"))
    return fernet.encrypt(text.encode())


def unseal(fernet: Fernet, purpose: str, token: bytes) -> Any:
    """The value that `seal` encrypted for `purpose`. Raises `Unreadable`, which contains nothing of the value."""
    try:
        sealed_purpose, value = json.loads(fernet.decrypt(bytes(token)))
    except (InvalidToken, ValueError, TypeError):
        raise Unreadable(
            f"the value of a {purpose.partition(':')[0]} can't be decrypted with this user's key"
        ) from None
    if sealed_purpose != purpose:
        raise Unreadable(f"the value of a {purpose.partition(':')[0]} belongs to another row or column")
    return value


def digest_key(user_key: bytes) -> bytes:
    """The key of `digest`, derived from the user's Fernet key."""
    return derive_key(user_key, b"tessera:memory-digest")


def digest(key: bytes, text: str) -> bytes:
    """A keyed hash of `text`, 16 bytes. Equal texts have equal digests; testing a guess needs the key."""
    return hmac.digest(key, text.encode(), hashlib.sha256)[:DIGEST_BYTES]
