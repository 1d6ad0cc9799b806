"""Master keys: they wrap users' keys, and signing keys are derived from them.

A master key is a Fernet key from the settings. The first of the list wraps, all unwrap, so a key is rotated by putting
a new one in front. The database holds users' keys only wrapped. Destroying a user's key makes everything it encrypted
unreadable; `memory/keys/shares.py` makes that true for backups of the database too.

A wrapped key is bound to its user: the wrapping key is derived from the master key, the share and the user's id, and
the id is authenticated. So a wrapped key that was copied to another user does not unwrap.

    0x02 | nonce (12 bytes) | the user's key under AES-256-GCM

Earlier releases wrapped keys as Fernet tokens, which are not bound. They still unwrap, unless the ring refuses them;
`rewrap` replaces them.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from memory.crypto import KEY_BYTES, derive_key

# Part of the stored data. A Fernet token starts with "g".
_BOUND: Final = b"\x02"
_NONCE_BYTES: Final = 12
_LABEL: Final = b"tessera:user-key:2:"


class WrongMasterKey(Exception):
    """A user's key was wrapped by another master key or for another user, or the wrapped key is damaged."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            message
            or "no master key unwraps this user's key: TESSERA_MASTER_KEYS (or the master.key of the state folder) must"
            " contain the key that wrapped it, unless the stored key is damaged or another user's; nothing was changed"
        )


class UnboundKey(WrongMasterKey):
    """The wrapped key is not bound to its user, and the settings refuse such keys."""

    def __init__(self) -> None:
        super().__init__(
            "this user's key is wrapped in the form of earlier releases, which is not bound to the user: unset"
            " TESSERA_REFUSE_UNBOUND_KEYS, run `python -m server rotate-master-key`, then set it again"
        )


def is_bound(token: bytes) -> bool:
    """Whether a wrapped key is in the form that is bound to its user."""
    return token.startswith(_BOUND)


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

    __slots__ = ("_raw", "_refuse_unbound")

    def __init__(self, master_keys: Sequence[str], *, refuse_unbound: bool = False) -> None:
        """Raises `ValueError` for a missing, an invalid or a duplicate key.

        `refuse_unbound`: do not unwrap keys in the form of earlier releases.
        """
        if not master_keys:
            raise ValueError("at least one master key is needed")
        self._raw = [base64.urlsafe_b64decode(check_master_key(key)) for key in master_keys]
        if len(set(self._raw)) < len(self._raw):
            raise ValueError("a master key is listed twice")
        self._refuse_unbound = refuse_unbound

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._raw)}>"

    def wrap(self, user_id: UUID, user_key: bytes, share: bytes = b"") -> bytes:
        """Wrap a user's key with the first master key, for `users.encryption_key`.

        `share`: the 32 random bytes stored outside the database, or empty if shares are not used.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _BOUND + nonce + _wrapping(self._raw[0], user_id, share).encrypt(nonce, user_key, _bound_to(user_id))

    def unwrap(self, user_id: UUID, wrapped: bytes, share: bytes = b"") -> bytes:
        """The user's key, a Fernet key. Raises `WrongMasterKey`; `UnboundKey` if the ring refuses its form."""
        if is_bound(wrapped):
            user_key = next(filter(None, (_unwrapped(raw, user_id, wrapped, share) for raw in self._raw)), None)
        elif self._refuse_unbound:
            raise UnboundKey
        else:
            user_key = self._unwrapped_legacy(wrapped, share)
        try:
            Fernet(user_key or b"")
        except ValueError:
            raise WrongMasterKey from None
        assert user_key is not None  # noqa: S101
        return user_key

    def rewrap(self, user_id: UUID, wrapped: bytes, share: bytes = b"") -> bytes:
        """The same user key, wrapped by the first master key for this user. Raises like `unwrap`."""
        return self.wrap(user_id, self.unwrap(user_id, wrapped, share), share)

    def is_current(self, user_id: UUID, wrapped: bytes, share: bytes = b"") -> bool:
        """Whether the first master key wraps it already, bound to the user, so that `rewrap` has nothing to do."""
        return is_bound(wrapped) and _unwrapped(self._raw[0], user_id, wrapped, share) is not None

    def _unwrapped_legacy(self, wrapped: bytes, share: bytes) -> bytes | None:
        keys = [derive_key(raw, b"tessera:user-key", salt=share) for raw in self._raw] if share else self._raw
        try:
            return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys]).decrypt(wrapped)
        except InvalidToken:
            return None

    def sign(self, text: bytes) -> tuple[bytes, bytes]:
        """The Ed25519 signature of `text` by a key derived from the first master key, and the public key for it."""
        key = Ed25519PrivateKey.from_private_bytes(self.derive("receipts")[0])
        return key.sign(text), key.public_key().public_bytes_raw()

    def derive(self, label: str) -> list[bytes]:
        """One 32-byte key per master key for the purpose `label`: the first signs, all verify."""
        if not label:
            raise ValueError("the label of a derived key must not be empty")
        return [derive_key(raw, b"tessera:" + label.encode()) for raw in self._raw]


def _wrapping(master_key: bytes, user_id: UUID, share: bytes) -> AESGCM:
    return AESGCM(derive_key(master_key, _LABEL + user_id.bytes, salt=share or None))


def _unwrapped(master_key: bytes, user_id: UUID, wrapped: bytes, share: bytes) -> bytes | None:
    nonce, ciphertext = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
    try:
        return _wrapping(master_key, user_id, share).decrypt(nonce, ciphertext, _bound_to(user_id))
    except (InvalidTag, ValueError):
        return None  # another master key, or damaged


def _bound_to(user_id: UUID) -> bytes:
    return _LABEL + user_id.bytes
