"""Who is asking: password hashes (argon2id) and access tokens (JWT, HS256).

Neither class touches the database. No password, hash or token is ever part of a message or a repr.
"""

from __future__ import annotations

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

TOKEN_LABEL: Final = "tessera access token"  # noqa: S105 - names the key derivation, guards nothing
"""What the signing keys are derived for: `KeyRing.derive(TOKEN_LABEL)`."""

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "tessera"
_AUDIENCE: Final = "tessera"
_LEEWAY_S: Final = 5.0
_MAX_TOKEN_CHARS: Final = 8192


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """Whether a password was right and, when it was but its hash has outdated parameters, a new hash to store."""

    ok: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and checks passwords with argon2id, in worker threads.

    `limiter` bounds how many hash at once: each takes the memory that `hasher` is set to (64 MiB by default).
    Making a `Passwords` hashes once, in the calling thread, for what unknown users are checked against.
    """

    def __init__(self, limiter: trio.CapacityLimiter, hasher: PasswordHasher | None = None) -> None:
        self._limiter = limiter
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(uuid4().hex)

    async def hash(self, password: str) -> str:
        """The PHC string to store, with its own salt and parameters."""
        return await trio.to_thread.run_sync(self._hasher.hash, _normalise(password), limiter=self._limiter)

    async def check(self, password: str, stored: str | None) -> PasswordCheck:
        """Check `password` against a stored hash. `stored` None (no such user) is False after the same work."""
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


def _normalise(password: str) -> str:
    # The same keys pressed on another system may arrive as other code points (NIST SP 800-63B, 3.1.1.2).
    return unicodedata.normalize("NFKC", password)


class TokenInvalid(Exception):
    """The access token is not one of ours, or is damaged."""

    def __init__(self) -> None:
        super().__init__("The access token is not valid.")


class TokenExpired(Exception):
    """The access token was ours, and its time is over."""

    def __init__(self) -> None:
        super().__init__("The access token has expired.")


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """The user that a valid access token was issued to. `expires_at` is in seconds since the epoch."""

    user_id: UUID
    expires_at: float


class Tokens:
    """Issues and verifies access tokens.

    `keys` are secrets of at least 32 bytes: the first signs, all verify, so that they can be rotated. `clock` gives
    seconds since the epoch.
    """

    def __init__(
        self, keys: Sequence[bytes], *, lifetime_s: int = 3600, clock: Callable[[], float] = time.time
    ) -> None:
        if not keys or any(len(key) < 32 for key in keys):
            raise ValueError("tokens need at least one key, each of 32 bytes or more")
        self._keys = tuple(keys)
        self._lifetime_s = lifetime_s
        self._clock = clock

    def issue(self, user_id: UUID) -> tuple[str, int]:
        """A new token for `user_id`, and the seconds it is good for."""
        now = int(self._clock())
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(user_id),
            "iat": now,
            "exp": now + self._lifetime_s,
            "jti": uuid4().hex,
        }
        return jwt.encode(claims, self._keys[0], algorithm=_ALGORITHM), self._lifetime_s

    def verify(self, token: str) -> AuthenticatedUser:
        """Whose token this is. Raises `TokenExpired` or `TokenInvalid`."""
        claims = self._claims(token)
        expires_at, issued_at = claims["exp"], claims["iat"]
        if not isinstance(expires_at, int) or not isinstance(issued_at, int):
            raise TokenInvalid
        now = self._clock()
        if now >= expires_at:
            raise TokenExpired
        if issued_at > now + _LEEWAY_S:
            raise TokenInvalid
        try:
            return AuthenticatedUser(UUID(claims["sub"]), float(expires_at))
        except ValueError:
            raise TokenInvalid from None

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _MAX_TOKEN_CHARS:
            raise TokenInvalid
        for key in self._keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key,
                    algorithms=[_ALGORITHM],
                    audience=_AUDIENCE,
                    issuer=_ISSUER,
                    options={
                        "require": ["iss", "aud", "sub", "iat", "exp", "jti"],
                        # Both are checked against our own clock, by the caller.
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
