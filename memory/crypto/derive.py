"""Key derivation: the one place that calls HKDF.

A label names the purpose of a key. Labels are part of the stored data: a changed label makes existing rows unreadable.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32


def derive_key(secret: bytes, label: bytes, salt: bytes | None = None) -> bytes:
    """A 32-byte key for the purpose `label`, by HKDF-SHA256. Raises `ValueError` if `secret` is under 32 bytes."""
    if len(secret) < KEY_BYTES:
        raise ValueError(f"a secret to derive keys from has at least {KEY_BYTES} bytes, this one has {len(secret)}")
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=label).derive(secret)
