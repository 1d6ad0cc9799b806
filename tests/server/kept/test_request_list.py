"""`GET /api/v1/requests`: the running and kept requests of one person, in pages, without their contents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from server.sessions.host import SessionHost
from sql.tenant import scoped
from streaming.wire import WsFailure, WsRequestResult
from tests.server.kept.test_requests import PHONE, Servers
from tests.server.kept.test_requests import servers as servers  # noqa: PLC0414 - a fixture
from tests.server.memory_server import memory_server
from tests.server.rest.rest_server import client_of, make_services

PATH = "/api/v1/requests"


async def listed(sessions: SessionHost | None, user_id: UUID, query: str = "") -> tuple[int, dict[str, Any]]:
    async with client_of(replace(make_services(), requests=sessions), user=user_id) as client:
        answer = await client.get(PATH + query)
        return answer.status_code, answer.json()


async def test_the_requests_of_a_person_are_listed_without_their_contents(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, dead, other = servers.open(), servers.open(), servers.open()
    asked = servers.chat
    gone, runs, done, cut = (replace(asked, request_id=uuid4()) for _ in range(4))
    failure = WsFailure(code="model_error", message="A secret.", retryable=True)
    failed = WsRequestResult(request_id=cut.request_id, status="failed", error=failure)
    for server, chat in ((dead, gone), (other, runs), (here, done), (other, cut), (here, asked)):
        assert await server.claim(chat, 60) == "claimed"
    ended = servers.answer()
    await here.keep(replace(ended, result=ended.result.model_copy(update={"request_id": done.request_id})))
    await other.keep(replace(ended, result=failed))
    servers.lost.add(dead._server_id)
    sessions = replace(memory_server(), user_id=asked.user_id, claims=here, store=here).sessions
    monkeypatch.setattr("memory.crypto.cipher.Cipher.unseal", None)  # nothing is decrypted
    status, page = await listed(sessions, asked.user_id)
    assert (status, list(page)) == (200, ["requests"])
    assert [(one["request_id"], one["state"], one.get("reason")) for one in page["requests"]] == [
        (str(asked.request_id), "running", None),
        (str(cut.request_id), "failed", None),
        (str(done.request_id), "completed", None),
        (str(runs.request_id), "running", None),
        (str(gone.request_id), "failed", "server_lost"),
    ]
    assert all(one["device_id"] == str(PHONE) and one["created_at"] for one in page["requests"])
    assert ["ended_at" in one for one in page["requests"]] == [False, True, True, False, False]
    assert "secret" not in str(page)
    assert "rent" not in str(page)
    assert await listed(sessions, uuid4()) == (200, {"requests": []})

    pages, query = [], "?limit=2"
    while True:
        _, part = await listed(sessions, asked.user_id, query)
        pages.append([one["request_id"] for one in part["requests"]])
        if "next" not in part:
            break
        query = f"?limit=2&cursor={part['next']}"
    assert [len(part) for part in pages] == [2, 2, 1]
    assert [one for part in pages for one in part] == [one["request_id"] for one in page["requests"]]


async def test_an_end_that_is_not_stored_yet_is_listed_with_its_reason(servers: Servers) -> None:
    here, chat = servers.open(), servers.chat
    sessions = replace(memory_server(), user_id=chat.user_id, claims=here, store=here).sessions
    assert await here.claim(chat, 60) == "claimed"
    failure = WsFailure(code="model_error", message="?", retryable=True)
    result = WsRequestResult(request_id=chat.request_id, status="failed", error=failure)
    await sessions._in_memory.keep(replace(servers.answer(), result=result))
    _, page = await listed(sessions, chat.user_id)
    assert [(one["state"], one["reason"]) for one in page["requests"]] == [("failed", "model_error")]


async def test_what_was_erased_is_not_listed(servers: Servers) -> None:
    here, chat = servers.open(), servers.chat
    sessions = replace(memory_server(), user_id=chat.user_id, claims=here, store=here).sessions
    assert await here.claim(chat, 60) == "claimed"
    await here.keep(servers.answer())
    async with scoped(servers.answers._vault.pool, chat.user_id) as connection:
        await connection.execute("UPDATE requests SET body_encrypted = NULL")
    assert await listed(sessions, chat.user_id) == (200, {"requests": []})


@pytest.mark.parametrize("query", ["?limit=0", "?limit=101", "?cursor=nonsense", "?limit=x"])
async def test_a_wrong_page_is_refused(servers: Servers, query: str) -> None:
    status, body = await listed(None, servers.chat.user_id, query)
    assert (status, body["error"]["code"]) == (422, "invalid_query")


async def test_a_list_that_can_not_be_read_is_an_error_and_not_empty(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, chat = servers.open(), servers.chat

    async def failing(*_: object) -> None:
        raise psycopg.OperationalError("connection lost")

    monkeypatch.setattr(servers.answers, "page", failing)
    for sessions in (None, memory_server().sessions, replace(memory_server(), store=here).sessions):
        status, body = await listed(sessions, chat.user_id)
        assert (status, body["error"]["code"], body["error"]["retryable"]) == (503, "memory_unavailable", True)
