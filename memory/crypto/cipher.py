"""Encryption of single values with a user's key, and keyed digests.

An encrypted value is JSON under AES-256-GCM. Each column has its own key, derived from the user's key and id. The
associated data name the version, the user, the table, the column, the row and the revision of the value. So a value
that was moved to another user, column or row is rejected, and its revision can't be changed.

    0x02 | revision (8 bytes) | nonce (12 bytes) | ciphertext and tag

Earlier releases wrote Fernet tokens of [purpose, value]. They are still read; nothing writes them any more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import struct
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from memory.crypto.derive import derive_key

DIGEST_BYTES: Final = 16

_encoded: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_decoded: Final = msgspec.json.Decoder().decode
# Part of the stored data, like the labels and the order of the associated data. A Fernet token starts with "g".
_VERSION: Final = b"\x02"
_HEADER: Final = struct.Struct(">cQ")
_LENGTH: Final = struct.Struct(">I")
_HEADER_LENGTH: Final = _LENGTH.pack(_HEADER.size)
_NONCE_BYTES: Final = 12


class Unreadable(Exception):
    """An encrypted value was modified, moved to another row, or encrypted with another key."""


class Purpose(NamedTuple):
    """The place that a value is encrypted for: a column of one row of the user.

    `legacy` is the name of the place in values of earlier releases.
    """

    table: str
    column: str
    row: str
    legacy: str


class Cipher:
    """Encrypts and decrypts the values of one user. The `repr` contains no key. Creating one takes about 20 µs."""

    __slots__ = ("_columns", "_fernet", "_user_id", "_user_key")

    def __init__(self, user_id: UUID, user_key: bytes) -> None:
        """`user_key`: the user's Fernet key, in base64. Raises `ValueError` if it is invalid."""
        self._user_id = user_id
        self._user_key = user_key
        self._fernet = Fernet(user_key)
        self._columns: dict[tuple[str, str], tuple[AESGCM, bytes]] = {}

    def __repr__(self) -> str:
        return "<Cipher>"

    def seal(self, purpose: Purpose, value: Any, revision: int = 0) -> bytes:
        """Encrypt `value`, JSON data with well-formed texts, for one `purpose`. Raises `ValueError` for other data.

        `revision`: a number from 0 to 2⁶⁴ - 1 that the reader can compare with the one it expects.
        """
        return self.seal_bytes(purpose, _encoded(value).encode(), revision)

    def seal_bytes(self, purpose: Purpose, value: bytes, revision: int = 0) -> bytes:
        """Like `seal`, for bytes that are not JSON."""
        header = _HEADER.pack(_VERSION, revision)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        key, place = self._column(purpose)
        return header + nonce + key.encrypt(nonce, value, _bound_to(place, purpose, header))

    def unseal(self, purpose: Purpose, token: bytes) -> Any:
        """The value encrypted for `purpose`. Raises `Unreadable`, which contains nothing of the value."""
        token = bytes(token)
        if not token.startswith(_VERSION):
            return self._unseal_legacy(purpose, token)
        value = self.unseal_bytes(purpose, token)
        try:
            return _decoded(value)
        except (msgspec.MsgspecError, ValueError):
            pass  # `json` also reads what it wrote outside of the standard, such as the number NaN.
        try:
            return json.loads(value.decode())
        except ValueError:
            raise Unreadable(f"a value of {purpose.table} is not JSON") from None

    def unseal_bytes(self, purpose: Purpose, token: bytes) -> bytes:
        """The bytes that `seal_bytes` encrypted for `purpose`. Raises `Unreadable`."""
        header, nonce = token[: _HEADER.size], token[_HEADER.size : _HEADER.size + _NONCE_BYTES]
        try:
            key, place = self._column(purpose)
            return key.decrypt(nonce, token[_HEADER.size + _NONCE_BYTES :], _bound_to(place, purpose, header))
        except (InvalidTag, ValueError):
            raise Unreadable(f"a value of {purpose.table} can't be decrypted with this user's key") from None

    def _unseal_legacy(self, purpose: Purpose, token: bytes) -> Any:
        try:
            sealed_purpose, value = json.loads(self._fernet.decrypt(token))
        except (InvalidToken, ValueError, TypeError):
            raise Unreadable(f"a value of {purpose.table} can't be decrypted with this user's key") from None
        if sealed_purpose != purpose.legacy:
            raise Unreadable(f"a value of {purpose.table} belongs to another row or column")
        return value

    def _column(self, purpose: Purpose) -> tuple[AESGCM, bytes]:
        """The key of one column, and what names the column in the associated data.

        Random nonces are safe for 2³² values of a key.
        """
        place = (purpose.table, purpose.column)
        column = self._columns.get(place)
        if column is None:
            label = b"tessera:value:2:" + self._user_id.bytes + "\0".join(place).encode()
            fields = (self._user_id.bytes, purpose.table.encode(), purpose.column.encode())
            column = AESGCM(derive_key(self._user_key, label)), b"".join(map(_with_length, fields))
            self._columns[place] = column
        return column


def _bound_to(place: bytes, purpose: Purpose, header: bytes) -> bytes:
    """The associated data of a value."""
    row = purpose.row.encode()
    return b"".join((_HEADER_LENGTH, header, place, _LENGTH.pack(len(row)), row))


def _with_length(field: bytes) -> bytes:
    return _LENGTH.pack(len(field)) + field


def revision_of(token: bytes) -> int:
    """The revision of an encrypted value; 0 for a value of an earlier release. It is authentic if `unseal` succeeds."""
    token = bytes(token[: _HEADER.size])
    if not token.startswith(_VERSION) or len(token) < _HEADER.size:
        return 0
    return int(_HEADER.unpack(token)[1])


def digest_key(user_key: bytes) -> bytes:
    """The key of `digest`, derived from the user's Fernet key."""
    return derive_key(user_key, b"tessera:memory-digest")


def digest(key: bytes, text: str) -> bytes:
    """A keyed hash of `text`, 16 bytes. Equal texts have equal digests; testing a guess needs the key."""
    return hmac.digest(key, text.encode(), hashlib.sha256)[:DIGEST_BYTES]
