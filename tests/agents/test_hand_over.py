"""A wrong route is not final, and an answer without data is not shown before the model was asked once more."""

from __future__ import annotations

from typing import Any

import pytest

from agents.chat_agent import ChatAgent
from agents.limits import AgentLimits
from agents.prompt_text import prompt
from agents.registry import AGENTS
from agents.turn import Scope
from tests.agents.fakes import Models, ScriptedDevice, answered, make_turn
from tests.model_server import ReceivedRequest, text_stream, tool_calls

NOTE = {"id": "n1", "title": "Shopping"}


def system_of(request: ReceivedRequest) -> str:
    return str(request.body["messages"][0]["content"])


def tools_of(request: ReceivedRequest) -> set[str]:
    return {tool["function"]["name"] for tool in request.body["tools"]}


@pytest.mark.parametrize(
    ("agent", "calls"),
    [
        ("task_agent", [("create_note", {"title": "Shopping"})]),
        ("general_agent", [("hand_over", {"to": "note"}), ("create_note", {"title": "Shopping"})]),
    ],
)
async def test_a_tool_of_another_agent_hands_the_request_over(
    models: Models, agent: str, calls: list[tuple[str, Any]]
) -> None:
    server, model = models
    server.reply(*(tool_calls(call) for call in calls), text_stream("Written."))
    device = ScriptedDevice({"create_note": answered(NOTE)})
    turn = make_turn(device, message="write a note: Shopping")
    assert (await ChatAgent(model, turn, AGENTS[agent]).handle()).strip() == "Written."
    assert [call.tool for call in device.calls] == ["create_note"]
    assert [mutation.id for mutation in turn.mutations] == ["n1"]
    assert turn.agent_name == "note_agent"
    first, *_, last = server.requests
    assert system_of(first).startswith(prompt(agent))
    assert system_of(last).startswith(prompt("note_agent"))
    assert "append_to_note" in tools_of(last) - tools_of(first)
    # The conversation goes on: only the system prompt and the tools are those of the other agent.
    assert last.body["messages"][1] == first.body["messages"][1]


async def test_an_unknown_tool_hands_nothing_over(models: Models) -> None:
    server, model = models
    server.reply(tool_calls(("fly_to_moon", {})), text_stream("I can't."))
    turn = make_turn()
    turn.agent_name = "task_agent"
    await ChatAgent(model, turn, AGENTS["task_agent"]).handle()
    assert turn.agent_name == "task_agent"
    told = server.requests[1].body["messages"][-1]["content"]
    assert "unknown_tool" in told
    assert "complete_task" in told
    assert "append_to_note" not in told, "foreign tools are not listed"


@pytest.mark.parametrize(("need", "hint"), [("read", "nothing_read"), ("change", "nothing_changed")])
async def test_a_first_answer_without_a_call_is_held_back(models: Models, need: Any, hint: str) -> None:
    server, model = models
    server.reply(
        text_stream("You have ", "three tasks."), tool_calls(("complete_task", {"id": "t1"})), text_stream("Done.")
    )
    turn = make_turn(ScriptedDevice({"update_task": answered({"id": "t1"})}), need=need)
    assert (await ChatAgent(model, turn, AGENTS["task_agent"]).handle()).strip() == "Done."
    asked = server.requests[1].body["messages"][-2:]
    assert [message["content"] for message in asked] == ["You have three tasks.", prompt(hint)]


@pytest.mark.parametrize(
    "answer",
    [
        "Which task do you mean?",
        '[{"type":"table","from":{"entity":"task"}}]',
        '[{"type":"entity_ref","entity":"task"}]',
    ],
)
async def test_a_question_or_a_block_that_fetches_its_data_is_shown_at_once(models: Models, answer: str) -> None:
    server, model = models
    server.reply(text_stream(answer))
    assert await ChatAgent(model, make_turn(need="read"), AGENTS["task_agent"]).handle() == answer
    assert len(server.requests) == 1


async def test_the_second_answer_without_a_call_is_shown(models: Models) -> None:
    server, model = models
    server.reply(text_stream("No idea."), text_stream("I can't see it."))
    assert (await ChatAgent(model, make_turn(need="read"), AGENTS["task_agent"]).handle()).strip() == "I can't see it."
    assert len(server.requests) == 2


async def test_the_open_item_is_data(models: Models) -> None:
    server, model = models
    server.reply(text_stream("On Friday."))
    turn = make_turn(need="read", mode="popup", scope=Scope("task", "t1", {"id": "t1", "dueDate": "2026-03-13"}))
    assert await ChatAgent(model, turn, AGENTS["task_agent"]).handle() == "On Friday."


async def test_without_tool_rounds_nothing_is_held_or_asked_again(models: Models) -> None:
    server, model = models
    server.reply(text_stream("Done."))
    turn = make_turn(need="change")
    assert await ChatAgent(model, turn, AGENTS["task_agent"], AgentLimits(max_rounds=0)).handle() == "Done."
    assert len(server.requests) == 1
    assert turn.unchanged
