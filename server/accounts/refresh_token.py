"""Refresh tokens: opaque strings of which the database only has a digest. Pure.

A token names its login, so that its row is found by its key. Only the random secret makes it valid.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

_PREFIX: Final = "tsr_"
"""Lets secret scanners recognise a token that was published by mistake."""
_ID_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_BYTES: Final = 2 * _ID_BYTES + _SECRET_BYTES


class RefreshTokenInvalid(Exception):
    """The refresh token is unknown, has expired, or belongs to a login that has ended."""

    def __init__(self) -> None:
        super().__init__("The refresh token is not valid. Log in again.")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One token. The `repr` does not contain its secret."""

    user_id: UUID
    login_id: UUID
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls, user_id: UUID, login_id: UUID) -> RefreshToken:
        """A new random token of a login."""
        return cls(user_id, login_id, secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> RefreshToken:
        """The token that `text` is. Raises `RefreshTokenInvalid`."""
        encoded = text.removeprefix(_PREFIX)
        try:
            data = base64.urlsafe_b64decode(encoded.encode("ascii") + b"=" * (-len(encoded) % 4))
        except (ValueError, binascii.Error):
            raise RefreshTokenInvalid from None
        token = cls(
            UUID(bytes=data[:_ID_BYTES].ljust(_ID_BYTES)),
            UUID(bytes=data[_ID_BYTES : 2 * _ID_BYTES].ljust(_ID_BYTES)),
            data[2 * _ID_BYTES :],
        )
        # Base64 has several texts for the same bytes; only the one that was issued counts.
        if len(data) != _BYTES or token.text() != text:
            raise RefreshTokenInvalid
        return token

    def text(self) -> str:
        """The token as the client gets it."""
        data = self.user_id.bytes + self.login_id.bytes + self.secret
        return _PREFIX + base64.urlsafe_b64encode(data).decode().rstrip("=")

    def digest(self) -> bytes:
        """The stored digest. The secret has 256 random bits, so a fast hash is enough."""
        named = self.user_id.bytes + self.login_id.bytes
        return hashlib.sha256(b"tessera refresh token" + named + self.secret).digest()
