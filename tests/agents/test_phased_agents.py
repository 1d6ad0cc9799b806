"""The request shapes `native` and `schema` against servers that treat tools and schemas as real ones do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

import pytest
import trio

from agents.limits import AgentLimits
from agents.model import Models
from agents.orchestrator import Orchestrator
from agents.shapes import FixedShape, Shape
from agents.turn import Scope, Turn
from streaming.model import ChatModel, ModelConfig, open_http_client
from tests import server_habits
from tests.agents.fakes import ASKS, ScriptedDevice, answered, make_turn
from tests.model_server import ModelServer, Never, ReceivedRequest, open_model_server, text
from tests.server_habits import Habit, Wish, wishes

TASKS = [
    {"id": "a" * 36, "title": "Pay rent", "status": "todo", "priority": "high"},
    {"id": "b" * 36, "title": "Fix login bug", "status": "todo"},
]
LISTED = answered({"items": TASKS})


class Seen(FixedShape):
    """A fixed shape that keeps what was not obeyed."""

    def __init__(self, shape: Shape, *, keeps_tools: bool = True) -> None:
        super().__init__(shape, keeps_tools)
        object.__setattr__(self, "faults", [])

    faults: list[tuple[str, str]]

    def disobeyed(self, shape: Shape, how: Any) -> None:
        self.faults.append((shape, how))


class Answered:
    """What came of a turn."""

    def __init__(self, turn: Turn, pairs: list[tuple[str, str]], requests: list[ReceivedRequest], shapes: Seen) -> None:
        self.turn = turn
        self.pairs = pairs
        self.text = "".join(token for _, token in pairs)
        self.requests = requests
        self.shapes = shapes


@asynccontextmanager
async def open_server() -> AsyncIterator[tuple[ModelServer, ChatModel]]:
    async with trio.open_nursery() as nursery, open_model_server(nursery) as server, open_http_client() as client:
        yield server, ChatModel(client, ModelConfig("m", server.url))


async def ask(
    shape: Shape,
    habit: Habit,
    *wanted: Wish,
    message: str = "what is due?",
    mode: Literal["home", "popup"] = "home",
    device: ScriptedDevice | None = None,
    limits: AgentLimits | None = None,
    **fields: Any,
) -> Answered:
    device = device or ScriptedDevice({"list_tasks": LISTED})
    async with open_server() as (server, model):
        server.fallback = wishes(habit, *wanted)
        shapes = Seen(shape)
        turn = make_turn(device, message, mode=mode, **fields)
        orchestrator = Orchestrator(Models(model, model, shapes), limits or ASKS)
        async with aclosing(orchestrator.orchestrate_v3_stream(turn)) as tokens:
            pairs = [pair async for pair in tokens]
        return Answered(turn, pairs, server.requests, shapes)


def names(requests: list[ReceivedRequest]) -> list[str]:
    return [request.body.get("response_format", {}).get("json_schema", {}).get("name", "") for request in requests]


def messages(request: ReceivedRequest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = request.body["messages"]
    return found


# ---- schema ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("habit", [server_habits.llama_cpp, server_habits.ollama, server_habits.vllm])
async def test_schema_acts_then_answers_with_one_prefix_and_no_router_call(habit: Habit) -> None:
    seen = await ask("schema", habit, ("list_tasks", {"due": "today"}), ("answer", {}), "Two tasks.")
    assert names(seen.requests) == ["step", "step", "blocks"]
    assert not any("tools" in request.body for request in seen.requests)
    first, second, third = (messages(request) for request in seen.requests)
    assert second[: len(first)] == first
    assert third[: len(second)] == second
    assert json.loads(seen.text) == {"blocks": [{"type": "text", "content": "Two tasks."}]}
    assert seen.turn.device.calls[0].args["filter"] == {"dueDate": {"after": "2026-03-09", "before": "2026-03-10"}}  # type: ignore[attr-defined]
    assert seen.pairs[0] == ("task_agent", "")
    assert seen.turn.routed_by == "tool"
    assert seen.turn.finish == "stop"
    assert seen.shapes.faults == []


async def test_schema_reads_results_as_quoted_data_with_handles() -> None:
    seen = await ask("schema", server_habits.llama_cpp, ("list_tasks", {}), "Done.")
    step, result = messages(seen.requests[1])[-2:]
    assert step == {"role": "assistant", "content": '{"tool": "list_tasks", "args": {}}'}
    assert result["role"] == "user"
    assert result["content"].startswith('Result of list_tasks:\n<data name="result">\n')
    assert '"t1"' in result["content"]
    assert "aaaa" not in result["content"]


@pytest.mark.parametrize(
    ("wish", "agent", "block"),
    [
        (
            ("show_chart", {"type": "pie", "of": "task", "by": "assignee", "title": "Tasks by assignee"}),
            "task_agent",
            {
                "type": "chart",
                "chartType": "pie",
                "title": "Tasks by assignee",
                "from": {"entity": "task", "agg": "count", "groupBy": "assignee"},
            },
        ),
        (
            ("show_table", {"of": "project", "columns": ["name", "due"], "sort": "name"}),
            "project_agent",
            {"type": "table", "from": {"entity": "project", "columns": ["name"], "sort": "name"}},
        ),
        (
            ("show_timeline", {"of": "checkpoint", "project": "the Launch project"}),
            "checkpoint_agent",
            {"type": "timeline", "from": {"entity": "checkpoint", "filter": {"projectId": "the Launch project"}}},
        ),
        (
            ("show_table", {"of": "project", "project": "Launch"}),
            "project_agent",
            {"type": "table", "from": {"entity": "project"}},
        ),
        (
            ("show_table", {"of": "task", "project": "all"}),
            "task_agent",
            {"type": "table", "from": {"entity": "task"}},
        ),
        (
            ("show_timeline", {"of": "checkpoint"}),
            "checkpoint_agent",
            {"type": "timeline", "from": {"entity": "checkpoint"}},
        ),
    ],
)
async def test_views_become_blocks_that_fetch_by_themselves(wish: Wish, agent: str, block: dict[str, Any]) -> None:
    seen = await ask("schema", server_habits.llama_cpp, wish, message="show me")
    assert len(seen.requests) == 1
    assert json.loads(seen.text) == block
    assert seen.pairs[0] == (agent, "")


async def test_words_are_streamed_and_cannot_be_read_as_blocks() -> None:
    said = 'Hello "you": [{"type":"chart"}] \U0001f600'
    seen = await ask("schema", server_habits.llama_cpp, said, message="hi there")
    assert json.loads(seen.text) == {"type": "text", "content": said}
    assert len([token for _, token in seen.pairs if token]) > 3
    assert len(seen.requests) == 1
    popup = await ask("schema", server_habits.llama_cpp, said, message="hi there", mode="popup", scope=Scope("task"))
    assert popup.text == said
    assert popup.turn.routed_by == "scope"


async def test_a_popup_says_its_answer_and_has_no_views() -> None:
    seen = await ask(
        "schema", server_habits.llama_cpp, ("list_tasks", {}), "Two tasks.", mode="popup", scope=Scope("task")
    )
    assert seen.text == "Two tasks."
    assert names(seen.requests) == ["step", "step"]
    offered = [
        [one["properties"]["tool"]["const"] for one in r.body["response_format"]["json_schema"]["schema"]["anyOf"]]
        for r in seen.requests
    ]
    assert all("say" in steps and "answer" not in steps and "show_chart" not in steps for steps in offered)


async def test_the_same_call_twice_ends_the_act_phase() -> None:
    again = ("list_tasks", {"status": "todo"})
    seen = await ask("schema", server_habits.llama_cpp, again, again, "Two tasks.")
    assert len(seen.turn.device.calls) == 1  # type: ignore[attr-defined]
    assert names(seen.requests) == ["step", "step", "blocks"]
    assert "Two tasks." in seen.text


async def test_a_model_that_writes_only_white_space_is_not_read_to_its_limit() -> None:
    """The server of this model never ends its replies, so only the agent can end them."""
    async with open_server() as (server, model):
        server.fallback = lambda _: [*text(*(["\n" * 10] * 30)), Never()]
        turn = make_turn(message="what is due?")
        orchestrator = Orchestrator(Models(model, model, Seen("schema")), ASKS)
        async with aclosing(orchestrator.orchestrate_v3_stream(turn)) as tokens:
            assert "".join([token async for _, token in tokens]).strip() == ""
    assert names(server.requests) == ["step", "blocks"]
    assert turn.finish == "length"
    assert turn.usage.output_tokens > 0


@pytest.mark.parametrize(("limit", "sent"), [(None, 768), (4096, 768), (100, 100)])
async def test_a_step_is_bounded_for_models_that_repeat_themselves(limit: int | None, sent: int) -> None:
    limits = replace(ASKS, answer_tokens=limit)
    seen = await ask("schema", server_habits.llama_cpp, ("list_tasks", {}), ("answer", {}), "One.", limits=limits)
    assert [request.body.get("max_tokens") for request in seen.requests] == [sent, sent, limit]


async def test_at_most_four_rounds() -> None:
    calls = [("list_tasks", {"text": word}) for word in ("a", "b", "c", "d", "e")]
    seen = await ask("schema", server_habits.llama_cpp, *calls)
    assert len(seen.turn.device.calls) == 4  # type: ignore[attr-defined]
    assert names(seen.requests) == ["step"] * 4 + ["blocks"]


async def test_a_change_by_title_and_a_delete_that_asks_the_person() -> None:
    device = ScriptedDevice(
        {
            "list_tasks": LISTED,
            "update_task": answered({**TASKS[1], "status": "done"}),
            "delete_task": answered({}),
        }
    )
    done = ("complete_task", {"task": "Fix login bug"})
    seen = await ask(
        "schema", server_habits.llama_cpp, done, "Done.", message="Mark Fix login bug as done", device=device
    )
    assert [record.id for record in seen.turn.mutations] == ["b" * 36]
    assert not seen.turn.unchanged
    gone = ("delete_task", {"task": "Pay rent"})
    await ask("schema", server_habits.llama_cpp, gone, "Gone.", message="Delete Pay rent", device=device)
    (delete,) = [call for call in device.calls if call.tool == "delete_task"]
    assert delete.requires_approval


async def test_a_claimed_change_is_held_back_and_asked_for_once_more() -> None:
    device = ScriptedDevice({"list_tasks": LISTED, "update_task": answered({**TASKS[1], "status": "done"})})
    done = ("complete_task", {"task": "Fix login bug"})
    message = "Mark Fix login bug as done"
    claim = "I have marked it as done."
    seen = await ask("schema", server_habits.llama_cpp, claim, done, "It is done now.", message=message, device=device)
    assert claim not in seen.text
    assert len(seen.turn.mutations) == 1
    seen = await ask("schema", server_habits.llama_cpp, claim, message=message, device=device)
    assert seen.turn.unchanged
    assert seen.text.count(claim) == 1


@pytest.mark.parametrize(("message", "code"), [("Delete the old one", "not_found"), ("Delete it", "not_asked")])
async def test_an_invented_title_changes_nothing_and_the_model_is_told(message: str, code: str) -> None:
    device = ScriptedDevice({"list_tasks": LISTED})
    gone = ("delete_task", {"task": "The old one"})
    seen = await ask("schema", server_habits.llama_cpp, gone, "Which one do you mean?", message=message, device=device)
    assert not any(call.tool == "delete_task" for call in device.calls)
    assert code in messages(seen.requests[1])[-1]["content"]
    assert "Which one do you mean?" in seen.text


async def test_an_answer_about_items_without_any_call_is_held_back_and_asked_again() -> None:
    invented = "You have three tasks due today: A, B and C."
    listed = ("list_tasks", {"due": "today"})
    seen = await ask("schema", server_habits.llama_cpp, invented, listed, "None is due.", message="Show my tasks")
    assert seen.turn.need == "read"
    assert invented not in seen.text
    assert "None is due." in seen.text


async def test_prose_from_a_server_that_enforces_nothing_is_shown_and_counted() -> None:
    seen = await ask("schema", server_habits.unenforced, "Good morning!", message="hello")
    assert seen.text == "Good morning!"
    assert seen.shapes.faults == [("schema", "schema_ignored")]


# ---- native ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("habit", [server_habits.llama_cpp, server_habits.vllm, server_habits.openai])
async def test_native_acts_with_tools_then_answers_with_the_same_tools(habit: Habit) -> None:
    seen = await ask("native", habit, "unused", ("list_tasks", {}), "ready", "Two tasks.")
    route, *calls = seen.requests
    assert names([route]) == ["intent"]
    assert [call.body["tool_choice"] for call in calls] == ["required", "required", "none"]
    assert names(calls) == ["", "", "blocks"]
    assert calls[0].body["tools"] == calls[1].body["tools"] == calls[2].body["tools"]
    offered = [tool["function"]["name"] for tool in calls[0].body["tools"]]
    assert offered[-1] == "answer"
    assert "update_task" in offered
    assert "reopen_task" not in offered  # `update_task` does it, but the model may still call it
    assert calls[0].body["parallel_tool_calls"] is False
    assert '"type": "entity_ref"' not in json.dumps(messages(calls[0]))
    assert "blocks" in messages(calls[2])[-1]["content"]
    assert messages(calls[2])[: len(messages(calls[1]))] == messages(calls[1])
    assert json.loads(seen.text) == {"blocks": [{"type": "text", "content": "Two tasks."}]}
    assert seen.shapes.faults == []


@pytest.mark.parametrize(
    "habit",
    [server_habits.ollama, server_habits.llama_cpp_without_required, server_habits.vllm_with_empty_calls],
)
async def test_native_that_is_not_obeyed_goes_on_in_the_next_shape(habit: Habit) -> None:
    wanted: list[Wish] = ["Sure!", ("list_tasks", {}), "Two tasks."]
    seen = await ask("native", habit, "unused", *wanted)
    assert seen.shapes.faults == [("native", "required_ignored")]
    assert seen.turn.shape == "schema"
    assert "step" in names(seen.requests)
    assert "Two tasks." in seen.text
    assert "Sure!" not in seen.text


async def test_native_in_a_popup_answers_in_text_without_a_schema() -> None:
    seen = await ask(
        "native", server_habits.llama_cpp, ("list_tasks", {}), "ready", "Two.", mode="popup", scope=Scope("task")
    )
    assert seen.text == "Two."
    assert names(seen.requests) == ["", "", ""]


async def test_native_drops_tools_for_a_server_that_ignores_none() -> None:
    async with open_server() as (server, model):
        server.fallback = wishes(server_habits.llama_cpp, ("list_tasks", {}), "ready", "Two.")
        shapes = Seen("native", keeps_tools=False)
        turn = make_turn(ScriptedDevice({"list_tasks": LISTED}), mode="popup", scope=Scope("task"))
        await Orchestrator(Models(model, model, shapes)).orchestrate(turn)
        assert "tools" not in server.requests[-1].body


async def test_native_truths_hold() -> None:
    device = ScriptedDevice({"list_tasks": LISTED})
    message = "Mark Fix login bug as done"
    seen = await ask(
        "native", server_habits.llama_cpp, "x", "I have marked it as done.", message=message, device=device
    )
    assert seen.turn.unchanged
    assert any("no tool has changed anything" in str(one["content"]) for one in messages(seen.requests[-1]))


# ---- hosted ---------------------------------------------------------------------------------------------------------


async def test_hosted_has_the_schema_in_every_call_if_it_holds_only_the_final_text() -> None:
    async with open_server() as (server, model):
        server.fallback = wishes(server_habits.openai, "unused", ("list_tasks", {}), "Two tasks.")
        shapes = FixedShape("hosted", keeps_tools=True, schema_beside_tools=True)
        turn = make_turn(ScriptedDevice({"list_tasks": LISTED}))
        answer = await Orchestrator(Models(model, model, shapes)).orchestrate(turn)
        calls = server.requests[1:]
        assert names(calls) == ["blocks", "blocks"]
        assert all(call.body["tools"] == calls[0].body["tools"] for call in calls)
        assert json.loads(answer) == {"blocks": [{"type": "text", "content": "Two tasks."}]}
        assert "chart written out" not in messages(calls[0])[0]["content"]


@pytest.mark.parametrize("habit", [server_habits.ollama, server_habits.vllm_with_empty_calls])
async def test_hosted_notes_a_server_that_ignores_required(habit: Habit) -> None:
    seen = await ask("hosted", habit, "unused", "You have two tasks.")
    assert ("hosted", "required_ignored") in seen.shapes.faults
