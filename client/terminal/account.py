"""Registering, logging in and refreshing over REST."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx


@dataclass(frozen=True, slots=True)
class SignIn:
    """The result of registering, logging in or refreshing. `repr` shows no token. `expires_in` is in seconds.

    `device_token` proves at the next login that this device has logged in before; a refresh gives none.
    """

    user_id: UUID
    access_token: str = field(repr=False)
    expires_in: float
    refresh_token: str = field(default="", repr=False)
    device_token: str = field(default="", repr=False)


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
    return await _ask(base_url, "/api/v1/auth/register", {"email": email, "password": password})


async def login(base_url: str, email: str, password: str, device_token: str = "") -> SignIn:
    """Log in. Raises `RestError` (401 for wrong credentials) and `httpx.TransportError`."""
    question = {"email": email, "password": password}
    return await _ask(
        base_url, "/api/v1/auth/login", question | ({"device_token": device_token} if device_token else {})
    )


async def login_or_register(base_url: str, email: str, password: str, device_token: str = "") -> SignIn:
    """Log in. If that fails, register: on first use, or after the server got a new database."""
    try:
        return await login(base_url, email, password, device_token)
    except RestError as error:
        if error.status != httpx.codes.UNAUTHORIZED:
            raise
    return await register(base_url, email, password)


async def refresh(base_url: str, refresh_token: str) -> SignIn:
    """New tokens. The refresh token is used up. Raises `RestError` (401 if it is not valid any more)."""
    return await _ask(base_url, "/api/v1/auth/refresh", {"refresh_token": refresh_token})


async def _ask(base_url: str, path: str, question: dict[str, str]) -> SignIn:
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as client:
        response = await client.post(path, json=question)
    if not response.is_success:
        raise _refusal(response)
    body = response.json()
    return SignIn(
        UUID(body["user_id"]),
        body["access_token"],
        body["expires_in"],
        body.get("refresh_token", ""),
        body.get("device_token") or "",
    )


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
