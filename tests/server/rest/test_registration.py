"""Who may register, what a caller learns about addresses, and guesses that do not lock the owner out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
from pydantic import SecretStr
from quart import request
from quart_trio import QuartTrio

from server.accounts.invites import Invites
from server.accounts.registration import EmailWebhook, Registration, RegistrationMode
from server.accounts.signed_codes import SignedCodes
from server.net.http_server import serve_rest
from server.rest.services import RestLimits
from sql.pool import Pool
from sql.statements import Statements
from tests.server.rest.rest_server import KEY, client_of, make_services
from tests.server.rest.test_app import error_of
from tests.server.rest.test_auth_routes import ANN, LOGIN, REGISTER, services_over

CODES = SignedCodes([KEY])


def registering(mode: RegistrationMode, webhook: EmailWebhook | None = None) -> Callable[[Pool], Registration]:
    return lambda pool: Registration(mode, Invites(pool, Statements.load()), CODES, webhook)


async def test_registration_can_be_off(pool: Pool) -> None:
    async with client_of(services_over(pool, registration=registering("off")), user=None) as client:
        error = error_of(await client.post(REGISTER, json=ANN), 403)
    assert error["code"] == "registration_off"


async def test_an_invite_registers_one_account(pool: Pool) -> None:
    invites = Invites(pool, Statements.load())
    code, personal = await invites.create(None, 60), await invites.create("ben@example.com", 60)
    expired = await invites.create(None, -1)
    async with client_of(services_over(pool, registration=registering("invite")), user=None) as client:
        for wrong in ({}, {"invite": "wrong"}, {"invite": personal}, {"invite": expired}):
            error = error_of(await client.post(REGISTER, json=ANN | wrong), 403)
            assert error["code"] == "invite_refused"
        assert (await client.post(REGISTER, json=ANN | {"invite": code})).status_code == 201
        ben = ANN | {"email": "ben@example.com"}
        assert (await client.post(REGISTER, json=ben | {"invite": code})).status_code == 403
        # A registration that fails for another reason does not use the invite up.
        more = await invites.create(None, 60)
        assert (await client.post(REGISTER, json=ANN | {"invite": more})).status_code == 409
        assert (await client.post(REGISTER, json=ben | {"invite": more})).status_code == 201


@asynccontextmanager
async def mail_service() -> AsyncIterator[tuple[EmailWebhook, list[dict[str, Any]]]]:
    """The operator's service that sends mails, on a loopback port, and what it was told to send."""
    app, told = QuartTrio(__name__), list[dict[str, Any]]()

    @app.post("/mail")
    async def mail() -> tuple[str, int]:
        if request.headers["Authorization"] != "Bearer a-key" or len(told) >= 3:
            return "", 500
        told.append(await request.get_json())
        return "", 202

    async with trio.open_nursery() as nursery, httpx.AsyncClient(trust_env=False) as client:
        host, port = await nursery.start(serve_rest, app, "127.0.0.1:0")
        yield EmailWebhook(client, f"http://{host}:{port}/mail", SecretStr("a-key")), told
        nursery.cancel_scope.cancel()


async def test_an_address_is_verified_and_nobody_learns_whether_it_exists(pool: Pool) -> None:
    async with (
        mail_service() as (webhook, told),
        client_of(services_over(pool, registration=registering("open", webhook)), user=None) as client,
    ):
        free = await client.post(REGISTER, json=ANN)
        (mail,) = told
        assert (mail["kind"], mail["email"]) == ("verify_email", "ann@example.com")
        wrong: tuple[dict[str, str], ...] = (
            {"code": "1-wrong"},
            {"code": mail["code"][:-1]},
            {"code": CODES.email_code("ann@example.com", 1.0)},
            {"code": mail["code"], "email": "ben@example.com"},
            {"code": "\u00e9-\u00e9"},
        )
        for body in wrong:
            assert error_of(await client.post(REGISTER, json=ANN | body), 403)["code"] == "code_refused"
        assert (await client.post(REGISTER, json=ANN | {"code": mail["code"]})).status_code == 201
        assert error_of(await client.post(REGISTER, json=ANN | {"code": mail["code"]}), 409)["code"] == "email_taken"

        taken = await client.post(REGISTER, json=ANN | {"password": "another one entirely"})
        assert (free.status_code, free.text) == (taken.status_code, taken.text) == (202, '{"verification":"sent"}')
        assert told[1] == {"kind": "account_exists", "email": "ann@example.com"}
        # The password of the refused attempt counts nowhere.
        assert (await client.post(LOGIN, json=ANN)).status_code == 200


