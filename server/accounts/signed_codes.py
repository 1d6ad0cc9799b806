"""Short texts that this server signs: proof of an e-mail address, and of a device that has logged in before.

Nothing is stored for them: the signature is proof enough, at every server with the same master keys. Pure.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

CODE_LABEL: Final = "tessera signed codes"
"""The label that the signing keys are derived with: `KeyRing.derive(CODE_LABEL)`."""

_MAC_BYTES: Final = 16
_MAX_CHARS: Final = 200


class SignedCodes:
    """Signs with the first of `keys` and accepts all, so that they can be rotated. Times are in epoch seconds."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def email_code(self, email: str, expires_at: float) -> str:
        """Proof that the caller reads the mail of `email`."""
        expiry = f"{int(expires_at):x}"
        return f"{expiry}-{self._mac(self._keys[0], 'email', email, expiry)}"

    def is_email_code(self, code: str, email: str, now: float) -> bool:
        """Whether `code` was made for this address and has not expired."""
        expiry, _, mac = code.partition("-")
        try:
            expires_at = int(expiry, 16)
        except ValueError:
            return False
        return len(code) <= _MAX_CHARS and now < expires_at and self._is_valid(mac, "email", email, expiry)

    def device_token(self, email: str) -> str:
        """Proof that a device has logged in to the account of `email`. Each one is different."""
        name = secrets.token_urlsafe(12)
        return f"{name}.{self._mac(self._keys[0], 'device', email, name)}"

    def known_device(self, token: str, email: str) -> str | None:
        """The name of the device that `token` proves, for rate limits; None if it proves nothing."""
        name, _, mac = token.partition(".")
        return name if len(token) <= _MAX_CHARS and self._is_valid(mac, "device", email, name) else None

    def _is_valid(self, mac: str, *parts: str) -> bool:
        expected = [self._mac(key, *parts) for key in self._keys]
        return any(hmac.compare_digest(one.encode(), mac.encode("utf-8", "replace")) for one in expected)

    def _mac(self, key: bytes, *parts: str) -> str:
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        digest = hmac.new(key, text, hashlib.sha256).digest()[:_MAC_BYTES]
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
