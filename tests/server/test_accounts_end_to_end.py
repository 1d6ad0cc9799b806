"""Access that ends over real sockets: logout, revoked devices, reused refresh tokens and deleted accounts."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import trio
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from client.terminal.connection import ConnectionLostError
from client.terminal.device import Device, open_device
from streaming.wire import WsAuthRefresh, WsError
from streaming.wire.codes import CloseCode
from tests.server.relay.test_two_servers import two_servers
from tests.server.tessera import PASSWORD, Tessera, open_tessera, text_block
from tests.sql.tenant_rows import rows

V1 = "/api/v1"


@asynccontextmanager
async def rest(tessera: Tessera) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False, timeout=30) as client:
        yield client


def bearer(login: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {login['access_token']}"}


async def registered(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    email = f"{uuid4().hex}@example.com"
    response = await client.post(f"{V1}/auth/register", json={"email": email, "password": PASSWORD, **more})
    assert response.status_code == 201, response.text
    return {**response.json(), "email": email}


async def logged_in(client: httpx.AsyncClient, account: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"email": account["email"], "password": PASSWORD, **more}
    response = await client.post(f"{V1}/auth/login", json=body)
    assert response.status_code == 200, response.text
    return {**response.json(), "email": account["email"]}


async def closed(device: Device) -> int | None:
    """The code that the device's socket is closed with, within a second."""
    with trio.fail_after(1):
        loss = await device.wait_closed()
    assert isinstance(loss, ConnectionLostError)
    return loss.code


async def refused(tessera: Tessera, login: dict[str, Any], device_id: UUID | None = None) -> int | None:
    with pytest.raises(ConnectionLostError) as lost:
        async with open_device(tessera.ws_url, login["access_token"], device_id=device_id):
            raise AssertionError("the server let it in")
    return lost.value.code


async def test_a_logout_closes_the_sockets_of_that_login_at_every_server(database: str) -> None:
    async with two_servers(database) as (one, other), rest(one) as client:
        account = await registered(client)
        second = await logged_in(client, account)
        async with (
            open_device(other.ws_url, account["access_token"]) as there,
            open_device(one.ws_url, account["access_token"]) as here,
            open_device(other.ws_url, second["access_token"]) as stays,
        ):
            answer = await client.post(f"{V1}/auth/logout", json={"refresh_token": account["refresh_token"]})
            assert answer.status_code == 200, answer.text
            assert await closed(there) == await closed(here) == CloseCode.UNAUTHORIZED
            await stays.ping()
            assert await refused(other, account) == CloseCode.UNAUTHORIZED
            assert (await client.get(f"{V1}/devices", headers=bearer(account))).status_code == 401
            answer = await client.post(f"{V1}/auth/logout-all", headers=bearer(second))
            assert answer.status_code == 200, answer.text
            assert await closed(stays) == CloseCode.UNAUTHORIZED
        # The password still works.
        async with open_device(other.ws_url, (await logged_in(client, account))["access_token"]) as again:
            await again.ping()


async def test_a_copied_refresh_token_closes_the_sockets_of_its_login(database: str) -> None:
    async with open_tessera(database) as tessera, rest(tessera) as client:
        account = await registered(client)

        async def refresh(token: str) -> httpx.Response:
            return await client.post(f"{V1}/auth/refresh", json={"refresh_token": token})

        second = (await refresh(account["refresh_token"])).json()
        third = (await refresh(second["refresh_token"])).json()
        async with open_device(tessera.ws_url, third["access_token"]) as device:
            answer = await refresh(account["refresh_token"])
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "refresh_token_reused")
            assert await closed(device) == CloseCode.UNAUTHORIZED
        answer = await refresh(third["refresh_token"])
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "refresh_token_invalid")


async def test_an_open_socket_takes_a_refreshed_token_and_not_an_ended_one(database: str) -> None:
    async with open_tessera(database) as tessera, rest(tessera) as client:
        account = await registered(client)
        ended = await logged_in(client, account)
        await client.post(f"{V1}/auth/logout", json={"refresh_token": ended["refresh_token"]})
        answer = await client.post(f"{V1}/auth/refresh", json={"refresh_token": account["refresh_token"]})
        async with open_device(tessera.ws_url, account["access_token"]) as device:
            await device.send(WsAuthRefresh(token=answer.json()["access_token"]))
            await device.send(WsAuthRefresh(token=ended["access_token"]))
            frame = await device.receive()
            assert isinstance(frame, WsError)
            assert frame.code == "unauthorized"
            await device.ping()  # the socket continues with the token before


async def test_a_revoked_device_is_closed_and_refused_until_it_logs_in(database: str) -> None:
    async with two_servers(database) as (one, other), rest(one) as client:
        account = await registered(client, device_id=str(phone := uuid4()))
        laptop = await logged_in(client, account)
        async with (
            open_device(other.ws_url, account["access_token"], device_id=phone) as device,
            open_device(other.ws_url, laptop["access_token"]) as stays,
        ):
            listed = (await client.get(f"{V1}/devices", headers=bearer(laptop))).json()["devices"]
            assert {one["device_id"]: one["logins"] for one in listed}[str(phone)] == 1
            assert len(listed) == 2
            answer = await client.delete(f"{V1}/devices/{phone}", headers=bearer(laptop))
            assert answer.status_code == 200, answer.text
            assert await closed(device) == CloseCode.UNAUTHORIZED
            await stays.ping()
        assert await refused(one, account, phone) == CloseCode.UNAUTHORIZED
        assert (await client.delete(f"{V1}/devices/{phone}", headers=bearer(laptop))).status_code == 404
        assert (await client.delete(f"{V1}/devices/nonsense", headers=bearer(laptop))).status_code == 404
        again = await logged_in(client, account)
        async with open_device(other.ws_url, again["access_token"], device_id=phone) as device:
            await device.ping()


