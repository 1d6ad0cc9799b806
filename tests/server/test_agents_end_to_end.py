"""Value-bound blocks, repairs and limits over real sockets, with the demo model and with a faulty model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from client.terminal.answer import Answer
from client.terminal.device import Device
from client.terminal.store import DeviceStore
from client.terminal.tools import DeviceTools
from streaming.wire import WsScope, WsStreamStart
from tests.model_server import Never, ReceivedRequest, Step, error_status, text_stream, tool_calls
from tests.server.tessera import Tessera, open_tessera, tool_messages

TASKS: list[dict[str, Any]] = [
    {"id": f"t{number}", "title": f"Task {number}", "status": status, "priority": priority, "projectId": project}
    for number, (status, priority, project) in enumerate(
        [
            ("todo", "high", "p1"),
            ("todo", "low", "p2"),
            ("in_progress", "high", "p1"),
            ("done", "medium", "p2"),
            ("todo", "high", "p1"),
        ]
    )
]
ITEMS: dict[str, list[dict[str, Any]]] = {
    "task": TASKS,
    "project": [{"id": "p1", "name": "Orion", "status": "active"}, {"id": "p2", "name": "Vega", "status": "active"}],
    "note": [],
    "checkpoint": [{"id": "c1", "title": "Beta", "date": "2030-03-09", "projectId": "p1"}],
}


@asynccontextmanager
async def open_device_on(tessera: Tessera) -> AsyncIterator[tuple[Device, DeviceStore]]:
    store = DeviceStore(None, ITEMS)
    async with tessera.device(tools=DeviceTools(store).table()) as device:
        yield device, store


@asynccontextmanager
async def demo(database: str, **settings: Any) -> AsyncIterator[tuple[Tessera, Device, DeviceStore]]:
    """The server with its own demo model."""
    async with (
        open_tessera(database, model_url="", model_name="", demo_pace_s=0, **settings) as tessera,
        open_device_on(tessera) as (device, store),
    ):
        yield tessera, device, store


def block(answer: Answer, kind: str) -> dict[str, Any]:
    (found,) = [frame.data for frame in answer.blocks if frame.block_type == kind]
    return found


async def repairs(tessera: Tessera) -> dict[str, int]:
    """Repaired blocks, by outcome."""
    async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    prefix = 'tessera_block_repairs_total{outcome="'
    found = [line.removeprefix(prefix).split('"} ') for line in lines if line.startswith(prefix)]
    return {outcome: int(float(count)) for outcome, count in found if float(count)}


async def test_a_value_bound_chart_has_the_devices_numbers(database: str) -> None:
    async with demo(database) as (_, device, store):
        answer = await device.home("bar chart of my tasks by status")
        assert (await answer.finish()).status == "completed"
        tasks, _ = store.list("task")
        words = {"To do": "todo", "In progress": "in_progress", "Done": "done"}
        shown = {words[point["status"]]: point["count"] for point in block(answer, "chart")["data"]}
        assert shown == Counter(task["status"] for task in tasks)


async def test_list_create_and_chart_ends_with_the_right_mutations(database: str) -> None:
    async with demo(database) as (_, device, store):
        created = await device.home("create a task called Water the plants")
        end = await created.finish()
        (mutation,) = end.mutations
        (new,) = [task for task in store.list("task")[0] if task["title"] == "Water the plants"]
        assert (mutation.op, mutation.entity, mutation.id, mutation.data) == ("create", "task", new["id"], new)
        assert block(created, "entity_ref")["items"] == [new]

        charted = await device.home("pie chart of tasks by priority")
        assert (await charted.finish()).mutations == []
        assert sum(point["count"] for point in block(charted, "chart")["data"]) == len(TASKS) + 1


async def test_progress_of_projects_is_counted_by_the_server(database: str) -> None:
    async with demo(database) as (_, device, _store):
        answer = await device.home("how are my projects doing?")
        first = await anext(answer)
        assert isinstance(first, WsStreamStart)
        assert first.agent == "project_agent"
        assert (await answer.finish()).status == "completed"
        points = {point["project"]: point for point in block(answer, "chart")["data"]}
        assert points["Orion"] == {"project": "Orion", "to_do": 2, "in_progress": 1, "done": 0}
        assert points["Vega"] == {"project": "Vega", "to_do": 1, "in_progress": 0, "done": 1}


async def test_a_message_that_fits_no_agent_gets_a_general_answer(database: str) -> None:
    async with demo(database) as (_, device, _store):
        answer = await device.home("hello")
        first = await anext(answer)
        assert isinstance(first, WsStreamStart)
        assert first.agent == "general_agent"
        assert (await answer.finish()).status == "completed"
        assert answer.text


@pytest.mark.parametrize("structured", [False, True])
async def test_a_broken_chart_is_repaired_at_its_own_index(database: str, structured: bool) -> None:
    async with demo(database, model_structured_output=structured) as (tessera, device, _store):
        answer = await device.home("show me a broken chart of my tasks by status")
        end = await answer.finish()
        assert end.status == "completed"
        (chart,) = [frame for frame in answer.blocks if frame.block_type == "chart"]
        assert (chart.block, chart.data["title"]) == (1, "Tasks by status")
        assert await repairs(tessera) == {"repaired": 1}


async def test_without_time_for_it_nothing_is_repaired_and_a_sentence_says_so(database: str) -> None:
    async with demo(database, repair_timeout_s=0) as (tessera, device, _store):
        answer = await device.home("show me a broken chart of my tasks by status")
        assert (await answer.finish()).status == "completed"
        assert answer.blocks == []
        assert "could not be shown" in answer.text
        assert await repairs(tessera) == {"degraded": 1}


# ---- a faulty model -------------------------------------------------------------------------------------------------

GOOD = {"type": "table", "from": {"entity": "task", "columns": ["title"]}}
BAD = {"type": "table", "from": {"entity": "task", "columns": ["colour"]}}


def is_repair(request: ReceivedRequest) -> bool:
    return "could not be shown" in str(request.body["messages"][-1]["content"])


def scripted(answer: list[Any], repaired: list[Step]) -> Any:
    def model(request: ReceivedRequest) -> list[Step]:
        if is_repair(request):
            return repaired
        if not tool_messages(request):
            return tool_calls(("list_tasks", {}), usage=(10, 1))
        return text_stream(json.dumps(answer), usage=(20, 2))

    return model


@pytest.mark.parametrize(
    ("repaired", "outcome", "indexes", "usage"),
    [
        (text_stream(json.dumps([GOOD]), usage=(30, 3)), "repaired", [1], (61, 7)),
        (text_stream(json.dumps([BAD]), usage=(30, 3)), "invalid_again", [], (61, 7)),
        (text_stream("I cannot.", usage=(30, 3)), "invalid_again", [], (61, 7)),
        (error_status(500), "model_error", [], (31, 4)),
    ],
)
async def test_a_rejected_block_is_repaired_at_most_once(
    database: str, repaired: list[Step], outcome: str, indexes: list[int], usage: tuple[int, int]
) -> None:
    answered = [{"type": "text", "content": "Your tasks:"}, BAD, {"type": "text", "content": "That is all."}]
    async with open_tessera(database) as tessera, open_device_on(tessera) as (device, _):
        tessera.script(scripted(answered, repaired))
        answer = await device.home("table of my tasks")
        end = await answer.finish()
        assert end.status == "completed"
        degraded = [] if indexes else ["A table could not be shown."]
        assert answer.text.split("\n\n") == ["Your tasks:", "That is all.", *degraded]
        assert [frame.block for frame in answer.blocks] == indexes
        assert end.usage is not None
        assert (end.usage.input_tokens, end.usage.output_tokens) == usage
        assert await repairs(tessera) == {outcome: 1} | ({"degraded": 1} if degraded else {})
        assert sum(is_repair(request) for request in tessera.answers()) == 1


async def test_cancelling_a_repair_closes_its_connection_and_sends_nothing_of_it(database: str) -> None:
    async with open_tessera(database) as tessera, open_device_on(tessera) as (device, _):
        tessera.script(scripted([BAD], [Never()]))
        answer = await device.home("table of my tasks")
        while not any(is_repair(request) for request in tessera.answers()):
            await tessera.model.wait_request(len(tessera.model.requests))
        await answer.cancel()
        end = await answer.finish()
        assert (end.status, answer.blocks) == ("cancelled", [])
        assert end.usage is not None
        assert (end.usage.input_tokens, end.usage.output_tokens) == (31, 4)
        await tessera.answers()[-1].connection.closed.wait()


async def test_an_invented_reference_is_refused_and_so_are_invented_numbers(database: str) -> None:
    invented: list[Any] = [
        {"type": "entity_ref", "entity": "task", "ids": ["t99"], "items": [{"id": "t99", "title": "Invented"}]},
        {"type": "entity_ref", "entity": "note", "items": [{"id": "n1", "title": "Invented"}]},
        {**GOOD, "headers": ["Invented"], "rows": [["Invented"]]},
    ]
    async with open_tessera(database) as tessera, open_device_on(tessera) as (device, _):
        tessera.script(scripted(invented, text_stream(json.dumps(invented[:2]))))
        answer = await device.home("show my tasks")
        assert (await answer.finish()).status == "completed"
        (table,) = answer.blocks
        assert table.data == {"headers": ["Task"], "rows": [[task["title"]] for task in TASKS]}
        assert "Invented" not in str([frame.data for frame in answer.blocks])


async def test_a_popup_is_never_repaired(database: str) -> None:
    async with open_tessera(database) as tessera, open_device_on(tessera) as (device, _):
        tessera.script(lambda _: text_stream(json.dumps([BAD, {"type": "text", "content": "Only this."}])))
        answer = await device.popup("?", WsScope(type="task"))
        assert (await answer.finish()).status == "completed"
        assert (answer.blocks, len(tessera.answers())) == ([], 1)
        # A sentence says what could not be shown.
        assert answer.text == "A table could not be shown.\n\nOnly this."


async def test_a_model_that_loops_on_tools_is_made_to_answer(database: str) -> None:
    def model(request: ReceivedRequest) -> list[Step]:
        return tool_calls(("list_tasks", {})) if "tools" in request.body else text_stream("Enough.")

    async with (
        open_tessera(database, max_tool_rounds=3) as tessera,
        open_device_on(tessera) as (device, _),
    ):
        tessera.script(model)
        answer = await device.home("loop")
        assert (await answer.finish()).status == "completed"
        assert answer.text == "Enough."
        assert len(tessera.answers()) == 4


async def test_a_wrong_argument_costs_one_retry_and_not_the_request(database: str) -> None:
    def model(request: ReceivedRequest) -> list[Step]:
        match tool_messages(request):
            case []:
                return tool_calls(("move_task", {"id": "t0"}))
            case [refused]:
                assert "projectId: Field required" in refused
                return tool_calls(("move_task", {"id": "t0", "projectId": "p2"}), prefix="again")
            case _:
                return text_stream("Moved.")

    async with open_tessera(database) as tessera, open_device_on(tessera) as (device, store):
        tessera.script(model)
        answer = await device.home("move the first task to Vega")
        end = await answer.finish()
        assert (end.status, answer.text) == ("completed", "Moved.")
        assert [(mutation.op, mutation.id) for mutation in end.mutations] == [("update", "t0")]
        assert store.get("task", "t0")["projectId"] == "p2"
