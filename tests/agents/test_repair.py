"""The repair of blocks that could not be shown, over real HTTP to a scripted model server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import agents.model
from agents.block_format import blocks_schema
from agents.chat_agent import ChatAgent
from agents.limits import AgentLimits
from agents.orchestrator import Orchestrator
from agents.registry import AGENTS
from agents.repair import Repair
from agents.turn import Turn
from streaming.answer.home import RejectedBlock
from streaming.chat import Usage
from streaming.dialects import DIALECTS
from streaming.model.chat_model import ChatModel, ModelConfig, open_http_client
from tests.agents.fakes import Models, ScriptedDevice, answered, make_turn
from tests.model_server import Close, Never, Step, chunk, error_status, sse, text_stream
from tests.model_server import tool_calls as asks

SPEC = AGENTS["task_agent"]
REJECTED = [
    RejectedBlock(2, "unknown_field", "chart", "No task has the field colour."),
    RejectedBlock(4, "missing_type", None, "The block has no type.", '{"rows": []}'),
]


async def answered_agent(models: Models, limits: AgentLimits | None = None) -> tuple[ChatAgent, Turn]:
    """An agent that has answered after one round of tools."""
    server, model = models
    server.reply(asks(("list_tasks", {}), usage=(10, 1)), text_stream('[{"type":"chart"}]', usage=(20, 2)))
    turn = make_turn(ScriptedDevice({"list_tasks": answered({"items": [{"id": "t1", "title": "Offer"}]})}))
    agent = ChatAgent(model, turn, SPEC, limits)
    await agent.handle()
    return agent, turn


async def test_the_model_sees_the_tool_results_its_answer_and_what_is_wrong(models: Models) -> None:
    agent, turn = await answered_agent(models)
    server, _ = models
    server.reply(text_stream("[corrected]", usage=(30, 3)))
    assert await agent.repair(REJECTED) == Repair("answered", "[corrected]")
    body = server.requests[2].body
    *_, result, answer, asked = body["messages"]
    assert "Offer" in result["content"]
    assert (answer["role"], answer["content"]) == ("assistant", '[{"type":"chart"}]')
    assert asked["role"] == "user"
    assert "1. The chart block that is number 2 of your answer" in asked["content"]
    assert "unknown_field. No task has the field colour." in asked["content"]
    assert "2. The block that is number 4 of your answer, counted from 0: missing_type." in asked["content"]
    assert '{"rows": []}' in asked["content"]
    assert not {"tools", "response_format"} & body.keys()
    assert AgentLimits().repair_tokens in body.values()
    assert turn.usage == Usage(60, 6)


@pytest.mark.parametrize("reply", [error_status(500), error_status(400), [Close()]], ids=["500", "400", "cut"])
async def test_a_model_failure_loses_only_the_blocks(models: Models, reply: list[Step]) -> None:
    agent, turn = await answered_agent(models)
    models[0].reply(reply)
    assert await agent.repair(REJECTED) == Repair("model_error")
    assert turn.usage == Usage(30, 3)


@pytest.mark.parametrize(("request_s", "limit"), [(1000.0, 15.0), (10.0, 9.5)])
async def test_a_late_repair_ends_before_the_requests_deadline(
    models: Models, mock_clock: MockClock, request_s: float, limit: float
) -> None:
    agent, _ = await answered_agent(models)
    server, _ = models
    server.reply([Never()])
    repairs: list[Repair] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def run() -> None:
            with trio.fail_after(request_s):
                repairs.append(await agent.repair(REJECTED))

        await server.wait_request(2)
        mock_clock.jump(limit + 0.1)
    assert repairs == [Repair("deadline")]
    await server.connections[-1].closed.wait()


async def test_the_repeated_answer_has_a_length_limit(models: Models) -> None:
    agent, _ = await answered_agent(models, AgentLimits(repair_chars=5))
    models[0].reply(text_stream("[]"))
    await agent.repair(REJECTED)
    assert models[0].requests[2].body["messages"][-2]["content"] == 'rt"}]'


async def test_reasoning_that_was_shown_is_not_counted_among_the_models_blocks(models: Models) -> None:
    server, model = models
    server.reply([chunk({"reasoning_content": "hm"}), *text_stream("[]")], text_stream("[]"))
    agent = ChatAgent(model, make_turn(), SPEC, AgentLimits(show_reasoning=True))
    await agent.handle()
    await agent.repair([replace(REJECTED[0], index=3)])
    assert "number 2 of your answer" in server.requests[1].body["messages"][-1]["content"]


def anthropic(*blocks: dict[str, Any], stop: str = "end_turn") -> list[Step]:
    return [sse({"type": "message", "content": list(blocks), "stop_reason": stop})]


async def test_a_repair_names_the_tools_called_before_where_a_provider_requires_that(models: Models) -> None:
    server, _ = models
    text = {"type": "text", "text": "[]"}
    call = {"type": "tool_use", "id": "t1", "name": "list_tasks", "input": {}}
    async with open_http_client() as client:
        model = ChatModel(client, ModelConfig("test", server.url, dialect=DIALECTS["anthropic-messages"]))
        for replies in ([anthropic(text)], [anthropic(call, stop="tool_use"), anthropic(text)]):
            server.requests.clear()
            server.reply(*replies, anthropic(text))
            agent = ChatAgent(model, make_turn(), SPEC)
            await agent.handle()
            await agent.repair(REJECTED)
            *asked, repair = (request.body for request in server.requests)
            assert all("tool_choice" not in body for body in asked)
            if len(asked) == 1:
                assert not repair.keys() & {"tools", "tool_choice"}
            else:
                assert repair["tools"] == asked[0]["tools"]
                assert repair["tool_choice"] == {"type": "none"}


def test_repairs_are_off_when_they_have_no_time() -> None:
    def repairable(limits: AgentLimits) -> int:
        no_model: Any = None
        return Orchestrator(agents.model.Models(no_model, no_model), limits).repairable_blocks

    assert repairable(AgentLimits(repair_blocks=3)) == 3
    assert repairable(AgentLimits(repair_timeout_s=0)) == 0


# ---- structured output ----------------------------------------------------------------------------------------------


async def test_a_schema_is_sent_where_no_tools_are_and_only_when_it_is_allowed(models: Models) -> None:
    server, _ = models
    limits = AgentLimits(max_rounds=1)
    async with open_http_client() as client:
        config = ModelConfig("test", server.url, structured_output=True)
        for allowed in (True, False):
            for mode in ("home", "popup"):
                before = len(server.requests)
                server.reply(asks(("list_tasks", {})), text_stream("[]"), text_stream("[]"))
                model = ChatModel(client, replace(config, structured_output=allowed))
                agent = ChatAgent(model, make_turn(mode=mode), SPEC, limits)
                await agent.handle()
                await agent.repair(REJECTED)
                sent = [request.body.get("response_format") for request in server.requests[before:]]
                assert [form is not None for form in sent] == [False, allowed and mode == "home", allowed]
                schemas = [form["json_schema"]["schema"] for form in sent if form is not None]
                assert schemas == [blocks_schema()] * len(schemas)
