"""A guest account gets an address and a password, and keeps everything else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio

from server.accounts.invites import Invites
from server.accounts.registration import EmailWebhook, Registration, RegistrationMode
from sql.pool import Pool
from sql.statements import Statements
from tests.server.rest.rest_server import client_of
from tests.server.rest.test_app import error_of
from tests.server.rest.test_auth_routes import ANN, LOGIN, REGISTER, services_over
from tests.server.rest.test_registration import CODES, mail_service

NAME = "/api/v1/account/address"
GUEST = {"email": "guest-5d1c@guest", "password": "a random password"}
CHAT = "/api/v1/chat"
REFRESH = "/api/v1/auth/refresh"


@asynccontextmanager
async def guest_of(
    pool: Pool, mode: RegistrationMode = "open", webhook: EmailWebhook | None = None
) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, Any]]]:
    """A client that is logged in as a guest, and the tokens. Then registration has the given mode."""
    async with client_of(services_over(pool), user=None) as client:
        made = (await client.post(REGISTER, json=GUEST)).json()
    later = services_over(
        pool, registration=lambda pool: Registration(mode, Invites(pool, Statements.load()), CODES, webhook)
    )
    async with client_of(later, user=None) as client:
        client.headers["Authorization"] = f"Bearer {made['access_token']}"
        yield client, made


async def test_a_named_guest_keeps_the_account_and_its_tokens(pool: Pool) -> None:
    async with guest_of(pool) as (client, made):
        named = await client.post(NAME, json=ANN | {"email": "Ann@Example.com"})
        assert named.status_code == 200
        body = named.json()
        assert (body["user_id"], body["email"]) == (made["user_id"], "ann@example.com")
        # The access token and the refresh token stay valid.
        assert (await client.post(CHAT, json={"message": "hi"})).status_code == 200
        refreshed = await client.post(REFRESH, json={"refresh_token": made["refresh_token"]})
        assert refreshed.json()["user_id"] == made["user_id"]
        login = await client.post(LOGIN, json=ANN | {"device_token": body["device_token"]})
        assert login.json()["user_id"] == made["user_id"]
        # The address of the guest is free, and its password opens nothing.
        assert error_of(await client.post(LOGIN, json=GUEST), 401)["code"] == "bad_credentials"
        assert error_of(await client.post(REGISTER, json=ANN), 409)["code"] == "email_taken"


async def test_only_a_guest_account_can_be_named_and_only_once(pool: Pool) -> None:
    async with guest_of(pool) as (client, _):
        ben = ANN | {"email": "ben@example.com"}
        person = (await client.post(REGISTER, json=ben)).json()
        bearer = {"Authorization": f"Bearer {person['access_token']}"}
        assert error_of(await client.post(NAME, json=ANN, headers=bearer), 409)["code"] == "no_guest"
        assert error_of(await client.post(NAME, json=ben), 409)["code"] == "email_taken"
        assert error_of(await client.post(NAME, json=ANN | {"email": "guest-1@guest"}), 422)["code"] == "invalid_body"
        assert (
            error_of(await client.post(NAME, json=ANN | {"password": "password1"}), 422)["code"] == "password_refused"
        )
        # Nothing has changed: the guest still logs in with the first password.
        assert (await client.post(LOGIN, json=GUEST)).status_code == 200
        assert (await client.post(NAME, json=ANN)).status_code == 200
        cara = ANN | {"email": "cara@example.com"}
        assert error_of(await client.post(NAME, json=cara), 409)["code"] == "no_guest"
        assert error_of(await client.post(NAME, json=ANN, headers={"Authorization": ""}), 401)


async def test_of_concurrent_names_one_counts(pool: Pool) -> None:
    answers: list[tuple[str, int]] = []
    async with guest_of(pool) as (client, _):

        async def name(email: str) -> None:
            answers.append((email, (await client.post(NAME, json=ANN | {"email": email})).status_code))

        async with trio.open_nursery() as nursery:
            for email in ("ann@example.com", "ben@example.com", "cara@example.com"):
                nursery.start_soon(name, email)
        assert sorted(status for _, status in answers) == [200, 409, 409]
        for email, status in answers:
            login = await client.post(LOGIN, json=ANN | {"email": email})
            assert login.status_code == (200 if status == 200 else 401)


@pytest.mark.parametrize(("mode", "code"), [("off", "registration_off"), ("invite", "invite_refused")])
async def test_registration_off_or_without_an_invite_refuses_the_name(
    pool: Pool, mode: RegistrationMode, code: str
) -> None:
    async with guest_of(pool, mode) as (client, _):
        assert error_of(await client.post(NAME, json=ANN), 403)["code"] == code
        if mode == "invite":
            invite = await Invites(pool, Statements.load()).create(None, 60)
            assert (await client.post(NAME, json=ANN | {"invite": invite})).status_code == 200


async def test_an_invite_that_cannot_be_used_sends_no_mail(pool: Pool) -> None:
    async with mail_service() as (webhook, told), guest_of(pool, "invite", webhook) as (client, made):
        error = error_of(await client.post(NAME, json=ANN | {"invite": "wrong"}), 403)
        assert (error["code"], told) == ("invite_refused", [])
        invite = await Invites(pool, Statements.load()).create(None, 60)
        assert (await client.post(NAME, json=ANN | {"invite": invite})).status_code == 202
        named = await client.post(NAME, json=ANN | {"invite": invite, "code": told[0]["code"]})
        assert named.json()["user_id"] == made["user_id"]


async def test_the_address_is_verified_as_in_a_registration(pool: Pool) -> None:
    async with mail_service() as (webhook, told), guest_of(pool, "open", webhook) as (client, made):
        sent = await client.post(NAME, json=ANN)
        assert (sent.status_code, sent.json()) == (202, {"verification": "sent"})
        assert error_of(await client.post(NAME, json=ANN | {"code": "1-wrong"}), 403)["code"] == "code_refused"
        assert error_of(await client.post(LOGIN, json=ANN), 401)
        named = await client.post(NAME, json=ANN | {"code": told[0]["code"]})
        assert named.json()["user_id"] == made["user_id"]
        assert (await client.post(LOGIN, json=ANN)).status_code == 200
