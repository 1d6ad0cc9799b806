"""Access tokens of the operator's identity provider (OpenID Connect), such as Auth0, Keycloak, Supabase or Entra.

PyJWT verifies the tokens. This module fetches the provider's keys: at the first token, when a token names a key that is
not known, and again after some minutes. While the provider can't be reached, the last keys stay in use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import httpx
import jwt
import structlog
import trio

from server.accounts.accounts import Accounts
from server.accounts.credentials import AuthenticatedUser, TokenExpired, TokenInvalid

log = structlog.get_logger(__name__)

ASYMMETRIC: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Algorithms whose verifying key is public. With HS256, every reader of the public key could sign."""

_USERS: Final = UUID("8c1f3f0e-64a5-4b0f-9b1e-1d6a8f2f3c57")
"""The namespace of the ids of external users."""
_MAX_CHARS: Final = 16_384
_FETCH_S: Final = 5.0
_KEYS_LAST_S: Final = 600.0
_BETWEEN_FETCHES_S: Final = 10.0
_MAX_KEYS_BYTES: Final = 1_048_576
# The provider closes a connection that is idle between two fetches.
_HEADERS: Final = {"Accept": "application/json", "Connection": "close"}
_DISCOVERY: Final = "/.well-known/openid-configuration"


class ProviderUnavailable(Exception):
    """The identity provider's keys can't be fetched, and none are known. The message does not contain its answer."""

    def __init__(self) -> None:
        super().__init__("The keys of the identity provider can't be fetched now. Try again.")


@dataclass(frozen=True, slots=True)
class ProviderTerms:
    """What a token must say. `jwks_url`: None reads it from the issuer's discovery document."""

    issuer: str
    audiences: tuple[str, ...]
    jwks_url: str | None = None
    subject_claim: str = "sub"
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    leeway_s: float = 30.0


