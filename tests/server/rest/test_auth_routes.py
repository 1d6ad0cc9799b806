"""Registering and logging in over a real listener, against a real database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest
import structlog
import trio
from argon2 import PasswordHasher

from memory.keys.master import KeyRing, new_master_key
from memory.keys.user_keys import UserKeys
from memory.middleware import MemoryMiddleware
from memory.vault import Vault
from server.accounts.access import Access
from server.accounts.accounts import Accounts
from server.accounts.credentials import Passwords, Tokens
from server.accounts.ended_access import EndedAccess
from server.accounts.logins import Logins
from server.accounts.registration import Registration
from server.rest.services import RestLimits, RestServices
from sql.pool import Pool, open_pool
from sql.statements import Statements
from tests.server.rest.rest_server import client_of, make_services
from tests.server.rest.test_app import error_of

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"
ANN = {"email": "ann@example.com", "password": "correct horse"}


def services_over(
    pool: Pool,
    limits: RestLimits | None = None,
    *,
    registration: Callable[[Pool], Registration] | None = None,
    end_access: Callable[[EndedAccess], Awaitable[None]] | None = None,
) -> RestServices:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords = Passwords(trio.CapacityLimiter(2), weak)
    statements, tokens = Statements.load(), Tokens([b"k" * 32])
    keys = UserKeys(KeyRing([new_master_key()]), None)
    return make_services(
        accounts=Accounts(pool, statements, passwords, keys),
        tokens=tokens,
        logins=Logins(pool, statements, tokens),
        access=Access(tokens, pool, statements),
        memory=MemoryMiddleware(Vault(pool, statements, keys), None),
        limits=limits,
        registration=registration and registration(pool),
        end_access=end_access,
    )


async def test_a_new_account_gets_a_token_that_works(pool: Pool) -> None:
    services = services_over(pool)
    async with client_of(services, user=None) as client:
        response = await client.post(REGISTER, json=ANN)
        assert response.status_code == 201
        assert response.headers["Cache-Control"] == "no-store"
        made = response.json()
        assert made.keys() == {
            "user_id",
            "access_token",
            "expires_in",
            "refresh_token",
            "refresh_expires_in",
            "device_token",
        }
        assert made["expires_in"] == 3600
        assert str(services.tokens.verify(made["access_token"]).user_id) == made["user_id"]

        response = await client.post(LOGIN, json=ANN | {"email": "ANN@Example.com"})
        assert response.status_code == 200
        assert response.json()["user_id"] == made["user_id"]

        bearer = {"Authorization": f"bearer {response.json()['access_token']}"}
        assert (await client.post("/api/v1/chat", json={"message": "hi"}, headers=bearer)).status_code == 200


async def test_refused_registrations_and_logins(pool: Pool) -> None:
    async with client_of(services_over(pool), user=None) as client:
        await client.post(REGISTER, json=ANN)
        error = error_of(await client.post(REGISTER, json=ANN), 409)
        assert (error["code"], error["retryable"]) == ("email_taken", False)
        wrong = await client.post(LOGIN, json=ANN | {"password": "wrong"})
        unknown = await client.post(LOGIN, json=ANN | {"email": "bob@example.com"})
        for response in (wrong, unknown):
            assert error_of(response, 401)["code"] == "bad_credentials"
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert wrong.text == unknown.text


async def test_concurrent_registrations_of_one_address(pool: Pool) -> None:
    statuses: list[int] = []

    async def register(client: httpx.AsyncClient) -> None:
        statuses.append((await client.post(REGISTER, json=ANN)).status_code)

    async with client_of(services_over(pool), user=None) as client, trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(register, client)
    assert sorted(statuses) == [201, 409, 409, 409, 409, 409]


async def test_a_network_address_is_rate_limited(pool: Pool) -> None:
    limits = RestLimits(auth_address_rate_per_s=0.001, auth_address_burst=2)
    async with client_of(services_over(pool, limits), user=None) as client:
        await client.post(REGISTER, json=ANN)
        await client.post(LOGIN, content=b"not even a body")
        began = trio.current_time()
        response = await client.post(LOGIN, json=ANN)
        assert trio.current_time() - began >= 0.5, "a refused client that asks in a loop is slowed down"
        error = error_of(response, 429)
        assert (error["code"], error["retryable"]) == ("rate_limited", True)
        assert 900 <= int(response.headers["Retry-After"]) <= 1000
        assert (await client.get("/healthz")).status_code == 200


async def test_logins_to_an_account_are_rate_limited(pool: Pool) -> None:
    limits = RestLimits(auth_email_rate_per_s=0.001, auth_email_burst=3)
    async with client_of(services_over(pool, limits), user=None) as client:
        await client.post(REGISTER, json=ANN)
        for email in ("ann@example.com", "ANN@EXAMPLE.COM"):
            error_of(await client.post(LOGIN, json={"email": email, "password": "guess"}), 401)
        # The right password is refused too, otherwise guessing could continue.
        assert "Retry-After" in (await client.post(LOGIN, json=ANN)).headers
        other = await client.post(REGISTER, json=ANN | {"email": "bob@example.com"})
        assert other.status_code == 201


async def test_nothing_secret_is_logged(pool: Pool) -> None:
    with structlog.testing.capture_logs() as logs:
        async with client_of(services_over(pool), user=None) as client:
            token = (await client.post(REGISTER, json=ANN)).json()["access_token"]
            await client.post(LOGIN, json=ANN | {"password": "wr0ng passw0rd"})
            await client.post(LOGIN, json=ANN | {"password": ["wr0ng passw0rd"]})
    assert logs
    written = repr(logs)
    for secret in (token, ANN["password"], ANN["email"], "wr0ng"):
        assert secret not in written


async def test_an_unreachable_or_busy_database(database: str) -> None:
    async with (
        # Opened without a first connection, which could take longer than the timeout on a busy machine.
        open_pool(database, min_size=0, max_size=1, acquire_timeout_s=0.05) as pool,
        pool.connection(timeout_s=30),
        client_of(services_over(pool), user=None) as client,
    ):
        error = error_of(await client.post(LOGIN, json=ANN), 503)
    assert (error["code"], error["retryable"]) == ("database_unavailable", True)


@pytest.mark.parametrize("length", [8, 1024])
async def test_passwords_of_every_allowed_length(pool: Pool, length: int) -> None:
    long = {"email": "ann@example.com", "password": ("\u00e9t" * length)[:length]}
    async with client_of(services_over(pool), user=None) as client:
        assert (await client.post(REGISTER, json=long)).status_code == 201
        assert (await client.post(LOGIN, json=long)).status_code == 200
