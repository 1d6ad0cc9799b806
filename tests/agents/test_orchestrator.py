from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import trio

from agents.model import Models
from agents.orchestrator import Orchestrator
from agents.turn import Scope
from streaming.answer import RejectedBlock
from streaming.chat import Usage
from streaming.model.errors import ModelError
from tests.agents.fakes import ASKS, ScriptedDevice, answered, make_turn, open_model
from tests.model_server import ModelServer, Never, ReceivedRequest, Step, error_status, text_stream, tool_calls

Served = tuple[ModelServer, Orchestrator]


@pytest.fixture
async def served(nursery: trio.Nursery) -> AsyncIterator[Served]:
    async with open_model(nursery) as (server, model):
        yield server, Orchestrator(Models(answer=model, router=model), ASKS)


def routes_to(agent: str) -> list[Step]:
    return text_stream(json.dumps({"agent": agent}), usage=(30, 6))


async def test_the_name_is_yielded_before_the_answering_model_is_called(served: Served) -> None:
    server, orchestrator = served
    server.reply(routes_to("note_agent"), [Never()])
    turn = make_turn()
    async with aclosing(orchestrator.orchestrate_v3_stream(turn)) as pairs:
        assert await anext(pairs) == ("note_agent", "")
        assert turn.routed_by == "model"
        assert len(server.requests) == 1


async def test_a_home_request_from_its_message_to_its_answer(served: Served) -> None:
    server, orchestrator = served
    server.reply(
        routes_to("project_agent"),
        tool_calls(("list_projects", {}), usage=(100, 10)),
        text_stream('[{"type":"text",', '"content":"One."}]', usage=(120, 20)),
    )
    device = ScriptedDevice({"list_projects": answered({"items": [{"id": "p1", "name": "Site"}]})})
    turn = make_turn(device, memory={"core": {"language": "Deutsch"}})
    async with aclosing(orchestrator.orchestrate_v3_stream(turn)) as pairs:
        got = [pair async for pair in pairs]
    assert got[0] == ("project_agent", "")
    assert {name for name, _ in got} == {"project_agent"}
    assert all(token for _, token in got[1:])
    assert "".join(token for _, token in got) == '[{"type":"text","content":"One."}]'
    assert turn.tool_results.resolve("project") == [{"id": "p1", "name": "Site"}]
    assert turn.usage == Usage(250, 36)
    system = server.requests[1].body["messages"][0]["content"]
    assert system.startswith("You are the project agent")
    assert "Deutsch" in server.requests[1].body["messages"][1]["content"]


async def test_a_popup_goes_straight_to_its_agent(served: Served) -> None:
    server, orchestrator = served
    server.reply(text_stream("It is about rent.", usage=(50, 5)))
    turn = make_turn(mode="popup", scope=Scope("note", "n1", {"id": "n1", "title": "Rent"}))
    name, agent = await orchestrator.orchestrate_v3(turn)
    assert (name, turn.agent_name, turn.routed_by) == ("note_agent", "note_agent", "scope")
    assert server.requests == []
    assert await agent.handle() == "It is about rent."
    assert turn.usage == Usage(50, 5)


async def test_a_streamed_answer_is_repaired_by_the_agent_that_gave_it(served: Served) -> None:
    server, orchestrator = served
    server.reply(routes_to("note_agent"), text_stream('[{"type":"chart"}]'), text_stream('[{"type":"table"}]'))
    turn = make_turn()
    with pytest.raises(ValueError, match="no agent answered"):
        await orchestrator.repair(turn, [RejectedBlock(0, "missing_field", "chart", "")])
    async with aclosing(orchestrator.orchestrate_v3_stream(turn)) as pairs:
        names = {name async for name, _ in pairs}
    assert names == {"note_agent"}
    repair = await orchestrator.repair(turn, [RejectedBlock(0, "missing_field", "chart", "")])
    assert (repair.outcome, repair.reply) == ("answered", '[{"type":"table"}]')
    asked = server.requests[-1].body["messages"]
    assert asked[0]["content"].startswith("You are the note agent")
    assert asked[-2] == {"role": "assistant", "content": '[{"type":"chart"}]'}
    assert "The chart block that is number 0" in asked[-1]["content"]


async def test_whole_and_streamed_answers_for_programs_without_a_server(served: Served) -> None:
    server, orchestrator = served
    server.fallback = lambda request: (
        routes_to("task_agent") if "response_format" in request.body else text_stream("Two ", "tasks.")
    )
    assert await orchestrator.orchestrate(make_turn()) == "Two tasks."
    async with aclosing(orchestrator.orchestrate_stream(make_turn())) as tokens:
        got = [token async for token in tokens]
    assert "".join(got) == "Two tasks."
    assert all(got)


async def test_the_router_may_fail_but_the_answer_may_not(served: Served) -> None:
    server, orchestrator = served
    server.reply(error_status(500), error_status(500))
    turn = make_turn(message="show my notes")
    async with aclosing(orchestrator.orchestrate_v3_stream(turn)) as pairs:
        assert await anext(pairs) == ("note_agent", "")
        with pytest.raises(ModelError):
            await anext(pairs)
    assert turn.routed_by == "keywords"


async def test_concurrent_turns_do_not_mix(served: Served) -> None:
    server, orchestrator = served

    def answer(request: ReceivedRequest) -> list[Step]:
        body = request.body
        if "response_format" in body:
            return routes_to("task_agent")
        said = next(message["content"] for message in body["messages"] if message["role"] == "user")
        said = said.rpartition("\n")[2]
        if not any(message["role"] == "tool" for message in body["messages"]):
            return tool_calls(("create_task", {"title": said}), usage=(1, 1))
        return text_stream(f"Made {said}.", usage=(1, 1))

    server.fallback = answer

    async def run(number: int) -> None:
        device = ScriptedDevice({"create_task": lambda args: answered({"id": args["data"]["title"]})})
        turn = make_turn(device, message=f"m{number}")
        assert await orchestrator.orchestrate(turn) == f"Made m{number}."
        assert [mutation.id for mutation in turn.mutations] == [f"m{number}"]
        assert turn.usage == Usage(32, 8)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(run, number)
