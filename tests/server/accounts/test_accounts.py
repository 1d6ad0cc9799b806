"""Accounts in a real database."""

from __future__ import annotations

from uuid import UUID

import pytest
import trio
from argon2 import PasswordHasher
from cryptography.fernet import Fernet

from memory.keys.master import KeyRing, new_master_key
from memory.keys.user_keys import UserKeys
from server.accounts.accounts import Accounts, BadCredentials, Email, EmailTaken, normalise_email
from server.accounts.credentials import Passwords
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped

WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ANN = normalise_email("ann@example.com")
PASSWORD = "correct horse"


def make_accounts(pool: Pool, keyring: KeyRing | None = None, hasher: PasswordHasher = WEAK) -> Accounts:
    passwords = Passwords(trio.CapacityLimiter(2), hasher)
    return Accounts(pool, Statements.load(), passwords, UserKeys(keyring or KeyRing([new_master_key()]), None))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("ann@example.com", "ann@example.com"),
        ("  Ann@EXAMPLE.com ", "ann@example.com"),
        ("ann+tag@example.com", "ann+tag@example.com"),
        ("ann@nas", "ann@nas"),
        ("ann@b\u00fccher.example", "ann@b\u00fccher.example"),
        ("ann@xn--bcher-kva.example", "ann@b\u00fccher.example"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
    ],
)
def test_two_spellings_of_one_address(written: str, kept: str) -> None:
    assert normalise_email(written) == kept
    assert normalise_email(kept) == kept


@pytest.mark.parametrize(
    "written",
    [
        "",
        "@",
        "ann",
        "ann@",
        "@example.com",
        "a b@example.com",
        "ann@exa mple.com",
        "ann@@example.com",
        "ann@example.com\x00",
        "an\x00n@example.com",
        "Ann <ann@example.com>",
        "ann@[127.0.0.1]",
        "ann@" + "a" * 300 + ".com",
        "\ud800@example.com",
    ],
)
def test_invalid_addresses(written: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the sentences are the library's
        normalise_email(written)


async def test_register_then_login(pool: Pool) -> None:
    accounts = make_accounts(pool)
    user_id = await accounts.register(ANN, PASSWORD)
    assert await accounts.login(ANN, PASSWORD) == user_id
    assert await accounts.login(normalise_email("ANN@Example.Com"), PASSWORD) == user_id


@pytest.mark.parametrize(
    ("email", "password"), [(ANN, "Correct horse"), (ANN, ""), ("bob@example.com", PASSWORD), ("", PASSWORD)]
)
async def test_a_failed_login_does_not_say_what_is_wrong(pool: Pool, email: str, password: str) -> None:
    accounts = make_accounts(pool)
    await accounts.register(ANN, PASSWORD)
    with pytest.raises(BadCredentials, match=r"^The e-mail address or the password is wrong\.$"):
        await accounts.login(Email(email), password)


async def test_the_row_holds_a_hash_and_a_wrapped_key(pool: Pool) -> None:
    keyring = KeyRing([new_master_key()])
    user_id = await make_accounts(pool, keyring).register(ANN, PASSWORD)
    async with scoped(pool, user_id) as connection:
        cursor = await connection.execute("SELECT * FROM users WHERE user_id = %s", [user_id])
        row = await cursor.fetchone()
        assert row is not None
        assert cursor.description is not None
        user = dict(zip([column.name for column in cursor.description], row, strict=True))
    assert user["password_hash"].startswith("$argon2id$")
    assert PASSWORD not in repr(user)
    assert Fernet(keyring.unwrap(user_id, bytes(user["encryption_key"]))).encrypt(b"a memory")


async def test_an_address_is_taken_in_any_case_and_the_first_password_stays(pool: Pool) -> None:
    accounts = make_accounts(pool)
    user_id = await accounts.register(ANN, PASSWORD)
    with pytest.raises(EmailTaken):
        await accounts.register(Email("ANN@example.com"), "another password")
    assert await accounts.login(ANN, PASSWORD) == user_id


async def test_of_concurrent_registrations_one_succeeds(pool: Pool) -> None:
    accounts = make_accounts(pool)
    made: list[UUID] = []
    taken: list[EmailTaken] = []

    async def register() -> None:
        try:
            made.append(await accounts.register(ANN, PASSWORD))
        except EmailTaken as error:
            taken.append(error)

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(register)
    assert len(made) == 1
    assert len(taken) == 7
    assert await accounts.login(ANN, PASSWORD) == made[0]


async def password_hash(pool: Pool, user_id: UUID) -> str:
    async with scoped(pool, user_id) as connection:
        row = await (await connection.execute("SELECT password_hash FROM users")).fetchone()
    assert row is not None
    return str(row[0])


async def test_logging_in_renews_an_outdated_hash(pool: Pool) -> None:
    user_id = await make_accounts(pool).register(ANN, PASSWORD)
    old = await password_hash(pool, user_id)
    stronger = make_accounts(pool, hasher=PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    with pytest.raises(BadCredentials):
        await stronger.login(ANN, "wrong")
    assert await password_hash(pool, user_id) == old
    await stronger.login(ANN, PASSWORD)
    renewed = await password_hash(pool, user_id)
    assert "m=16,t=2" in renewed
    await stronger.login(ANN, PASSWORD)
    assert await password_hash(pool, user_id) == renewed


async def test_no_connection_is_held_while_hashing(database: str, pool: Pool) -> None:
    lent_while_hashing: list[int] = []

    class Watching(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            stats = pool.stats()
            lent_while_hashing.append(stats.size - stats.idle)
            return super().hash(password, salt=salt)

    accounts = make_accounts(pool, hasher=Watching(time_cost=1, memory_cost=8, parallelism=1))
    lent_while_hashing.clear()
    await accounts.register(ANN, PASSWORD)
    assert lent_while_hashing == [0]
