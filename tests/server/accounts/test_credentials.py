"""Passwords and access tokens: valid ones are accepted, others are refused, and neither leaks."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
import trio
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type

from server.accounts.credentials import AuthenticatedUser, PasswordCheck, Passwords, TokenExpired, TokenInvalid, Tokens

# The smallest parameters of argon2, so that the tests are fast.
WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
KEY = b"k" * 32
OTHER_KEY = b"o" * 32
USER = UUID("11111111-2222-4333-8444-555555555555")
NOW = 1_700_000_000.0


def passwords(hasher: PasswordHasher = WEAK) -> Passwords:
    return Passwords(trio.CapacityLimiter(1), hasher)


async def test_a_password_checks_against_its_own_hash_only() -> None:
    checker = passwords()
    stored = await checker.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert "correct horse" not in stored
    assert await checker.check("correct horse", stored) == PasswordCheck(ok=True)
    assert await checker.check("Correct horse", stored) == PasswordCheck(ok=False)
    assert await checker.hash("correct horse") != stored  # each hash has its own salt


async def test_the_same_password_typed_on_another_system() -> None:
    checker = passwords()
    stored = await checker.hash("caf\u00e9 au lait")
    assert (await checker.check("cafe\u0301 au lait", stored)).ok


@pytest.mark.parametrize(
    "stored", ["", "not a hash", "$argon2id$v=19$m=8,t=1,p=1$x$y", "$2b$12$abcdefghijklmnopqrstuv"]
)
async def test_a_damaged_hash_is_a_wrong_password(stored: str) -> None:
    assert await passwords().check("anything", stored) == PasswordCheck(ok=False)


async def test_a_hash_with_outdated_parameters_is_renewed() -> None:
    old = await passwords().hash("correct horse")
    stronger = passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    check = await stronger.check("correct horse", old)
    assert check.ok
    assert check.new_hash is not None
    assert await stronger.check("correct horse", check.new_hash) == PasswordCheck(ok=True)
    assert (await stronger.check("wrong", old)).new_hash is None


async def test_a_hash_takes_one_core_and_the_recommended_memory() -> None:
    stored = await Passwords(trio.CapacityLimiter(1)).hash("correct horse")
    found = extract_parameters(stored)
    assert found.parallelism == 1, "threads of a hash take the cores from the event loop"
    assert (found.type, found.memory_cost, found.time_cost) == (Type.ID, 64 * 1024, 3)


class CountingHasher(PasswordHasher):
    """Counts hashes and records their threads."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1, type=Type.ID)
        self.verified: list[str] = []
        self.threads: set[int] = set()
        self.running = 0
        self.most = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
        self.verified.append(str(hash))
        self.threads.add(threading.get_ident())
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return super().verify(hash, password)
        finally:
            self.running -= 1


async def test_an_unknown_user_takes_the_same_work_as_a_known_one() -> None:
    hasher = CountingHasher()
    checker = passwords(hasher)
    stored = await checker.hash("correct horse")
    assert not (await checker.check("guess", stored)).ok
    assert not (await checker.check("guess", None)).ok
    known, unknown = hasher.verified
    assert known == stored
    # the same parameters, so the same work, and the work is done to its end
    assert extract_parameters(unknown) == extract_parameters(known)
    with pytest.raises(VerifyMismatchError):
        WEAK.verify(unknown, "guess")


async def test_hashing_is_off_the_event_loop_and_within_the_limiter() -> None:
    hasher = CountingHasher()
    limiter = trio.CapacityLimiter(2)
    checker = Passwords(limiter, hasher)
    stored = await checker.hash("correct horse")
    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(checker.check, "guess", stored)
    assert len(hasher.verified) == 12
    assert threading.get_ident() not in hasher.threads
    assert hasher.most <= 2
    assert limiter.borrowed_tokens == 0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def test_a_token_names_its_user_until_it_expires() -> None:
    clock = Clock()
    tokens = Tokens([KEY], lifetime_s=60, clock=clock)
    token, expires_in = tokens.issue(USER)
    assert expires_in == 60
    assert tokens.verify(token) == AuthenticatedUser(USER, NOW + 60, None, NOW)
    of_login, _ = tokens.issue(USER, login_id := uuid4())
    assert tokens.verify(of_login) == AuthenticatedUser(USER, NOW + 60, login_id, NOW)
    clock.now = NOW + 59.9
    assert tokens.verify(token).user_id == USER
    clock.now = NOW + 60
    with pytest.raises(TokenExpired):
        tokens.verify(token)


