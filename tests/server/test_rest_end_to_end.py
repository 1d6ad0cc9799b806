"""The REST fallback over real sockets: the same pipeline, with the connected device's tools."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.model_server import ReceivedRequest, Step, text_stream, tool_calls
from tests.server.conversation import TASKS, chat, list_tasks
from tests.server.tessera import data_of, open_tessera, text_block, tool_messages


def list_then_refer(request: ReceivedRequest) -> list[Step]:
    results = tool_messages(request)
    if not results:
        return tool_calls(("list_tasks", {}))
    if "device_offline" in results[0] or "no device" in results[0].lower():
        return text_block("Your device is offline.")
    return text_stream('[{"type":"entity_ref","entity":"task"}]')


async def test_rest_runs_tools_on_the_connected_device(database: str) -> None:
    async with open_tessera(database) as tessera:
        tessera.script(list_then_refer)
        account = await tessera.account()
        async with tessera.device(account, tools={"list_tasks": list_tasks}):
            response = await chat(tessera, account.access_token, message="what is due?")
        assert response.status_code == 200
        body = response.json()
        assert body["agent"] == "task_agent"
        assert [(block["type"], block.get("items")) for block in body["blocks"]] == [("entity_ref", TASKS)]


async def test_rest_without_a_device_says_that_it_is_offline(database: str) -> None:
    async with open_tessera(database) as tessera:
        tessera.script(list_then_refer)
        stranger = await tessera.account()
        async with tessera.device(stranger, tools={"list_tasks": list_tasks}):
            response = await chat(tessera, (await tessera.account()).access_token, message="what is due?")
        assert response.json()["blocks"] == [{"block": 0, "type": "text", "content": "Your device is offline."}]


async def test_a_rest_popup_without_a_device_tells_the_model_that_its_item_is_not_known(database: str) -> None:
    async with open_tessera(database) as tessera:
        tessera.script(lambda _: text_stream("I can't see it."))
        token = (await tessera.account()).access_token
        scope = {"type": "task", "id": "zz"}
        response = await chat(tessera, token, message="what is this?", mode="popup", scope=scope)
        assert response.json()["blocks"][0]["content"] == "I can't see it."
        (asked,) = tessera.model.requests
        assert "No device of this person is connected." in data_of(asked)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_message_at_the_limit_and_one_past_it(database: str, accept: str) -> None:
    async with open_tessera(database, max_message_chars=5) as tessera:
        tessera.script(lambda _: text_block("Yes."))
        token = (await tessera.account()).access_token
        assert (await chat(tessera, token, accept, message="\u00e9" * 5)).status_code == 200
        refused = await chat(tessera, token, accept, message="\u00e9" * 6)
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "message_too_long"
    assert refused.json()["error"]["message"] == "The message has 6 characters; the limit is 5."


async def test_rest_streams_the_very_frames(database: str) -> None:
    async with open_tessera(database) as tessera:
        tessera.script(lambda _: text_block("one ", "two"))
        token = (await tessera.account()).access_token
        response = await chat(tessera, token, accept="text/event-stream", message="hello")
        data = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
        frames = [json.loads(line) for line in data]
        assert frames[0]["type"] == "stream_start"
        assert frames[-1]["type"] == "stream_end"
        assert "".join(frame["chunk"] for frame in frames if frame["type"] == "stream_text") == "one two"
        assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))


async def test_health_readiness_and_metrics(database: str) -> None:
    async with open_tessera(database) as tessera, tessera.device() as device:
        tessera.script(lambda _: text_block("hi"))
        await (await device.home("hello")).finish()
        async with httpx.AsyncClient(base_url=tessera.rest_url) as client:
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
            metrics = (await client.get("/metrics")).text
            assert "/api/v1/chat" in (await client.get("/openapi.json")).json()["paths"]
        assert any("completed" in line and "home" in line for line in metrics.splitlines())
