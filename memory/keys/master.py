"""The keys of the server and of its users.

A master key is a Fernet key from the settings. The first of the list encrypts, all decrypt, so keys are rotated by
putting a new one in front. Master keys do two things: they wrap each user's own Fernet key, which is all the database
ever holds, and other keys are derived from them by label, for signing. Destroying a user's key makes everything it
sealed unreadable for good; `memory/keys/shares.py` is what makes that true of backups of the database too.
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
        super().__init__(
            "none of the master keys opens this user's key: TESSERA_MASTER_KEYS (or the master.key of the state folder)"
            " must hold the one that wrapped it, unless the stored key is damaged; nothing was changed"
        )


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

    def wrap(self, user_key: bytes, share: bytes = b"") -> bytes:
        """A user key under the first master key: what `users.encryption_key` holds.

        `share` is the half of the wrapping key that is kept outside the database, if there is one: 32 random bytes.
        """
        return self._wrapping(share).encrypt(user_key)

    def unwrap(self, wrapped: bytes, share: bytes = b"") -> bytes:
        """The user's key, a Fernet key. Raises `WrongMasterKey`."""
        try:
            user_key = self._wrapping(share).decrypt(wrapped)
            Fernet(user_key)
        except (InvalidToken, ValueError):
            raise WrongMasterKey from None
        return user_key

    def rewrap(self, wrapped: bytes, share: bytes = b"") -> bytes:
        """The same user key, wrapped by the first master key. Raises `WrongMasterKey`."""
        try:
            return self._wrapping(share).rotate(wrapped)
        except InvalidToken:
            raise WrongMasterKey from None

    def wrapped_by_first(self, wrapped: bytes, share: bytes = b"") -> bool:
        """Whether the first master key wraps this one, so that `rewrap` has nothing to do."""
        try:
            self._fernets(share)[0].decrypt(wrapped)
        except InvalidToken:
            return False
        return True

    def _wrapping(self, share: bytes) -> MultiFernet:
        return MultiFernet(self._fernets(share)) if share else self._fernet

    def _fernets(self, share: bytes) -> list[Fernet]:
        keys = [_expand(raw, b"tessera:user-key", salt=share) for raw in self._raw] if share else self._raw
        return [Fernet(base64.urlsafe_b64encode(key)) for key in keys]

    def derive(self, label: str) -> list[bytes]:
        """One 32-byte key per master key for the purpose `label` (HKDF-SHA256): the first signs, all verify."""
        if not label:
            raise ValueError("a derived key needs a label")
        return [_expand(raw, b"tessera:" + label.encode()) for raw in self._raw]


def _expand(raw: bytes, purpose: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=purpose).derive(raw)
