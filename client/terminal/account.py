"""The account of a device: its file, and registering and logging in over REST."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from client.terminal.store import InvalidDataError, write_atomically


@dataclass(frozen=True, slots=True)
class DeviceAccount:
    """The credentials and the id of a device. `repr` does not show the password."""

    email: str
    password: str = field(repr=False)
    device_id: UUID


def load_or_create_account(path: Path) -> DeviceAccount:
    """Read the account from `path`. On first use, create a random one with mode 0600. Raises `InvalidDataError`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return DeviceAccount(str(content["email"]), str(content["password"]), UUID(content["device_id"]))
    except FileNotFoundError:
        account = DeviceAccount(f"device-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(24), uuid4())
        write_atomically(path, json.dumps(asdict(account), default=str))
        return account
    except (ValueError, KeyError, TypeError):
        raise InvalidDataError(f"{path} does not contain an account. Delete it to create a new account.") from None


@dataclass(frozen=True, slots=True)
class SignIn:
    """The result of registering or logging in. `repr` does not show the token. `expires_in` is in seconds."""

    user_id: UUID
    access_token: str = field(repr=False)
    expires_in: float


class RestError(Exception):
    """The server refused a REST call. `status` is the HTTP status; `code` is the body's error code, or empty.

    `message` is the server's sentence for the person if it sent one.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code or status}: {message}")
        self.status = status
        self.code = code
        self.message = message


async def register(base_url: str, email: str, password: str) -> SignIn:
    """Create an account. Raises `RestError` (409 if the e-mail is taken) and `httpx.TransportError`."""
    return await _post(base_url, "/api/v1/auth/register", email, password)


async def login(base_url: str, email: str, password: str) -> SignIn:
    """Log in. Raises `RestError` (401 for wrong credentials) and `httpx.TransportError`."""
    return await _post(base_url, "/api/v1/auth/login", email, password)


async def login_or_register(base_url: str, email: str, password: str) -> SignIn:
    """Log in. If that fails, register: on first use, or after the server got a new database."""
    try:
        return await login(base_url, email, password)
    except RestError as error:
        if error.status != httpx.codes.UNAUTHORIZED:
            raise
    return await register(base_url, email, password)


async def _post(base_url: str, path: str, email: str, password: str) -> SignIn:
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as client:
        response = await client.post(path, json={"email": email, "password": password})
    if not response.is_success:
        raise _refusal(response)
    body = response.json()
    return SignIn(UUID(body["user_id"]), body["access_token"], body["expires_in"])


def _refusal(response: httpx.Response) -> RestError:
    try:
        body: Any = response.json()
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        said = error.get("text") or error.get("message", "")
        return RestError(response.status_code, str(error.get("code", "")), str(said))
    return RestError(response.status_code, "", response.reason_phrase)
