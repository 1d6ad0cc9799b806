"""A server that refuses a field of a request is asked without it, and does not get it again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest
import structlog
import trio

from streaming.chat import ChatRequest, Message, ToolCall, ToolSpec
from streaming.dialects import DIALECTS, at_host
from streaming.model import ChatModel, ModelConfig, ModelError, open_http_client
from tests.model_server import ModelServer, ReceivedRequest, Step, error_status, open_model_server, sse, text_stream

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
REQUEST = ChatRequest(
    (Message("user", "hi"),),
    tools=(ToolSpec("look", "Looks.", {"type": "object", "properties": {}}),),
    tool_choice="required",
    response_schema=SCHEMA,
    cache_key="task",
)
DIALECT = at_host(DIALECTS["anthropic-messages"], "https://api.anthropic.com/v1")
DONE: list[Step] = [
    sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}),
    sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
    sse({"type": "message_stop"}),
]
FIELDS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "strict": lambda body: any(tool.get("strict") for tool in body["tools"]),
    "schema": lambda body: "output_config" in body,
    "required": lambda body: body.get("tool_choice") == {"type": "any"},
}


def refusing(*fields: str) -> Callable[[ReceivedRequest], list[Step]]:
    def reply(request: ReceivedRequest) -> list[Step]:
        return error_status(400) if any(FIELDS[field](request.body) for field in fields) else DONE

    return reply


async def call(model: ChatModel, request: ChatRequest = REQUEST) -> None:
    async with model.stream(request) as batches:
        async for _ in batches:
            pass


def sent(server: ModelServer) -> list[set[str]]:
    return [{name for name, has in FIELDS.items() if has(request.body)} for request in server.requests]


@pytest.mark.parametrize(
    ("refused", "attempts"),
    [
        (["required"], 2),
        (["strict"], 3),
        (["schema"], 4),
        (["strict", "schema"], 5),
        (["required", "strict", "schema"], 5),
    ],
)
async def test_a_refused_field_is_left_out_from_then_on(
    refused: list[str], attempts: int, nursery: trio.Nursery
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with open_model_server(nursery) as server, open_http_client() as client:
            server.fallback = refusing(*refused)
            model = ChatModel(client, ModelConfig("claude", server.url, dialect=DIALECT))
            await call(model)
            assert len(server.requests) == attempts
            assert not sent(server)[-1] & set(refused)
            await call(model)
            assert len(server.requests) == attempts + 1
            if len(refused) == 1:
                assert sent(server)[-1] == set(FIELDS) - set(refused)
            assert model.refuses_required is ("required" in refused or len(refused) > 1)
    (entry,) = [log for log in logs if log["event"] == "model_refuses"]
    assert set(refused) <= set(entry["fields"])


async def test_a_request_that_is_wrong_in_another_way_fails_and_teaches_nothing(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as server, open_http_client() as client:
        model = ChatModel(client, ModelConfig("claude", server.url, dialect=DIALECT))
        server.fallback = DONE
        await call(model)
        server.fallback = error_status(400)
        with pytest.raises(ModelError) as caught:
            await call(model)
        assert caught.value.status == 400
        # A field that was taken before is not at fault. Only a model that reasons may refuse to be forced.
        assert len(server.requests) == 1 + 2
        server.fallback = DONE
        await call(model)
        assert sent(server)[-1] == set(FIELDS)


async def test_another_status_is_no_refusal_of_a_field(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = error_status(401)
        with pytest.raises(ModelError):
            await call(ChatModel(client, ModelConfig("claude", server.url, dialect=DIALECT)))
        assert len(server.requests) == 1


async def test_a_probe_is_sent_exactly_as_it_is(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = refusing("schema")
        model = ChatModel(client, ModelConfig("claude", server.url, dialect=DIALECT))
        with pytest.raises(ModelError):
            await call(model, ChatRequest(REQUEST.messages, tools=REQUEST.tools, response_schema=SCHEMA, exact=True))
        assert len(server.requests) == 1


async def test_a_dialect_that_does_not_send_a_field_is_not_asked_without_it(
    client: httpx.AsyncClient, nursery: trio.Nursery
) -> None:
    async with open_model_server(nursery) as server:
        server.fallback = error_status(400)
        with pytest.raises(ModelError):
            await call(
                ChatModel(client, ModelConfig("m", server.url)), ChatRequest(REQUEST.messages, tools=REQUEST.tools)
            )
        assert len(server.requests) == 1


async def test_a_user_message_after_a_result_that_a_server_refuses_gets_a_reply_before_it(
    nursery: trio.Nursery,
) -> None:
    messages = (
        Message("user", "hi"),
        Message("assistant", "", tool_calls=(ToolCall("a", "look", "{}"),)),
        Message("tool", "seen", tool_call_id="a"),
        Message("user", "go on"),
    )

    def mistral(request: ReceivedRequest) -> list[Step]:
        roles = [message["role"] for message in request.body["messages"]]
        return error_status(400) if ("tool", "user") in pairwise(roles) else text_stream("x")

    async with open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = mistral
        model = ChatModel(client, ModelConfig("a model of their own", server.url))
        for calls in (2, 3):
            await call(model, ChatRequest(messages))
            assert len(server.requests) == calls
            assert [one["role"] for one in server.requests[-1].body["messages"]][-3:] == ["tool", "assistant", "user"]
