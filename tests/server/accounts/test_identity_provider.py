"""Tokens of an identity provider: a real issuer over HTTP, key rotation, and every way to forge a token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
import trio
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from quart import Response
from quart_trio import QuartTrio
from trio.testing import MockClock

from memory.keys.master import KeyRing, new_master_key
from memory.keys.user_keys import UserKeys
from memory.middleware import MemoryMiddleware
from memory.vault import Vault
from server.accounts.access import Access, AccessEnded
from server.accounts.accounts import Accounts
from server.accounts.credentials import Passwords, TokenExpired, TokenInvalid, Tokens
from server.accounts.identity_provider import IdentityProvider, ProviderTerms, ProviderUnavailable
from server.accounts.logins import Logins
from server.net.http_server import serve_rest
from sql.pool import Pool
from sql.statements import Statements
from tests.sql.tenant_rows import rows

NOW = 1_800_000_000.0
AUDIENCE = "tessera-app"
RSA_KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
EC_KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass
class Issuer:
    """An issuer on a loopback port. `keys` are published; `down` makes it answer 503, `slow` never, until it is set."""

    url: str = ""
    keys: dict[str, Any] = field(default_factory=lambda: {"one": RSA_KEYS[0]})
    down: bool = False
    slow: trio.Event | None = None
    fetched: int = 0
    extra: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        published = []
        for key_id, key in self.keys.items():
            maker = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
            published.append(maker.to_jwk(key.public_key(), as_dict=True) | {"kid": key_id, "use": "sig"})
        return {"keys": [*published, *self.extra]}

    def token(
        self, key_id: str = "one", algorithm: str = "RS256", key: Any = None, headers: Any = None, **claims: Any
    ) -> str:
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": NOW, "exp": NOW + 600} | claims
        said = {name: value for name, value in said.items() if value is not None}
        signing = key if key is not None else self.keys[key_id]
        return jwt.encode(said, signing, algorithm=algorithm, headers={"kid": key_id} | (headers or {}))


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    issuer, app = Issuer(), QuartTrio(__name__)

    @app.get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, str]:
        return {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}

    @app.get("/keys")
    async def keys() -> Response:
        issuer.fetched += 1
        if issuer.slow is not None:
            await issuer.slow.wait()
        return Response(json.dumps(issuer.document()), 503 if issuer.down else 200, content_type="application/json")

    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve_rest, app, "127.0.0.1:0")
        issuer.url = f"http://{host}:{port}"
        yield issuer
        nursery.cancel_scope.cancel()


@dataclass
class World:
    """A server's access control that accepts the issuer's tokens. `now` is its clock."""

    access: Access
    logins: Logins
    memory: MemoryMiddleware
    tokens: Tokens
    provider: IdentityProvider
    now: float = NOW


@asynccontextmanager
async def world(pool: Pool, issuer: Issuer, **terms: Any) -> AsyncIterator[World]:
    statements, keys = Statements.load(), UserKeys(KeyRing([new_master_key()]), None)
    passwords = Passwords(trio.CapacityLimiter(1), PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    accounts, tokens = Accounts(pool, statements, passwords, keys), Tokens([b"k" * 32])
    async with httpx.AsyncClient(trust_env=False) as client:
        provider = IdentityProvider(
            ProviderTerms(issuer.url, (AUDIENCE,), **terms), client, accounts, wall_clock=lambda: here.now
        )
        access = Access(tokens, pool, statements, provider)
        memory = MemoryMiddleware(Vault(pool, statements, keys))
        here = World(access, Logins(pool, statements, tokens), memory, tokens, provider)
        yield here


async def test_a_user_is_created_at_first_sight_and_is_the_same_afterwards(pool: Pool, database: str) -> None:
    async with issuing() as issuer, world(pool, issuer) as here:
        ann = await here.access.authenticate(issuer.token(email="taken@example.com"))
        assert await here.access.authenticate(issuer.token()) == ann
        ben = await here.access.authenticate(issuer.token(sub="ben"))
        assert ben.user_id != ann.user_id
        assert issuer.fetched == 1
        found = rows(database, "SELECT user_id, email, password_hash, issuer, subject FROM users ORDER BY subject")
        assert found == [
            (ann.user_id, None, None, issuer.url, "ann"),
            (ben.user_id, None, None, issuer.url, "ben"),
        ]
        # Their memory works like that of every user.
        await here.memory.update_core(ann.user_id, "name", "Ann")
        own = Tokens([b"k" * 32]).issue(ann.user_id)[0]
        assert (await here.access.authenticate(own)).user_id == ann.user_id


async def test_a_user_seen_twice_at_the_same_time_is_created_once(pool: Pool, database: str) -> None:
    async with issuing() as issuer, world(pool, issuer) as here, trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(here.access.authenticate, issuer.token())
    assert rows(database, "SELECT count(*) FROM users") == [(1,)]


async def test_a_rotated_key_is_fetched_and_a_withdrawn_one_refused(pool: Pool, jump_clock: MockClock) -> None:
    async with issuing() as issuer, world(pool, issuer) as here:
        old = issuer.token()
        await here.provider.verify(old)
        issuer.keys["two"] = RSA_KEYS[1]
        jump_clock.jump(11)
        await here.provider.verify(issuer.token("two"))
        assert issuer.fetched == 2
        await here.provider.verify(old)
        del issuer.keys["one"]
        jump_clock.jump(601)
        await here.provider.verify(issuer.token("two"))
        with pytest.raises(TokenInvalid):
            await here.provider.verify(old)


async def test_invented_key_ids_do_not_flood_the_provider(pool: Pool) -> None:
    async with issuing() as issuer, world(pool, issuer) as here:
        await here.provider.verify(issuer.token())
        for number in range(20):
            with pytest.raises(TokenInvalid):
                await here.provider.verify(issuer.token(f"invented {number}", key=RSA_KEYS[1]))
        assert issuer.fetched == 1


async def test_the_last_keys_stay_in_use_while_the_provider_is_down(pool: Pool, jump_clock: MockClock) -> None:
    async with issuing() as issuer, world(pool, issuer) as here:
        issuer.down = True
        with pytest.raises(ProviderUnavailable):
            await here.provider.verify(issuer.token())
        issuer.down = False
        jump_clock.jump(11)
        await here.provider.verify(issuer.token())
        issuer.down = True
        jump_clock.jump(3600)
        await here.provider.verify(issuer.token())


async def test_one_request_waits_for_a_slow_provider_and_the_others_use_the_last_keys(
    pool: Pool, jump_clock: MockClock
) -> None:
    async with issuing() as issuer, world(pool, issuer) as here:
        await here.provider.verify(issuer.token())
        issuer.slow = trio.Event()
        jump_clock.jump(601)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.provider.verify, issuer.token())
            while issuer.fetched < 2:
                await trio.lowlevel.checkpoint()
            began = trio.current_time()
            for _ in range(3):
                await here.provider.verify(issuer.token())
            assert trio.current_time() - began < 4, "the deadline of a fetch is five seconds"
            issuer.slow.set()


def unsigned(issuer: Issuer) -> str:
    return jwt.encode({"iss": issuer.url, "aud": AUDIENCE, "sub": "ann", "iat": NOW, "exp": NOW + 9}, "", "none")


def signed_with_the_public_key(issuer: Issuer) -> str:
    """HS256 with the public key as the secret, as libraries once accepted it."""
    public = (
        RSA_KEYS[0]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "ann", "iat": NOW, "exp": NOW + 600}
    parts = [{"alg": "HS256", "typ": "JWT", "kid": "one"}, claims]
    text = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    mac = base64.urlsafe_b64encode(hmac.new(public, text, hashlib.sha256).digest()).rstrip(b"=")
    return (text + b"." + mac).decode()


FORGED: dict[str, Callable[[Issuer], str]] = {
    "another audience": lambda issuer: issuer.token(aud="another-app"),
    "no audience": lambda issuer: issuer.token(aud=None),
    "another issuer": lambda issuer: issuer.token(iss="https://evil.example.com"),
    "no issuer": lambda issuer: issuer.token(iss=None),
    "no expiry": lambda issuer: issuer.token(exp=None),
    "no time of issue": lambda issuer: issuer.token(iat=None),
    "no subject": lambda issuer: issuer.token(sub=None),
    "an empty subject": lambda issuer: issuer.token(sub=""),
    "not yet valid": lambda issuer: issuer.token(nbf=NOW + 31),
    "issued in the future": lambda issuer: issuer.token(iat=NOW + 31),
    "another key": lambda issuer: issuer.token(key=RSA_KEYS[1]),
    "another algorithm of the key": lambda issuer: issuer.token(algorithm="RS512"),
    "an elliptic key with the id of another": lambda issuer: issuer.token(key=EC_KEY, algorithm="ES256"),
    "unsigned": unsigned,
    "the public key as a secret": signed_with_the_public_key,
    "a symmetric key that is published": lambda issuer: issuer.token("shared", key="s" * 32, algorithm="HS256"),
    "no token": lambda _: "no.token.at-all",
}


async def test_forged_tokens_are_refused(pool: Pool, database: str) -> None:
    async with issuing() as issuer, world(pool, issuer) as here:
        secret = base64.urlsafe_b64encode(b"s" * 32).decode().rstrip("=")
        issuer.extra = [{"kty": "oct", "kid": "shared", "k": secret}, {"kty": "nonsense"}, "nonsense"]  # type: ignore[list-item]
        accepted = []
        for name, forge in FORGED.items():
            try:
                await here.access.authenticate(forge(issuer))
            except TokenInvalid:
                continue
            accepted.append(name)
        assert accepted == []
        await here.access.authenticate(issuer.token())
        # A token that claims to be this server's own is verified with its own key.
        with pytest.raises(TokenInvalid):
            await here.access.authenticate(issuer.token(iss="tessera", aud="tessera", sub=str(uuid4())))
    assert rows(database, "SELECT subject FROM users") == [("ann",)]


async def test_clocks_may_differ_by_the_leeway(pool: Pool) -> None:
    async with issuing() as issuer, world(pool, issuer) as here:
        token = issuer.token()
        user = await here.provider.verify(token)
        assert user.expires_at == NOW + 630
        for now in (NOW - 30, NOW + 629):
            here.now = now
            await here.provider.verify(token)
        here.now = NOW - 31
        with pytest.raises(TokenInvalid):
            await here.provider.verify(token)
        here.now = NOW + 630
        with pytest.raises(TokenExpired):
            await here.provider.verify(token)


async def test_other_claims_audiences_and_algorithms(pool: Pool) -> None:
    async with (
        issuing() as issuer,
        world(pool, issuer, subject_claim="oid", algorithms=("ES256",), jwks_url=f"{issuer.url}/keys") as here,
    ):
        issuer.keys = {"curve": EC_KEY, "one": RSA_KEYS[0]}
        token = issuer.token("curve", "ES256", oid="object", sub="pairwise", aud=["x", AUDIENCE])
        assert await here.provider.verify(token) == await here.provider.verify(
            issuer.token("curve", "ES256", oid="object", sub="other")
        )
        with pytest.raises(TokenInvalid):
            await here.provider.verify(issuer.token("one", "RS256", oid="object"))
    with pytest.raises(ValueError, match="public key"):
        IdentityProvider(ProviderTerms("https://x", ("y",), algorithms=("HS256",)), *[None] * 2)  # type: ignore[arg-type]


async def test_logging_out_everywhere_and_deleting_the_account_end_the_providers_tokens(
    pool: Pool, database: str
) -> None:
    async with issuing() as issuer, world(pool, issuer) as here:
        token = issuer.token(iat=NOW)
        user = await here.access.authenticate(token)
        # The database's clock decides what was issued before.
        ((database_now,),) = rows(database, "SELECT extract(epoch FROM now())::float8")
        here.now = float(database_now)
        old = issuer.token(iat=here.now - 5, exp=here.now + 600)
        await here.access.authenticate(old)
        await here.logins.end_all(user.user_id)
        with pytest.raises(AccessEnded):
            await here.access.authenticate(old)
        new = issuer.token(iat=here.now + 20, exp=here.now + 600)
        assert (await here.access.authenticate(new)).user_id == user.user_id
        await here.memory.delete_account(user.user_id)
        # A token from before does not create the account again; one from after a new login does.
        with pytest.raises(AccessEnded):
            await here.access.authenticate(old)
        assert rows(database, "SELECT count(*) FROM users") == [(0,)]
        await here.access.authenticate(new)
        assert rows(database, "SELECT count(*) FROM users") == [(1,)]
