"""Accounts over REST, in the device's file, and on the command line."""

from __future__ import annotations

import pytest

from client.terminal.__main__ import parse_arguments
from client.terminal.account import RestError, login, login_or_register, register
from tests.client.conftest import USER_ID


async def test_accounts_over_rest(rest: str) -> None:
    made = await register(rest, "a@example.com", "secret password")
    assert str(made.user_id) == USER_ID
    assert "token" not in repr(made).replace("access_token", "")
    again = await login(rest, "a@example.com", "secret password")
    assert (again.user_id, made.access_token, again.access_token) == (made.user_id, "token", "token-2")
    with pytest.raises(RestError) as taken:
        await register(rest, "a@example.com", "another one")
    assert (taken.value.status, taken.value.code) == (409, "email_taken")
    with pytest.raises(RestError) as wrong:
        await login_or_register(rest, "a@example.com", "wrong")
    assert wrong.value.status == 409
    assert "wrong" not in str(wrong.value)


async def test_a_wrong_address_raises_a_rest_error(rest: str) -> None:
    with pytest.raises(RestError) as caught:
        await register(f"{rest}/elsewhere", "a@example.com", "secret password")
    assert caught.value.status == 404


def test_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_CLIENT_PASSWORD", "from the environment")
    plain = parse_arguments([])
    assert (plain.message, plain.email, plain.password, plain.approve_everything) == (None, None, None, False)
    assert plain.url == "ws://127.0.0.1:8765/api/v1/ws/device"
    full = parse_arguments(["--email", "a@b.example", "--yes", "--state", "/tmp/x", "what", "now?"])
    assert (full.message, full.password, full.approve_everything) == ("what now?", "from the environment", True)
