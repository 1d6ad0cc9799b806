"""Master keys: they wrap users' keys, and signing keys are derived from them.

A master key is a Fernet key from the settings. The first of the list wraps, all unwrap, so a key is rotated by putting
a new one in front. The database holds users' keys only wrapped. Destroying a user's key makes everything it encrypted
unreadable; `memory/keys/shares.py` makes that true for backups of the database too.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from memory.crypto import KEY_BYTES, derive_key


class WrongMasterKey(Exception):
    """A user's key was wrapped by a master key that is not in the settings, or the wrapped key is damaged."""

    def __init__(self) -> None:
        super().__init__(
            "no master key unwraps this user's key: TESSERA_MASTER_KEYS (or the master.key of the state folder) must"
            " contain the key that wrapped it, unless the stored key is damaged; nothing was changed"
        )


def new_master_key() -> str:
    """A new random master key, in the form used in the settings."""
    return Fernet.generate_key().decode()


def check_master_key(key: str) -> str:
    """Return `key` if it is 32 random bytes in URL-safe base64. Raises `ValueError`, whose message has no key in it."""
    try:
        raw = base64.b64decode(key.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("a master key must be URL-safe base64") from None
    if len(raw) != KEY_BYTES:
        raise ValueError(f"a master key must be {KEY_BYTES} bytes in URL-safe base64, this one has {len(raw)}")
    if len(set(raw)) < KEY_BYTES // 4:
        # Of 32 random bytes about 30 are distinct; fewer than 8 never happens by chance.
        raise ValueError("a master key must be random, this one repeats a few bytes: generate one")
    return key


class KeyRing:
    """The master keys. The `repr` contains no key."""

    __slots__ = ("_fernet", "_raw")

    def __init__(self, master_keys: Sequence[str]) -> None:
        """Raises `ValueError` for a missing, an invalid or a duplicate key."""
        if not master_keys:
            raise ValueError("at least one master key is needed")
        self._raw = [base64.urlsafe_b64decode(check_master_key(key)) for key in master_keys]
        if len(set(self._raw)) < len(self._raw):
            raise ValueError("a master key is listed twice")
        self._fernet = MultiFernet([Fernet(key) for key in master_keys])

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._raw)}>"

    def wrap(self, user_key: bytes, share: bytes = b"") -> bytes:
        """Wrap a user key with the first master key, for `users.encryption_key`.

        `share`: the 32 random bytes stored outside the database, or empty if shares are not used.
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
        """Whether the first master key wraps it already, so that `rewrap` has nothing to do."""
        try:
            self._fernets(share)[0].decrypt(wrapped)
        except InvalidToken:
            return False
        return True

    def _wrapping(self, share: bytes) -> MultiFernet:
        return MultiFernet(self._fernets(share)) if share else self._fernet

    def _fernets(self, share: bytes) -> list[Fernet]:
        keys = [derive_key(raw, b"tessera:user-key", salt=share) for raw in self._raw] if share else self._raw
        return [Fernet(base64.urlsafe_b64encode(key)) for key in keys]

    def sign(self, text: bytes) -> tuple[bytes, bytes]:
        """The Ed25519 signature of `text` by a key derived from the first master key, and the public key for it."""
        key = Ed25519PrivateKey.from_private_bytes(self.derive("receipts")[0])
        return key.sign(text), key.public_key().public_bytes_raw()

    def derive(self, label: str) -> list[bytes]:
        """One 32-byte key per master key for the purpose `label`: the first signs, all verify."""
        if not label:
            raise ValueError("the label of a derived key must not be empty")
        return [derive_key(raw, b"tessera:" + label.encode()) for raw in self._raw]