def user_rows(database: str, user_id: str) -> dict[str, int]:
    """The number of rows of a user, by table."""
    tables = rows(
        database,
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'user_id' AND table_schema = 'public'",
    )
    found = {}
    for (table,) in tables:
        ((count,),) = rows(database, f"SELECT count(*) FROM {table} WHERE user_id = '{user_id}'")  # noqa: S608
        if count:
            found[table] = count
    return found


async def test_a_deleted_account_leaves_nothing_but_a_receipt(database: str, tmp_path: Path) -> None:
    async with two_servers(database, key_shares_dir=str(tmp_path / "shares")) as (one, other), rest(one) as client:
        account = await registered(client)
        one.script(lambda _: text_block("Noted."))
        user_id, headers = account["user_id"], bearer(account)
        stays = await registered(client)
        async with (
            open_device(other.ws_url, account["access_token"]) as there,
            open_device(one.ws_url, account["access_token"]) as here,
            open_device(other.ws_url, stays["access_token"]) as untouched,
        ):
            answer = await client.post(f"{V1}/chat", json={"message": "My sister Clara is a pilot."}, headers=headers)
            assert answer.status_code == 200, answer.text
            await client.put(f"{V1}/memory/core/name", json={"value": "Ann"}, headers=headers)
            assert (tmp_path / "shares" / user_id).exists()
            wrong = await client.request("DELETE", f"{V1}/account", json={"password": "not it"}, headers=headers)
            assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "bad_credentials")
            await here.ping()

            answer = await client.request("DELETE", f"{V1}/account", json={"password": PASSWORD}, headers=headers)
            assert answer.status_code == 200, answer.text
            assert await closed(there) == await closed(here) == CloseCode.UNAUTHORIZED
            await untouched.ping()
        receipt = answer.json()
        signed, signature = receipt["receipt"].encode(), base64.b64decode(receipt["signature"])
        public_key = Ed25519PublicKey.from_public_bytes(base64.b64decode(receipt["public_key"]))
        public_key.verify(signature, signed)
        with pytest.raises(InvalidSignature):
            public_key.verify(signature, signed + b" ")
        said = json.loads(receipt["receipt"])
        assert (said["user_id"], said["account"], said["backups_unreadable"]) == (user_id, "deleted", True)
        assert said["removed"]["core"] == said["removed"]["episodic"] == 1
        assert (said["removed"]["devices"], said["removed"]["logins"]) == (2, 1)

        # Until no token can exist any more, the id is remembered, and nothing else.
        assert user_rows(database, user_id) == {"deleted_users": 1}
        assert not (tmp_path / "shares" / user_id).exists()
        assert list((tmp_path / "shares" / "unsettled").iterdir()) == []
        assert await refused(other, account) == CloseCode.UNAUTHORIZED
        for path in ("/devices", "/memory", "/conversations"):
            assert (await client.get(f"{V1}{path}", headers=headers)).status_code == 401
        login = {"email": account["email"], "password": PASSWORD}
        assert (await client.post(f"{V1}/auth/login", json=login)).status_code == 401
        refresh = {"refresh_token": account["refresh_token"]}
        assert (await client.post(f"{V1}/auth/refresh", json=refresh)).status_code == 401
        # The address is free again, for another user.
        answer = await client.post(f"{V1}/auth/register", json=login)
        assert answer.status_code == 201
        assert answer.json()["user_id"] != user_id


async def test_a_changed_password_closes_the_sockets_of_other_logins(database: str) -> None:
    async with open_tessera(database) as tessera, rest(tessera) as client:
        account = await registered(client)
        other = await logged_in(client, account)

        async def change(old: str, new: str) -> httpx.Response:
            body = {"password": old, "new_password": new}
            return await client.post(f"{V1}/account/password", json=body, headers=bearer(account))

        async with (
            open_device(tessera.ws_url, other["access_token"]) as gone,
            open_device(tessera.ws_url, account["access_token"]) as stays,
        ):
            refusals: list[tuple[str, str, int, str]] = [
                ("wrong one", "violet anchor plum", 401, "bad_credentials"),
                (PASSWORD, "password123", 422, "password_refused"),
                (PASSWORD, account["email"], 422, "password_refused"),
                (PASSWORD, "short", 422, "invalid_body"),
            ]
            for old, new, status, code in refusals:
                answer = await change(old, new)
                assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
            await gone.ping()
            assert (await change(PASSWORD, "violet anchor plum")).status_code == 200
            assert await closed(gone) == CloseCode.UNAUTHORIZED
            await stays.ping()
        login = {"email": account["email"], "password": PASSWORD}
        assert (await client.post(f"{V1}/auth/login", json=login)).status_code == 401
        login["password"] = "violet anchor plum"
        assert (await client.post(f"{V1}/auth/login", json=login)).status_code == 200
