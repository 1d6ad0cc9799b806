"""Credentials: password hashes (argon2id) and access tokens (JWT, HS256).

No class here uses the database. No message or repr contains a password, a hash or a token.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import jwt
import trio
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from server.accounts.hash_slots import NO_SOURCE, HashSlots, HashSource
from server.shared_limits import OwnPlaces, Places

TOKEN_LABEL: Final = "tessera access token"  # noqa: S105 - a label for key derivation, not a secret
"""The label that the signing keys are derived with: `KeyRing.derive(TOKEN_LABEL)`."""

_ALGORITHM: Final = "HS256"
OWN_ISSUER: Final = "tessera"
"""The claim `iss` of the tokens of this server."""

_AUDIENCE: Final = "tessera"
_LEEWAY_S: Final = 5.0
_MAX_TOKEN_CHARS: Final = 8192
_MAX_VERIFIED: Final = 4096
# The library's default is four threads for each hash: on a small machine they take every core from the event loop.
_HASH_THREADS: Final = 1


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """Whether a password was correct. `new_hash` is set if the stored hash has outdated parameters; store it."""

    ok: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and checks passwords with argon2id, in worker threads.

    `limiter` bounds the number of concurrent hashes: each takes the memory that `hasher` uses (64 MiB by default), and
    one core.
    `places`: those of the hashes, if other processes of this machine share them. Sources that wait get their turn one
    after the other.
    Passwords of unknown users are checked against a random digest with the same parameters.
    """

    def __init__(
        self, limiter: trio.CapacityLimiter, hasher: PasswordHasher | None = None, places: Places | None = None
    ) -> None:
        self._limiter = limiter
        self._slots = HashSlots(places or OwnPlaces(int(limiter.total_tokens)))
        self._hasher = hasher or PasswordHasher(parallelism=_HASH_THREADS)
        self._nobody = _random_hash(self._hasher)

    async def hash(self, password: str, source: HashSource = NO_SOURCE) -> str:
        """The hash to store, as a PHC string with salt and parameters. `source` and errors: see `HashSlots`."""
        async with self._slots.slot(source):
            return await trio.to_thread.run_sync(self._hasher.hash, _normalise(password), limiter=self._limiter)

    async def check(self, password: str, stored: str | None, source: HashSource = NO_SOURCE) -> PasswordCheck:
        """Check `password` against a stored hash. With `stored` None (unknown user) it fails after the same work.

        `source` and errors: see `HashSlots`.
        """
        async with self._slots.slot(source):
            return await trio.to_thread.run_sync(self._check, _normalise(password), stored, limiter=self._limiter)

    def _check(self, password: str, stored: str | None) -> PasswordCheck:
        try:
            self._hasher.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return PasswordCheck(ok=False)
        if stored is None:
            return PasswordCheck(ok=False)
        outdated = self._hasher.check_needs_rehash(stored)
        return PasswordCheck(ok=True, new_hash=self._hasher.hash(password) if outdated else None)


def _random_hash(hasher: PasswordHasher) -> str:
    """A PHC string with the parameters of `hasher` and a random salt and digest: checking it takes the same work.

    No password is known to match. Nothing is computed, so that the server starts faster.
    """
    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2{hasher.type.name.lower()}$v={ARGON2_VERSION}${parameters}${salt}${digest}"


def _normalise(password: str) -> str:
    # Another system may encode the same typed password with other code points (NIST SP 800-63B, 3.1.1.2).
    return unicodedata.normalize("NFKC", password)


class TokenInvalid(Exception):
    """The access token was not issued by this server, or is damaged."""

    def __init__(self) -> None:
        super().__init__("The access token is not valid.")


class TokenExpired(Exception):
    """The access token was issued by this server and has expired."""

    def __init__(self) -> None:
        super().__init__("The access token has expired.")


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """The user that a valid access token was issued to. Times are in seconds since the epoch.

    `login_id` is the login that the token belongs to. None: it is from an identity provider or an earlier release.
    """

    user_id: UUID
    expires_at: float
    login_id: UUID | None = None
    issued_at: float = 0.0


class Tokens:
    """Issues and verifies access tokens.

    `keys` are secrets of at least 32 bytes. The first signs and all verify, so that they can be rotated. `clock`
    returns seconds since the epoch.
    """

    def __init__(
        self, keys: Sequence[bytes], *, lifetime_s: int = 3600, clock: Callable[[], float] = time.time
    ) -> None:
        if not keys or any(len(key) < 32 for key in keys):
            raise ValueError("access tokens need at least one signing key, and each must have at least 32 bytes")
        self._keys = tuple(keys)
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._verified: dict[bytes, AuthenticatedUser] = {}

    def issue(self, user_id: UUID, login_id: UUID | None = None) -> tuple[str, int]:
        """A new token for `user_id` that belongs to a login, and its lifetime in seconds."""
        now = int(self._clock())
        claims: dict[str, str | int] = {
            "iss": OWN_ISSUER,
            "aud": _AUDIENCE,
            "sub": str(user_id),
            "iat": now,
            "exp": now + self._lifetime_s,
            "jti": uuid4().hex,
        }
        if login_id is not None:
            claims["sid"] = str(login_id)
        return jwt.encode(claims, self._keys[0], algorithm=_ALGORITHM), self._lifetime_s

    def verify(self, token: str) -> AuthenticatedUser:
        """The user that the token was issued to. Raises `TokenExpired` or `TokenInvalid`.

        The tokens verified last are known by their digests, because devices come back with the same token. Their times
        are checked at each use. A revoked access is not known here: ask the database at each use.
        """
        if len(token) > _MAX_TOKEN_CHARS:
            raise TokenInvalid
        digest = _digest(token)
        user = self._verified.get(digest) or _user(self._claims(token))
        now = self._clock()
        if now >= user.expires_at:
            self._verified.pop(digest, None)
            raise TokenExpired
        if user.issued_at > now + _LEEWAY_S:
            raise TokenInvalid
        if digest not in self._verified:
            if len(self._verified) >= _MAX_VERIFIED:
                del self._verified[next(iter(self._verified))]
            self._verified[digest] = user
        return user

    async def authenticate(self, token: str, device_id: UUID | None = None) -> AuthenticatedUser:
        """See `server.accounts.access.Authenticator`. Checks the token alone, without the database."""
        del device_id
        await trio.lowlevel.checkpoint()
        return self.verify(token)

    def _claims(self, token: str) -> dict[str, Any]:
        for key in self._keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key,
                    algorithms=[_ALGORITHM],
                    audience=_AUDIENCE,
                    issuer=OWN_ISSUER,
                    options={
                        "require": ["iss", "aud", "sub", "iat", "exp", "jti"],
                        # `verify` checks both against `clock`.
                        "verify_exp": False,
                        "verify_iat": False,
                    },
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, UnicodeError):
                raise TokenInvalid from None
            return claims
        raise TokenInvalid


def _user(claims: dict[str, Any]) -> AuthenticatedUser:
    expires_at, issued_at = claims["exp"], claims["iat"]
    if not isinstance(expires_at, int) or not isinstance(issued_at, int):
        raise TokenInvalid
    try:
        login_id = UUID(claims["sid"]) if "sid" in claims else None
        return AuthenticatedUser(UUID(claims["sub"]), float(expires_at), login_id, float(issued_at))
    except (ValueError, TypeError, AttributeError):
        raise TokenInvalid from None


def _digest(token: str) -> bytes:
    # Not the token itself: a dump of the memory should not show the tokens of thousands of devices.
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=32).digest()