def test_a_verified_token_is_known_by_its_digest_and_its_times_are_checked_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, decoded = 1_800_000_000.0, 0
    decode = jwt.decode

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal decoded
        decoded += 1
        return decode(*args, **kwargs)

    monkeypatch.setattr(jwt, "decode", counted)
    monkeypatch.setattr("server.accounts.credentials._MAX_VERIFIED", 3)
    tokens = Tokens([KEY], lifetime_s=60, clock=lambda: now)
    user_id = uuid4()
    token, _ = tokens.issue(user_id)
    assert tokens.verify(token) == tokens.verify(token)
    assert decoded == 1
    assert token not in repr(vars(tokens))
    now -= 60
    with pytest.raises(TokenInvalid):  # it is not issued yet, by the clock that was set back
        tokens.verify(token)
    now += 120
    for _ in range(2):
        with pytest.raises(TokenExpired):
            tokens.verify(token)
    assert decoded == 2  # an expired token is forgotten
    for _ in range(5):
        tokens.verify(tokens.issue(user_id)[0])
    assert len(tokens._verified) == 3


def test_two_tokens_are_never_the_same() -> None:
    tokens = Tokens([KEY], clock=Clock())
    assert tokens.issue(USER)[0] != tokens.issue(USER)[0]


def test_rotation_the_first_key_signs_and_all_verify() -> None:
    old = Tokens([KEY], clock=Clock())
    rotated = Tokens([OTHER_KEY, KEY], clock=Clock())
    assert rotated.verify(old.issue(USER)[0]).user_id == USER
    with pytest.raises(TokenInvalid):
        old.verify(rotated.issue(USER)[0])


CLAIMS: dict[str, Any] = {
    "iss": "tessera",
    "aud": "tessera",
    "sub": str(USER),
    "iat": int(NOW),
    "exp": int(NOW) + 60,
    "jti": "a",
}


def without(claim: str) -> dict[str, Any]:
    return {name: value for name, value in CLAIMS.items() if name != claim}


def test_the_unchanged_claims_are_valid() -> None:
    token = jwt.encode(CLAIMS, KEY, algorithm="HS256")
    assert Tokens([KEY], clock=Clock()).verify(token).user_id == USER


@pytest.mark.parametrize(
    "claims",
    [
        *(without(claim) for claim in CLAIMS),
        CLAIMS | {"iss": "somebody"},
        CLAIMS | {"aud": "somebody"},
        CLAIMS | {"sub": "not a uuid"},
        CLAIMS | {"exp": "never"},
        CLAIMS | {"exp": 1e300},
        CLAIMS | {"iat": int(NOW) + 3600},
        CLAIMS | {"nbf": 2**62},
    ],
    ids=repr,
)
def test_wrong_claims_are_refused_though_signed(claims: dict[str, Any]) -> None:
    token = jwt.encode(claims, KEY, algorithm="HS256")
    with pytest.raises(TokenInvalid):
        Tokens([KEY], clock=Clock()).verify(token)


def _b64(data: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "....",
        "\u00fc.\u00fc.\u00fc",
        "\ud800",
        "x" * 100_000,
        f"{_b64({'alg': 'none', 'typ': 'JWT'})}.{_b64(CLAIMS)}.",
        jwt.encode(CLAIMS, OTHER_KEY, algorithm="HS256"),
        jwt.encode(CLAIMS, KEY * 2, algorithm="HS512"),
        jwt.encode(CLAIMS, KEY * 2, algorithm="HS384"),
    ],
    ids=lambda token: repr(token[:20]),
)
def test_foreign_tokens_are_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(TokenInvalid) as caught:
        Tokens([KEY, KEY * 2], clock=Clock()).verify(token)
    assert str(caught.value) == "The access token is not valid."
    assert caught.value.__cause__ is None


def test_a_token_with_any_changed_character_is_refused() -> None:
    tokens = Tokens([KEY], clock=Clock())
    token, _ = tokens.issue(uuid4())
    for index, character in enumerate(token[:-1]):  # the last one's low bits are padding
        changed = token[:index] + ("A" if character != "A" else "B") + token[index + 1 :]
        with pytest.raises(TokenInvalid):
            tokens.verify(changed)


@pytest.mark.parametrize("keys", [[], [b""], [b"short"], [KEY, b"short"]])
def test_weak_keys_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens(keys)
