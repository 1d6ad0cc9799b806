"""The keys of the server and of its users.

A master key is a Fernet key from the settings. The first of the list encrypts, all decrypt, so keys are rotated by
putting a new one in front. Master keys do two things: they wrap each user's own Fernet key, which is all the database
ever holds, and other keys are derived from them by label, for signing. Erasing a user's wrapped key makes everything
it sealed unreadable for good.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


class WrongMasterKey(Exception):
    """A user's key was wrapped by a master key that is not in the settings, or its bytes were changed."""

    def __init__(self) -> None:
        super().__init__("no master key unwraps this user's key: was one removed from TESSERA_MASTER_KEYS too early?")


def new_master_key() -> str:
    """A fresh random master key, as it is written in the settings."""
    return Fernet.generate_key().decode()


def check_master_key(key: str) -> str:
    """Give `key` back when it is 32 random bytes in URL-safe base64. Raises `ValueError`, never with the key in it."""
    try:
        raw = base64.b64decode(key.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("a master key is URL-safe base64") from None
    if len(raw) != KEY_BYTES:
        raise ValueError(f"a master key is {KEY_BYTES} bytes in URL-safe base64, this one is {len(raw)}")
    if len(set(raw)) < KEY_BYTES // 4:
        # Thirty-two random bytes hold about thirty different ones; fewer than eight never happens by chance.
        raise ValueError("this master key is not random")
    return key


class KeyRing:
    """The master keys, ready for use; nothing it shows of itself has a key in it."""

    __slots__ = ("_fernet", "_raw")

    def __init__(self, master_keys: Sequence[str]) -> None:
        """Raises `ValueError` when there is no key, a malformed one, or one twice."""
        if not master_keys:
            raise ValueError("at least one master key is needed")
        self._raw = [base64.urlsafe_b64decode(check_master_key(key)) for key in master_keys]
        if len(set(self._raw)) < len(self._raw):
            raise ValueError("a master key is listed twice")
        self._fernet = MultiFernet([Fernet(key) for key in master_keys])

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._raw)}>"

    def new_user_key(self) -> bytes:
        """A fresh user key, wrapped: what `users.encryption_key` holds."""
        return self._fernet.encrypt(Fernet.generate_key())

    def unwrap(self, wrapped: bytes) -> Fernet:
        """The user's key, ready for use. Raises `WrongMasterKey`."""
        try:
            return Fernet(self._fernet.decrypt(wrapped))
        except (InvalidToken, ValueError):
            raise WrongMasterKey from None

    def rewrap(self, wrapped: bytes) -> bytes:
        """The same user key, wrapped by the first master key. Raises `WrongMasterKey`."""
        try:
            return self._fernet.rotate(wrapped)
        except InvalidToken:
            raise WrongMasterKey from None

    def derive(self, label: str) -> list[bytes]:
        """One 32-byte key per master key for the purpose `label` (HKDF-SHA256): the first signs, all verify."""
        if not label:
            raise ValueError("a derived key needs a label")
        return [
            HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"tessera:" + label.encode()).derive(raw)
            for raw in self._raw
        ]
