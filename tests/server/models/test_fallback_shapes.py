"""Fallback models have their own request shape, and their own probe."""

from __future__ import annotations

import json
from contextlib import aclosing

import httpx
import pytest
import trio
import trio.testing

from agents.limits import AgentLimits
from agents.orchestrator import Orchestrator
from agents.turn import Turn
from server.models.setup import OpenModels, open_models
from server.models.shape_keeper import ShapeKeeper
from server.settings.environment import load_settings
from server.telemetry.metrics import Metrics
from streaming.chat import ChatRequest, Message
from streaming.dialects import DIALECTS, Dialect
from streaming.model import ChatModel, ModelConfig, open_http_client
from tests import server_habits
from tests.agents.fakes import ScriptedDevice, answered, make_turn
from tests.model_server import ModelServer, Send, error_status, open_model_server
from tests.server_habits import wishes

LISTED = answered({"items": [{"id": "t1", "title": "Pay rent", "status": "todo"}]})


async def opened(nursery: trio.Nursery, client: httpx.AsyncClient, first: str, second: str, **more: str) -> OpenModels:
    entry = {"name": "second", "url": second, "shape": more.pop("shape", "schema")}
    settings = load_settings(
        {
            "TESSERA_MODEL_URL": first,
            "TESSERA_MODEL_NAME": "first",
            "TESSERA_MODEL_ATTEMPTS": "1",
            "TESSERA_FALLBACK_MODELS": json.dumps([entry]),
            **more,
        }
    )
    return await open_models(settings, client, nursery, Metrics())


async def ask(models: OpenModels) -> tuple[Turn, str]:
    turn = make_turn(ScriptedDevice({"list_tasks": LISTED}), "what is due?")
    orchestrator = Orchestrator(models.models, AgentLimits(router_asks="never"))
    async with aclosing(orchestrator.orchestrate_v3_stream(turn)) as tokens:
        return turn, "".join([token async for _, token in tokens])


def forms(server: ModelServer) -> list[str]:
    return [one.body.get("response_format", {}).get("json_schema", {}).get("name", "") for one in server.requests]


async def test_the_fallback_model_gets_the_request_in_its_own_shape(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as one, open_model_server(nursery) as two, open_http_client() as client:
        one.fallback = lambda _: error_status(503)
        two.fallback = wishes(server_habits.llama_cpp, ("list_tasks", {}), ("answer", {}), "One task.")
        models = await opened(
            nursery, client, one.url, two.url, TESSERA_MODEL_SHAPE="hosted", TESSERA_MODEL_BREAKER_FAILURES="2"
        )
        turn, text = await ask(models)
        assert (turn.shape, turn.from_model) == ("schema", 1)
        assert forms(two) == ["step", "step", "blocks"]
        assert not any("tools" in request.body for request in two.requests)
        assert len(one.requests) == 1, "the first model is not asked again in this request"
        assert "One task." in text

        await ask(models)
        assert len(one.requests) == 2
        # The breaker of the first model is open now, so its shape is not tried.
        two.fallback = wishes(server_habits.llama_cpp, "Hello.")
        turn, text = await ask(models)
        assert len(one.requests) == 2
        assert turn.shape == "schema"
        nursery.cancel_scope.cancel()


async def test_a_fallback_model_of_the_same_shape_gets_the_same_request(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as one, open_model_server(nursery) as two, open_http_client() as client:
        one.fallback = lambda _: error_status(503)
        two.fallback = wishes(server_habits.openai, ("list_tasks", {}), "One task.")
        models = await opened(nursery, client, one.url, two.url, shape="hosted", TESSERA_MODEL_SHAPE="hosted")
        turn, text = await ask(models)
        assert (turn.shape, turn.from_model) == ("hosted", 0)
        assert "One task." in text
        assert two.requests[0].body["messages"] == one.requests[0].body["messages"]
        nursery.cancel_scope.cancel()


async def test_each_model_is_probed(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as one, open_model_server(nursery) as two, open_http_client() as client:
        one.fallback = wishes(server_habits.openai, "unused")
        two.fallback = wishes(server_habits.ollama, "unused")
        models = await opened(nursery, client, one.url, two.url, shape="auto")
        with trio.fail_after(30):
            while len(one.requests) < 5 or len(two.requests) < 5:
                await trio.testing.wait_all_tasks_blocked(0.01)
            while "schema yes" not in (models.describe_shape() or "").rpartition("second")[2]:
                await trio.testing.wait_all_tasks_blocked(0.01)
        found = models.describe_shape()
        assert found is not None
        assert found.startswith("first: hosted (setting auto): required yes")
        assert "; second: schema (setting auto): required no" in found
        # The model that answers is the one that the keeper watches.
        assert models.shapes is not None
        one.fallback = wishes(server_habits.ollama, "Hello.")
        models.shapes.of(0)._served = "an older model"
        await ask(models)
        with trio.fail_after(30):
            while models.shapes.current != "schema":
                await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()


EVENTS: dict[str, list[str]] = {
    "openai-chat": [
        '{"model": "m-2", "system_fingerprint": "b7001", "choices": [{"index": 0, "delta": {"content": "x"}}]}',
        '{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}',
    ],
    "openai-responses": [
        '{"type": "response.output_text.delta", "delta": "x"}',
        '{"type": "response.completed", "response": {"model": "m-2", "status": "completed"}}',
    ],
    "anthropic-messages": [
        '{"type": "message_start", "message": {"model": "m-2", "content": []}}',
        '{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}',
        '{"type": "message_stop"}',
    ],
    "gemini-native": [
        '{"modelVersion": "m-2", "candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}]}',
    ],
}


@pytest.mark.parametrize("name", EVENTS)
async def test_every_dialect_reads_the_name_of_the_model_that_answers(nursery: trio.Nursery, name: str) -> None:
    dialect: Dialect = DIALECTS[name]
    async with open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = [Send(f"data: {event}\n\n".encode()) for event in EVENTS[name]]
        model = ChatModel(client, ModelConfig("m", server.url, dialect=dialect))
        keeper = ShapeKeeper(model, "auto", self_hosted=True)
        keeper._served = "m-1"
        async with model.stream(ChatRequest((Message("user", "hi"),))) as batches:
            async for _ in batches:
                pass
        assert model.served == ("m-2 b7001" if name == "openai-chat" else "m-2")
        assert keeper.current == "hosted"
        assert keeper._changed.is_set()
        nursery.cancel_scope.cancel()
