"""Memory through a device's socket and over REST, including failures of the server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, LiteralString
from urllib.parse import quote
from uuid import UUID

import httpx
import psycopg
import pytest
import trio
from psycopg import sql

from client.terminal.account import SignIn
from client.terminal.connection import open_connection
from memory.keys.master import new_master_key
from memory.maintenance.key_check import KeysDoNotFit
from streaming.wire import WsDeviceHello, WsError, WsMemoryForget, WsMemoryForgotten, WsMemoryUsed, WsScope
from streaming.wire.codes import ErrorCode
from tests.server.memory_server import hello
from tests.server.tessera import Tessera, data_of, open_tessera, text_block


@asynccontextmanager
async def rest(tessera: Tessera, account: SignIn) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {account.access_token}"}
    async with httpx.AsyncClient(base_url=tessera.rest_url, headers=headers, timeout=60) as client:
        yield client


async def export(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    response = await client.get("/api/v1/memory")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


async def until(client: httpx.AsyncClient, tier: str, count: int = 1) -> list[dict[str, Any]]:
    """The records of a tier, read again until there are `count` of them."""
    with trio.fail_after(60):
        while len(records := [record for record in await export(client) if record["tier"] == tier]) != count:
            pass
    return records


def prompts(tessera: Tessera) -> str:
    return "\n".join(data_of(request) for request in tessera.answers())


@pytest.mark.parametrize("index", ["pgvector", "sealed"])
async def test_a_message_on_one_device_is_recalled_on_another_and_forgotten_on_request(
    database: str, index: str
) -> None:
    async with open_tessera(database, memory_index=index, memory_segments_from=1) as tessera:
        account = await tessera.account()
        if index == "pgvector":
            # From the first memory on, it is also in segments, which the server loads when PostgreSQL has searched.
            with psycopg.connect(database) as connection:
                connection.execute("UPDATE users SET memory_index_beside = 'complete'")
        tessera.script(lambda _: text_block("Noted."))
        async with rest(tessera, account) as client, tessera.device(account) as device:
            first = await device.home("My sister Clara moved to Lisbon. Call me Annie.")
            end = await first.finish()
            assert end.memory_used is None
            # The exchange is on disk before the end frame is sent.
            (episode,) = [record for record in await export(client) if record["tier"] == "episodic"]
            assert (episode["message"], episode["response"]) == (
                "My sister Clara moved to Lisbon. Call me Annie.",
                "Noted.",
            )
            assert episode["request_id"] == str(end.request_id)
            await until(client, "associative")

            async with tessera.device(account) as other:
                popup = await other.popup("Where did Clara move?", WsScope(type="note"))
                used = (await popup.finish()).memory_used
                assert used is not None
                assert {item.tier for item in used} == {"core", "associative", "episodic"}
                assert "Clara moved to Lisbon" in prompts(tessera)
                assert '"preferred_name": "Annie"' in prompts(tessera)
                (found,) = [item for item in used if item.tier == "associative"]
                assert found.reason.startswith("matches clara, move")
                assert found.text is not None
                assert "Clara moved to Lisbon" in found.text
                assert [item.text for item in used if item.tier == "core"] == ["preferred name: Annie"]

                assert await forget(tessera, account, found) == {"associative", "core", "episodic"}
                assert await forget(tessera, account, found) is ErrorCode.UNKNOWN_MEMORY
            assert not [record for record in await export(client) if "moved to Lisbon. Call" in str(record)]


async def forget(tessera: Tessera, account: SignIn, item: WsMemoryUsed) -> set[str] | ErrorCode:
    """Send `memory_forget` on a new socket; returns the frame that answers it."""
    async with open_connection(tessera.ws_url) as connection:
        await connection.send(WsDeviceHello.model_validate(hello(account.access_token)))
        await connection.receive()
        await connection.send(WsMemoryForget(memory_id=item.id))
        with trio.fail_after(60):
            frame = await connection.receive()
    match frame:
        case WsMemoryForgotten(tiers=tiers):
            return set(tiers)
        case WsError(code=code):
            return code
        case _:
            raise AssertionError(frame)


async def test_chat_over_rest_remembers_too(database: str) -> None:
    async with open_tessera(database) as tessera:
        account = await tessera.account()
        tessera.script(lambda _: text_block("Noted."))
        async with rest(tessera, account) as client:
            first = await client.post("/api/v1/chat", json={"message": "Clara moved to Lisbon."})
            assert "memory_used" not in first.json()
            await until(client, "associative")
            second = await client.post("/api/v1/chat", json={"message": "Where did Clara move?"})
            assert {item["tier"] for item in second.json()["memory_used"]} == {"associative", "episodic"}


async def test_edits_on_a_device_are_stored_in_memory(database: str) -> None:
    async with open_tessera(database) as tessera:
        account = await tessera.account()
        async with rest(tessera, account) as client, tessera.device(account) as device:
            await device.mutate("create", "task", "t1", {"title": "Water the ficus"})
            (record,) = await until(client, "associative")
            assert (record["entity_type"], record["entity_id"]) == ("task", "t1")
            await device.mutate("delete", "task", "t1")
            await until(client, "associative", 0)


async def test_a_user_reads_and_changes_their_memory_over_rest(database: str) -> None:
    async with open_tessera(database) as tessera:
        account, other = await tessera.account(), await tessera.account()
        async with rest(tessera, account) as client, rest(tessera, other) as stranger:
            assert await export(client) == []
            response = await client.put("/api/v1/memory/core/answer%20style", json={"value": ["short", 1]})
            assert (response.status_code, response.json()) == (200, {"key": "answer style", "value": ["short", 1]})
            (record,) = await export(client)
            assert (record["tier"], record["key"], record["value"]) == ("core", "answer style", ["short", 1])
            assert await export(stranger) == []
            assert (await stranger.delete(f"/api/v1/memory/items/{record['id']}")).status_code == 404
            assert (await stranger.delete("/api/v1/memory/core/answer%20style")).status_code == 404
            assert (await client.delete("/api/v1/memory/core/answer%20style")).status_code == 204
            assert (await client.delete("/api/v1/memory/core/answer%20style")).status_code == 404
            await client.put("/api/v1/memory/core/tea", json={"value": "green"})
            (record,) = await export(client)
            expected = {
                "id": record["id"],
                "tiers": ["core"],
                "removed": {"core": [record["id"]]},
                "counts": {"core": 1},
                "restored": [],
                "redacted": [],
                "mentioned": [],
            }
            preview = await client.get(f"/api/v1/memory/items/{record['id']}/forget-preview")
            assert preview.json() == expected
            assert (await stranger.get(f"/api/v1/memory/items/{record['id']}/forget-preview")).status_code == 404
            forgotten = await client.delete(f"/api/v1/memory/items/{record['id']}")
            assert forgotten.json() == expected | {"unreadable_by": None}
            gone = await client.get(f"/api/v1/memory/items/{record['id']}/forget-preview")
            assert (gone.status_code, gone.json()["error"]["code"]) == (404, "unknown_memory")
            await client.put("/api/v1/memory/core/tea", json={"value": "green"})
            receipt = (await client.delete("/api/v1/memory")).json()
            assert str(UUID(receipt["user_id"])) == receipt["user_id"]
            assert receipt["removed"]["core"] == 1
            assert receipt["key_before"] != receipt["key_after"]
            assert await export(client) == []


@pytest.mark.parametrize("name", ["and/or", "a//b", "a/", "/a", "50%", "a?b#c", "é ü", "."])
async def test_a_preference_with_any_name_has_a_path(database: str, name: str) -> None:
    path = f"/api/v1/memory/core/{quote(name, safe='').replace('.', '%2E')}"
    async with open_tessera(database) as tessera, rest(tessera, await tessera.account()) as client:
        response = await client.put(path, json={"value": 1})
        assert (response.status_code, response.json()) == (200, {"key": name, "value": 1})
        assert [record["key"] for record in await export(client)] == [name]
        assert (await client.delete(path)).status_code == 204


async def test_each_reason_for_not_setting_a_preference_has_its_code(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memory.tiers.core.MAX_VALUES", 1)
    async with open_tessera(database) as tessera, rest(tessera, await tessera.account()) as client:
        assert (await client.put("/api/v1/memory/core/tea", json={"value": "green"})).status_code == 200
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("UPDATE memory_core SET updated_at = now() + interval '5 minutes'")
        for name, code, again in (("tea", "preference_changed", True), ("coffee", "too_many_preferences", False)):
            response = await client.put(f"/api/v1/memory/core/{name}", json={"value": "black"})
            error = response.json()["error"]
            assert (response.status_code, error["code"], error["retryable"]) == (409, code, again)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "core/" + "x" * 101, {"value": 1}, 422),
        ("PUT", "core/tea", {"value": "x" * 5000}, 422),
        ("PUT", "core/tea", {}, 422),
        ("PUT", "core/time_zone", {"value": "Mars/Base"}, 422),
        ("PUT", "core/time_zone", {"value": 5}, 422),
        ("PUT", "core/week_start", {"value": "Someday"}, 422),
        ("PUT", "core/%00", {"value": 1}, 422),
        ("DELETE", "core/%00", None, 404),
        ("DELETE", "items/none", None, 404),
        ("DELETE", f"items/{UUID(int=1)}", None, 404),
    ],
)
async def test_invalid_preferences_are_refused(
    database: str, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    async with open_tessera(database) as tessera, rest(tessera, await tessera.account()) as client:
        response = await client.request(method, f"/api/v1/memory/{path}", json=body)
        assert response.status_code == status
        assert response.json()["error"]["code"]


async def test_without_a_token_or_an_account_requests_are_refused(database: str) -> None:
    async with open_tessera(database) as tessera:
        account = await tessera.account()
        async with httpx.AsyncClient(base_url=tessera.rest_url) as client:
            for method in ("GET", "DELETE"):
                assert (await client.request(method, "/api/v1/memory")).status_code == 401
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("DELETE FROM users")
        async with rest(tessera, account) as client:
            for method in ("GET", "DELETE"):
                assert (await client.request(method, "/api/v1/memory")).status_code == 401


@pytest.mark.parametrize(
    ("lost", "retryable"),
    [("NULL", False), ("'\\x00'::bytea || encryption_key", True)],
    ids=["no key", "a key that can't be read"],
)
async def test_a_user_whose_key_is_lost_is_told_so_and_can_begin_again(
    database: str, lost: LiteralString, retryable: bool
) -> None:
    async with open_tessera(database) as tessera:
        account = await tessera.account()
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute(sql.SQL("UPDATE users SET encryption_key = {}").format(sql.SQL(lost)))
        async with rest(tessera, account) as client:
            for path in ("/api/v1/memory", "/api/v1/conversations"):
                refused = await client.get(path)
                error = refused.json()["error"]
                assert (refused.status_code, error["code"]) == (503, "memory_unavailable")
                assert error["retryable"] is retryable
                assert "key" in error["message"]
            assert (await client.delete("/api/v1/memory")).status_code == 200
            assert await export(client) is not None


async def test_answers_continue_when_memory_is_unreachable(database: str) -> None:
    def rename() -> None:
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("ALTER TABLE memory_episodic RENAME TO elsewhere")

    # On a busy machine the recall can take longer than its default deadline, and would count as `timeout`.
    patient = {"memory_recall_timeout_s": 60, "memory_store_timeout_s": 60}
    async with open_tessera(database, **patient) as tessera, tessera.device() as device:
        tessera.script(lambda _: text_block("Fine."))
        # In a thread: the statement waits for the server's transactions on this table, which need the event loop.
        await trio.to_thread.run_sync(rename)
        answer = await device.home("hello")
        assert (await answer.finish()).status == "completed"
        assert answer.text == "Fine."
        async with httpx.AsyncClient(base_url=tessera.rest_url) as client:
            metrics = (await client.get("/metrics")).text
        assert 'tessera_memory_recalls_total{outcome="failed"} 1.0' in metrics
        assert 'tessera_memory_stores_total{outcome="failed"} 1.0' in metrics


async def test_answers_continue_when_memory_is_too_slow(database: str) -> None:
    async with open_tessera(database, memory_recall_timeout_s=0.2, memory_store_timeout_s=0.2) as tessera:
        account = await tessera.account()
        async with tessera.device(account) as device:
            tessera.script(lambda _: text_block("Fine."))
            with psycopg.connect(database) as owner:
                owner.execute("LOCK TABLE memory_core, memory_episodic")
                answer = await device.home("hello")
                assert (await answer.finish()).status == "completed"
            async with httpx.AsyncClient(base_url=tessera.rest_url) as client:
                metrics = (await client.get("/metrics")).text
        assert 'tessera_memory_recalls_total{outcome="timeout"} 1.0' in metrics
        assert 'tessera_memory_stores_total{outcome="timeout"} 1.0' in metrics


async def test_a_wrong_master_key_is_refused_at_start_and_changes_nothing(database: str) -> None:
    key = new_master_key()
    async with open_tessera(database, master_keys=key) as tessera:
        await tessera.account()
    with psycopg.connect(database, autocommit=True) as owner:
        before = owner.execute("SELECT * FROM users").fetchall()
        with pytest.raises(ExceptionGroup) as caught:
            async with open_tessera(database, master_keys=new_master_key()):
                raise AssertionError("it started")
        assert caught.group_contains(KeysDoNotFit, match="TESSERA_MASTER_KEYS")
        assert owner.execute("SELECT * FROM users").fetchall() == before
    async with open_tessera(database, master_keys=f"{new_master_key()},{key}") as tessera:
        assert tessera.running.memory


async def test_everything_is_erased_in_a_conversation_after_a_confirmation(database: str) -> None:
    async with open_tessera(database) as tessera:
        account = await tessera.account()
        tessera.script(lambda _: text_block("Noted."))
        async with rest(tessera, account) as client, tessera.device(account) as device:
            await (await device.home("My sister Clara moved to Lisbon.", conversation_id="a")).finish()
            offered = await device.home("Forget everything you know about me.", conversation_id="b")
            assert (await offered.finish()).status == "completed"
            assert "Nothing was erased." in offered.text
            assert [record for record in await export(client) if "Lisbon" in str(record)]
            confirmed = await device.home("Yes, erase my memory", conversation_id="b")
            end = await confirmed.finish()
            assert (end.status, end.memory_used) == ("completed", None)
            assert "Erased: all of memory, " in confirmed.text
            assert await export(client) == []
            assert len((await client.get("/api/v1/memory/receipts")).json()["receipts"]) == 1
            assert "Lisbon" not in data_of(tessera.answers()[-1])
            # The session goes on, and memory learns again.
            await (await device.home("My brother Ben lives in Rome.", conversation_id="b")).finish()
            assert "Rome" in str(await export(client))
