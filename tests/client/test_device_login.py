"""The login of a device, kept in a file: refresh tokens, and never a password."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from client.terminal.account import RestError, login, register
from client.terminal.device_login import Credentials, DeviceLogin
from client.terminal.store import InvalidDataError
from tests.server.tessera import PASSWORD, open_tessera


async def test_a_made_account_is_kept_by_its_refresh_token_without_a_password(database: str, tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    async with open_tessera(database) as tessera:
        made = DeviceLogin.load(path, tessera.rest_url)
        assert made.email == ""
        first = await made.sign_in()
        for _ in range(2):  # the next starts
            again = DeviceLogin.load(path, tessera.rest_url)
            signed_in = [await again.sign_in(), await again.sign_in()]
            assert {one.user_id for one in signed_in} == {first.user_id}
            assert (again.email, again.device_id) == (made.email, made.device_id)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        kept = json.loads(path.read_text())
        assert set(kept) == {"device_id", "logins"}
        assert set(kept["logins"][tessera.rest_url]) == {"email", "refresh_token"}
        assert signed_in[-1].refresh_token not in repr(signed_in[-1])
        # After the login has ended, or with a new database, the device makes another account.
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("DELETE FROM users")
        lost = DeviceLogin.load(path, tessera.rest_url)
        other = await lost.sign_in()
        assert other.user_id != first.user_id
        assert lost.device_id == made.device_id


async def test_the_password_that_an_earlier_release_stored_is_used_once_and_removed(
    database: str, tmp_path: Path
) -> None:
    path, device_id = tmp_path / "account.json", str(uuid4())
    async with open_tessera(database) as tessera:
        account = await register(tessera.rest_url, "device@example.com", PASSWORD)
        path.write_text(json.dumps({"email": "device@example.com", "password": PASSWORD, "device_id": device_id}))
        for _ in range(2):
            login = DeviceLogin.load(path, tessera.rest_url)
            assert (await login.sign_in()).user_id == account.user_id
            assert str(login.device_id) == device_id
            assert PASSWORD not in path.read_text()


async def test_guesses_of_others_do_not_lock_a_device_out_that_has_logged_in_before(
    database: str, tmp_path: Path
) -> None:
    path, named = tmp_path / "account.json", Credentials("ann@example.com", PASSWORD)
    async with open_tessera(database) as tessera:
        first = await DeviceLogin.load(path, tessera.rest_url, named).sign_in()
        statuses = []
        for _ in range(12):
            with pytest.raises(RestError) as refused:
                await login(tessera.rest_url, "ann@example.com", "a wrong password")
            statuses.append(refused.value.status)
        assert statuses[-1] == 429
        assert (await DeviceLogin.load(path, tessera.rest_url, named).sign_in()).user_id == first.user_id


async def test_a_named_account_leaves_nothing_in_the_file_but_the_proof_of_the_device(
    database: str, tmp_path: Path
) -> None:
    path = tmp_path / "account.json"
    async with open_tessera(database) as tessera:
        named = Credentials("ann@example.com", PASSWORD)
        login = DeviceLogin.load(path, tessera.rest_url, named)
        first = await login.sign_in()
        assert (await login.sign_in()).user_id == first.user_id
        assert login.email == "ann@example.com"
        kept = json.loads(path.read_text())
        assert kept.pop("known").keys() == {tessera.rest_url}
        assert kept == {"device_id": str(login.device_id), "logins": {}}
        with pytest.raises(RestError):
            await DeviceLogin.load(path, tessera.rest_url, Credentials("ann@example.com", "a wrong password")).sign_in()


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"device_id": 5}', '{"device_id": "x"}'])
def test_an_invalid_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "account.json"
    path.write_text(text)
    with pytest.raises(InvalidDataError, match=r"account\.json does not contain an account\. Delete it"):
        DeviceLogin.load(path, "http://127.0.0.1:1")
