"""Refusals that only the database can decide, on two servers over one database: socket, JSON and event stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from cryptography.fernet import Fernet

from client.terminal.account import SignIn
from client.terminal.connection import open_connection
from streaming.wire import (
    PROTOCOL_VERSION,
    WsClientInfo,
    WsDeviceHello,
    WsError,
    WsHomeRequest,
    WsRequestResult,
    WsStreamEnd,
)
from tests.server.conversation import chat
from tests.server.tessera import Tessera, open_tessera, text_block

Ask = Callable[[Tessera, SignIn, UUID], Awaitable[str]]
"""Sends one request. Returns `completed`, or the code of the refusal."""


async def ask_on_a_socket(tessera: Tessera, account: SignIn, request_id: UUID) -> str:
    async with open_connection(tessera.ws_url) as connection:
        client = WsClientInfo(name="t", version="1", platform="terminal")
        versions = [PROTOCOL_VERSION]
        token = account.access_token
        await connection.send(
            WsDeviceHello(token=token, device_id=uuid4(), protocol_versions=versions, client=client, resume=None)
        )
        await connection.send(WsHomeRequest(request_id=request_id, message="hello"))
        while True:
            match await connection.receive():
                case WsError(code=code):
                    return code.value
                case WsStreamEnd(status=status) | WsRequestResult(status=status):
                    return status


async def ask_for_json(tessera: Tessera, account: SignIn, request_id: UUID) -> str:
    answer = (await chat(tessera, account.access_token, message="hello", request_id=str(request_id))).json()
    return str(answer["error"]["code"] if "error" in answer else answer["status"])


async def ask_for_events(tessera: Tessera, account: SignIn, request_id: UUID) -> str:
    token, kind = account.access_token, "text/event-stream"
    answer = await chat(tessera, token, accept=kind, message="hello", request_id=str(request_id))
    if answer.status_code != 200:
        return str(answer.json()["error"]["code"])
    return "completed" if '"status":"completed"' in answer.text else answer.text


async def outcomes(tessera: Tessera) -> dict[str, float]:
    """The nonzero counts of requests that ended at this server, by outcome."""
    async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    counts = [line for line in lines if line.startswith("tessera_requests_total") and not line.endswith(" 0.0")]
    return {line.split('outcome="')[1].split('"')[0]: float(line.rsplit(" ", 1)[1]) for line in counts}


def claimed(database: str) -> int:
    with psycopg.connect(database, autocommit=True) as owner:
        return len(owner.execute("SELECT request_id FROM requests").fetchall())


def settings() -> dict[str, Any]:
    return {"relay": "true", "master_keys": Fernet.generate_key().decode(), "max_tokens_per_user_day": 1000}


WAYS = pytest.mark.parametrize("ask", [ask_on_a_socket, ask_for_json, ask_for_events])


@WAYS
async def test_a_request_over_the_budget_is_refused_and_the_same_id_runs_later(database: str, ask: Ask) -> None:
    common = settings()
    async with open_tessera(database, **common) as one, open_tessera(database, **common) as other:
        account, request_id = await one.account(), uuid4()
        other.script(lambda _: text_block("Now."))
        with psycopg.connect(database, autocommit=True) as owner:
            spent = (account.user_id, datetime.now(UTC).date(), 1000)
            owner.execute("INSERT INTO token_spend (user_id, day, tokens) VALUES (%s, %s, %s)", spent)
            assert await ask(one, account, request_id) == "budget_spent"
            assert claimed(database) == 0
            assert await outcomes(one) == {"refused": 1}
            owner.execute("DELETE FROM token_spend")
        assert one.model.requests == []
        # The first server has read that the budget of this day is spent; the other one has not.
        assert await ask(other, account, request_id) == "completed"
        assert await outcomes(other) == {"completed": 1}
        assert claimed(database) == 1


@WAYS
async def test_an_id_used_at_another_server_gives_its_answer_and_runs_once_it_is_free(database: str, ask: Ask) -> None:
    common = settings()
    async with open_tessera(database, **common) as one, open_tessera(database, **common) as other:
        account, request_id = await one.account(), uuid4()
        for tessera in (one, other):
            tessera.script(lambda _: text_block("Once."))
        assert await ask(one, account, request_id) == "completed"
        for _ in range(2):
            assert await ask(other, account, request_id) == "completed"
        assert await outcomes(other) == {"refused": 2}
        assert other.model.requests == []
        assert claimed(database) == 1
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("DELETE FROM requests")  # as if it had expired
        assert await ask(other, account, request_id) == "completed"
