"""A REST server that keeps accounts in memory, for the clients under test."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from quart import request
from quart_trio import QuartTrio

from server.net.http_server import serve_rest

USER_ID = "6f1e1c9e-3f0b-4a53-9d0c-2b8d1c1f0a11"


@pytest.fixture
async def rest(nursery: trio.Nursery) -> str:
    """The protocol's registration and login, with accounts in memory. Each sign-in returns another token."""
    app = QuartTrio("rest")
    passwords: dict[str, str] = {}
    refresh_tokens: set[str] = set()
    sign_ins = 0

    def signed_in() -> dict[str, object]:
        nonlocal sign_ins
        sign_ins += 1
        token = "token" if sign_ins == 1 else f"token-{sign_ins}"
        refresh_tokens.add(f"refresh-{sign_ins}")
        return {
            "user_id": USER_ID,
            "access_token": token,
            "expires_in": 900,
            "refresh_token": f"refresh-{sign_ins}",
        }

    def refuse(code: str, status: int) -> tuple[dict[str, object], int]:
        return {"error": {"code": code, "message": code, "retryable": False}}, status

    @app.post("/api/v1/auth/register")
    async def _register() -> tuple[dict[str, object], int]:
        body = await request.get_json()
        if body["email"] in passwords:
            return refuse("email_taken", 409)
        passwords[body["email"]] = body["password"]
        return signed_in(), 201

    @app.post("/api/v1/auth/login")
    async def _login() -> tuple[dict[str, object], int]:
        body = await request.get_json()
        if passwords.get(body["email"]) != body["password"]:
            return refuse("bad_credentials", 401)
        return signed_in(), 200

    @app.post("/api/v1/auth/refresh")
    async def _refresh() -> tuple[dict[str, object], int]:
        used = (await request.get_json())["refresh_token"]
        if used not in refresh_tokens:
            return refuse("refresh_token_invalid", 401)
        refresh_tokens.remove(used)
        return signed_in(), 200

    host, port = await nursery.start(partial(serve_rest, app, "127.0.0.1:0", shutdown_trigger=trio.sleep_forever))
    return f"http://{host}:{port}"