async def test_an_invite_that_cannot_be_used_sends_no_mail(pool: Pool) -> None:
    invites = Invites(pool, Statements.load())
    good, used = await invites.create(None, 60), await invites.create(None, 60)
    personal, expired = await invites.create("ben@example.com", 60), await invites.create(None, -1)
    limits = RestLimits(auth_address_burst=1000, auth_email_burst=1000, signups_per_hour=1000)
    async with (
        mail_service() as (webhook, told),
        client_of(services_over(pool, limits, registration=registering("invite", webhook)), user=None) as client,
    ):
        owner = {**ANN, "email": "owner@example.com"}
        proof = {"invite": used, "code": CODES.email_code("owner@example.com", 4e9)}
        assert (await client.post(REGISTER, json=owner | proof)).status_code == 201

        refusals = set[tuple[int, str]]()
        for body in (ANN, owner):
            proved = {"code": CODES.email_code(body["email"], 4e9)}
            for invite in ({}, {"invite": "wrong"}, {"invite": used}, {"invite": personal}, {"invite": expired}):
                for code in ({}, {"code": "1-wrong"}, proved):
                    refused = await client.post(REGISTER, json=body | invite | code)
                    refusals.add((refused.status_code, refused.text))
        # One answer for a free address and for one with an account.
        ((status, text),) = refusals
        assert (status, told) == (403, []), text
        assert "invite_refused" in text

        sent = [await client.post(REGISTER, json=body | {"invite": good}) for body in (ANN, owner)]
        assert {(one.status_code, one.text) for one in sent} == {(202, '{"verification":"sent"}')}
        assert [mail["kind"] for mail in told] == ["verify_email", "account_exists"]
        # A mail does not use the invite up.
        made = await client.post(REGISTER, json=ANN | {"invite": good, "code": told[0]["code"]})
        assert made.status_code == 201


async def test_an_invite_that_cannot_be_used_is_refused_without_a_look_at_the_accounts(pool: Pool) -> None:
    """So the work is the same for every address. These services have no accounts: a look at one would answer 500."""
    async with mail_service() as (webhook, _):
        for mails in (webhook, None):
            services = make_services(registration=registering("invite", mails)(pool))
            async with client_of(services, user=None) as client:
                error = error_of(await client.post(REGISTER, json=ANN | {"invite": "wrong"}), 403)
            assert error["code"] == "invite_refused"


async def test_a_mail_that_could_not_be_sent_is_no_success(pool: Pool) -> None:
    async with mail_service() as (webhook, _):
        broken = EmailWebhook(webhook.client, webhook.url, SecretStr("another-key"))
        async with client_of(services_over(pool, registration=registering("open", broken)), user=None) as client:
            error = error_of(await client.post(REGISTER, json=ANN), 503)
    assert (error["code"], error["retryable"]) == ("email_unavailable", True)


@pytest.mark.parametrize(
    "password", ["password1", "PassWord123", "ann@example.com", "example.com1", "aaaaaaaaaaaa", "iloveyou"]
)
async def test_passwords_that_everybody_tries_are_refused(pool: Pool, password: str) -> None:
    async with client_of(services_over(pool), user=None) as client:
        error = error_of(await client.post(REGISTER, json=ANN | {"password": password}), 422)
    assert error["code"] == "password_refused"
    assert password not in error["message"]


async def test_guesses_do_not_lock_out_a_device_that_has_logged_in_before(pool: Pool) -> None:
    limits = RestLimits(
        auth_email_rate_per_s=0.001,
        auth_email_burst=3,
        auth_address_rate_per_s=0.001,
        auth_address_burst=6,
        refused_late_s=0.0,
    )
    async with client_of(services_over(pool, limits), user=None) as client:
        token = (await client.post(REGISTER, json=ANN)).json()["device_token"]
        for _ in range(5):
            await client.post(LOGIN, json=ANN | {"password": "guess"})
        error_of(await client.post(LOGIN, json=ANN), 429)
        # Neither the account's limit nor the address's holds the known device back.
        assert (await client.post(LOGIN, json=ANN | {"device_token": token})).status_code == 200
        # A token of another account, or an invented one, is none.
        for other in (CODES.device_token("ben@example.com"), "x.y", ""):
            error_of(await client.post(LOGIN, json=ANN | {"device_token": other}), 429)
        # With a stolen device token one may guess only as often as any device.
        answers = [await client.post(LOGIN, json=ANN | {"device_token": token, "password": "guess"}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
