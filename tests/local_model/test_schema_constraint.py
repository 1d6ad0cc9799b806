"""The calls with a JSON Schema that the server makes, sent directly to a real model."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from agents.block_format import blocks_schema
from agents.limits import AgentLimits
from agents.registry import AGENTS
from agents.router import classify_intent
from parser import BlockParser
from parser.blocks import BlockType
from parser.events import BlockOpened
from streaming.chat import ChatRequest, FinishReason, Message, Usage
from streaming.model.chat_model import ChatModel, ModelConfig, open_http_client
from tests.completion import WholeAnswer, complete
from tests.local_model.process import LocalModel

# Slow on a busy machine. Every wait inside has its own limit.
pytestmark = [pytest.mark.local_model, pytest.mark.timeout(1200)]


def config(model: LocalModel) -> ModelConfig:
    return ModelConfig("smollm2", model.url, first_token_timeout_s=600, idle_timeout_s=600, keepalive=False)


def schema_of_one(block_type: str) -> dict[str, Any]:
    """The schema of answers, limited to one block of this type, because small models do not know when to stop."""
    blocks = blocks_schema()["properties"]["blocks"]
    forms = [form for form in blocks["items"]["anyOf"] if form["properties"]["type"]["const"] == block_type]
    return {**blocks_schema(), "properties": {"blocks": {**blocks, "items": {"anyOf": forms}, "maxItems": 1}}}


async def say_hello(model: LocalModel, schema: dict[str, Any]) -> WholeAnswer:
    request = ChatRequest(
        (Message("user", "Say hello."),),
        max_tokens=120,
        temperature=0.0,
        response_schema=schema,
        response_schema_name="blocks",
    )
    async with open_http_client() as client:
        return await complete(ChatModel(client, config(model)), request)


@pytest.mark.parametrize("block_type", list(BlockType))
async def test_the_model_writes_the_only_block_type_that_the_schema_allows(
    local_model: LocalModel, block_type: BlockType
) -> None:
    completion = await say_hello(local_model, schema_of_one(block_type.value))
    # The rest of the block may be cut, because a model of this size does not end its lists.
    opened = [event for event in BlockParser().feed(completion.text) if isinstance(event, BlockOpened)]
    assert [event.type for event in opened] == [block_type]


async def test_a_whole_answer_is_valid(local_model: LocalModel) -> None:
    completion = await say_hello(local_model, schema_of_one("text"))
    assert completion.finish is FinishReason.STOP
    jsonschema.validate(json.loads(completion.text), dict(blocks_schema()))


@pytest.mark.parametrize("message", ["Which tasks are due?", "Move the beta checkpoint", "xyzzy"])
async def test_routing_names_one_agent_by_the_model(local_model: LocalModel, message: str) -> None:
    usage = Usage()
    # The classifier is certain of most messages, so the model is only asked if that is set.
    patient = AgentLimits(router_deadline_s=600, router_asks="always")
    async with open_http_client() as client:
        intent = await classify_intent(ChatModel(client, config(local_model)), message, usage=usage, limits=patient)
    assert intent.agent_name in AGENTS
    assert intent.decided_by == "model"
    assert usage.output_tokens > 1