class IdentityProvider:
    """Implements `server.accounts.access.ExternalUsers`. `wall_clock`: seconds since the epoch."""

    def __init__(
        self,
        terms: ProviderTerms,
        client: httpx.AsyncClient,
        accounts: Accounts,
        *,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if not set(terms.algorithms) <= ASYMMETRIC:
            raise ValueError("an identity provider's tokens need an algorithm with a public key")
        self._terms = terms
        self._client = client
        self._accounts = accounts
        self._wall_clock = wall_clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = trio.Lock()

    def __repr__(self) -> str:
        return f"<IdentityProvider {self._terms.issuer}, {len(self._keys)} keys>"

    async def verify(self, token: str) -> AuthenticatedUser:
        """The user of a token. Raises `TokenExpired`, `TokenInvalid` or `ProviderUnavailable`.

        One subject of one issuer is the same user at every server.
        """
        claims = await self._claims(token)
        now, leeway_s = self._wall_clock(), self._terms.leeway_s
        expires_at, issued_at = _time(claims, "exp"), _time(claims, "iat")
        not_before = _time(claims, "nbf") if "nbf" in claims else issued_at
        subject = claims.get(self._terms.subject_claim)
        if not isinstance(subject, str) or not subject or "\0" in subject:
            raise TokenInvalid
        if now >= expires_at + leeway_s:
            raise TokenExpired
        if max(issued_at, not_before) > now + leeway_s:
            raise TokenInvalid
        return AuthenticatedUser(self._user_id(subject), expires_at + leeway_s, None, issued_at)

    async def create(self, token: str, user: AuthenticatedUser) -> None:
        """See `server.accounts.access.ExternalUsers`. `token` was verified."""
        subject = jwt.decode(token, options={"verify_signature": False})[self._terms.subject_claim]
        await self._accounts.create_external(user.user_id, self._terms.issuer, subject)
        log.info("external_user_created", user_id=str(user.user_id))

    def _user_id(self, subject: str) -> UUID:
        return uuid5(_USERS, f"{self._terms.issuer}\0{subject}")

    async def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _MAX_CHARS:
            raise TokenInvalid
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.InvalidTokenError, UnicodeError):
            raise TokenInvalid from None
        algorithm, key_id = header.get("alg"), header.get("kid", "")
        if algorithm not in self._terms.algorithms or not isinstance(key_id, str):
            raise TokenInvalid
        key = await self._key(key_id)
        if key is None or not _fits(key, algorithm):
            raise TokenInvalid
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=list(self._terms.audiences),
                issuer=self._terms.issuer,
                # `verify` checks the times against `wall_clock`.
                options={
                    "require": ["iss", "aud", "exp", "iat"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "verify_sub": False,
                },
            )
        except (jwt.InvalidTokenError, jwt.InvalidKeyError, UnicodeError):
            raise TokenInvalid from None
        return claims

    async def _key(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id. A token without an id is accepted if there is one key."""
        found = self._known(key_id)
        stale = trio.current_time() >= self._fetched_at + _KEYS_LAST_S
        # Only one request waits for a provider that is slow; the others go on with a key that was valid minutes ago.
        if found is None or (stale and not self._fetching.locked()):
            await self._fetch(key_id)
            found = self._known(key_id)
        if not self._keys:
            raise ProviderUnavailable
        return found

    def _known(self, key_id: str) -> jwt.PyJWK | None:
        if not key_id and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    async def _fetch(self, key_id: str) -> None:
        """Fetch the keys, at most every ten seconds: tokens with invented key ids must not cost more."""
        async with self._fetching:
            now = trio.current_time()
            fresh = now < self._fetched_at + _KEYS_LAST_S
            if now < self._tried_at + _BETWEEN_FETCHES_S or (fresh and self._known(key_id) is not None):
                return
            self._tried_at = now
            try:
                with trio.fail_after(_FETCH_S):
                    url = self._terms.jwks_url or await self._discover()
                    keys = _usable(await self._get(url), self._terms.algorithms)
            # A boundary: the provider may answer anything. The last keys stay in use.
            except (httpx.HTTPError, trio.TooSlowError, ValueError, TypeError, KeyError) as error:
                log.warning("identity_provider_unreachable", reason=type(error).__name__, keys=len(self._keys))
                return
            self._keys, self._fetched_at = keys, now

    async def _discover(self) -> str:
        document = await self._get(self._terms.issuer.rstrip("/") + _DISCOVERY)
        url = document["jwks_uri"]
        if document["issuer"] != self._terms.issuer or not isinstance(url, str):
            raise ValueError("the discovery document names another issuer, or has no URL of the keys")
        if urlsplit(url).scheme != urlsplit(self._terms.issuer).scheme:
            raise ValueError("the URL of the keys must have the same scheme (http or https) as the issuer")
        return url

    async def _get(self, url: str) -> Any:
        response = await self._client.get(url, headers=_HEADERS)
        response.raise_for_status()
        if len(response.content) > _MAX_KEYS_BYTES:
            raise ValueError("the answer is too large")
        return response.json()


def _usable(document: Any, algorithms: Sequence[str]) -> dict[str, jwt.PyJWK]:
    """The keys that verify signatures, by id. Others, such as those for encryption, are left out."""
    found = {}
    for entry in document["keys"]:
        if not isinstance(entry, dict) or entry.get("kty") == "oct" or entry.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(entry)
        except (jwt.PyJWTError, ValueError):
            continue
        if entry.get("alg", key.algorithm_name) in algorithms or "alg" not in entry:
            found[str(entry.get("kid", ""))] = key
    return found


_KINDS: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


def _fits(key: jwt.PyJWK, algorithm: str) -> bool:
    """Whether a token with this algorithm may be verified with the key."""
    stated = key._jwk_data.get("alg")
    return key.key_type == _KINDS[algorithm[:2]] and stated in (None, algorithm)


def _time(claims: dict[str, Any], name: str) -> float:
    """A claim in seconds since the epoch. Raises `TokenInvalid`."""
    value = claims.get(name)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TokenInvalid
    return float(value)
