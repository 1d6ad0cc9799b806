"""The scripted perfect model in each request shape: its replies have the form that the request demands."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from agents.block_format import blocks_schema
from agents.steps import step_schema
from evals.perfect import Perfect
from evals.scenario import Scenario

CALL = {"tool": "list_tasks", "args": {"status": ["todo", "in_progress"], "dueAfter": "2026-11-27"}}
RENAME = {"tool": "update_task", "args": {"id": "t1", "dueDate": "2026-12-01", "projectId": "p1"}}
NOTE = {"tool": "append_to_note", "args": {"id": "n1", "text": "Eggs"}}
MOVE = {"tool": "reschedule_checkpoint", "args": {"id": "c1", "date": "2026-12-01"}}
TEXT = {"type": "text", "content": "Done."}
CHART = {
    "type": "chart",
    "chartType": "pie",
    "title": "Tasks",
    "from": {"entity": "task", "groupBy": "status", "agg": "count"},
}


def held(name: str, schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}}


FIRST = held("step", step_schema("home", "first"))
LATER = held("step", step_schema("home", "later"))
BLOCKS = held("blocks", blocks_schema())
ACT = {"tools": [{"function": {"name": name}} for name in ("list_tasks", "answer")], "tool_choice": "required"}
ANSWER = {"tools": ACT["tools"], "tool_choice": "none", **BLOCKS}


async def replies(steps: list[dict[str, Any]], *requests: dict[str, Any]) -> list[Any]:
    """What the model says to each request: the parsed text, its calls, or the status of an error."""
    scenario = Scenario.model_validate(
        {
            "about": "x",
            "tags": ["t"],
            "claimed_by": ["perfect"],
            "turns": [{"say": "x"}],
            "perfect": [{"steps": steps}],
        }
    )
    model = Perfect()
    model.begin(scenario, 1)
    model.begin_turn(0)
    found: list[Any] = []
    async with httpx.AsyncClient(transport=model) as client:
        for request in requests:
            answer = await client.post("http://perfect.invalid/v1/chat/completions", json=request)
            if answer.status_code != httpx.codes.OK:
                found.append(answer.status_code)
                continue
            message = answer.json()["choices"][0]["message"]
            calls = [(call["function"]["name"]) for call in message.get("tool_calls", ())]
            found.append(calls or json.loads(message["content"]))
    return found


@pytest.mark.parametrize(
    ("call", "step"),
    [
        (CALL, {"tool": "list_tasks", "args": {"due": "2026-11-27"}}),
        (RENAME, {"tool": "update_task", "args": {"task": "t1", "due": "2026-12-01", "project": "p1"}}),
        (NOTE, {"tool": "append_note", "args": {"note": "n1", "text": "Eggs"}}),
        (MOVE, {"tool": "move_checkpoint", "args": {"checkpoint": "c1", "date": "2026-12-01"}}),
        ({"tool": "get_task", "args": {"id": "t1"}}, {"tool": "list_tasks", "args": {}}),
    ],
)
async def test_a_call_becomes_the_step_of_the_same_tool(call: dict[str, Any], step: dict[str, Any]) -> None:
    assert await replies([{"calls": [call]}, {"blocks": [TEXT]}], FIRST, LATER, BLOCKS) == [
        step,
        {"tool": "answer", "args": {}},
        {"blocks": [TEXT]},
    ]


async def test_steps_are_given_one_by_one_and_native_calls_together() -> None:
    script: list[dict[str, Any]] = [{"calls": [CALL, MOVE]}, {"blocks": [TEXT]}]
    steps = [one["tool"] for one in await replies(script, FIRST, LATER, LATER)]
    assert steps == ["list_tasks", "move_checkpoint", "answer"]
    assert await replies(script, {"tools": [{"function": {"name": "list_tasks"}}]}, {}) == [
        ["list_tasks", "reschedule_checkpoint"],
        [TEXT],
    ]
    assert await replies(script, ACT, ACT, ACT, ANSWER) == [
        ["list_tasks"],
        ["reschedule_checkpoint"],
        ["answer"],
        {"blocks": [TEXT]},
    ]


async def test_words_and_views_are_steps_of_their_own() -> None:
    assert await replies([{"blocks": [TEXT]}], FIRST) == [{"tool": "say", "args": {"text": "Done."}}]
    view = {"tool": "show_chart", "args": {"type": "pie", "of": "task", "by": "status", "title": "Tasks"}}
    assert await replies([{"blocks": [TEXT, CHART]}], FIRST) == [view]


async def test_a_reply_that_the_schema_forbids_is_an_error() -> None:
    unknown = {**CHART, "from": {"entity": "task", "groupBy": "nonsense"}}
    filtered = {"type": "table", "from": {"entity": "task", "filter": {"status": "done"}}}
    assert await replies([{"blocks": [unknown]}], FIRST) == [500]
    assert await replies([{"blocks": [filtered]}], BLOCKS) == [500]
    whole = (await replies([{"blocks": [CHART]}], BLOCKS))[0]["blocks"][0]
    assert whole["from"]["splitBy"] is None
