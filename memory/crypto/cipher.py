"""One value sealed under a user's key, and opened again only where it belongs.

A sealed value is a Fernet token of JSON. It names its purpose (which column of which row it is for), so that a token
that somebody moved to another row does not open there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DIGEST_BYTES = 16


class Unreadable(Exception):
    """A sealed value was changed, moved, or sealed under another key."""


def well_formed(text: str) -> str:
    """`text` as Unicode: halves of surrogate pairs are joined, and those that stand alone replaced by U+FFFD.

    JSON can spell such halves (a model may stream an emoji in two of them); UTF-8, and so PostgreSQL, a tokenizer and a
    model's API can't.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def seal(fernet: Fernet, purpose: str, value: Any) -> bytes:
    """`value`, which is JSON, as a token that opens for the same `purpose` only. Its texts come back `well_formed`."""
    text = json.dumps([purpose, value], ensure_ascii=False, separators=(",", ":"))
    return fernet.encrypt(well_formed(text).encode())


def unseal(fernet: Fernet, purpose: str, token: bytes) -> Any:
    """What `seal` was given. Raises `Unreadable`, with nothing of the contents in it."""
    try:
        said, value = json.loads(fernet.decrypt(bytes(token)))
    except (InvalidToken, ValueError, TypeError):
        raise Unreadable(f"a {purpose.partition(':')[0]} does not open with this user's key") from None
    if said != purpose:
        raise Unreadable(f"a {purpose.partition(':')[0]} holds what belongs elsewhere")
    return value


def digest_key(user_key: bytes) -> bytes:
    """The key of `digest`, derived from the user's Fernet key."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"tessera:memory-digest").derive(user_key)


def digest(key: bytes, text: str) -> bytes:
    """A keyed hash of `text`, 16 bytes: equal texts of one user are found equal, and nobody else can test a guess."""
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)[:DIGEST_BYTES]
