"""Value-bound blocks whose items no tool returned, over the socket: the server lists them on the device."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import trio

from client.terminal.device import Device
from client.terminal.store import DeviceStore
from client.terminal.tools import DeviceTools
from streaming.wire import WsScope, WsStreamBlock, WsStreamText
from tests.model_server import text_stream, tool_calls
from tests.server.conversation import chat
from tests.server.tessera import Tessera, open_tessera, tool_messages

TASKS = [
    {"id": "t1", "title": "Write", "status": "todo", "projectId": "p1", "dueDate": "2030-03-01"},
    {"id": "t2", "title": "Read", "status": "todo", "projectId": "p2", "dueDate": "2030-04-01"},
    {"id": "t3", "title": "Call", "status": "done", "projectId": "p1", "dueDate": "2030-05-01"},
]
PROJECTS = [{"id": "p1", "name": "Orion"}, {"id": "p2", "name": "Vega"}]
CHART = {"type": "chart", "chartType": "bar", "title": "By status", "from": {"entity": "task", "groupBy": "status"}}


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


class Recorded:
    """The tools of a store that note each call, and can wait before `list_tasks`."""

    def __init__(self, items: Mapping[str, list[dict[str, Any]]], gate: trio.Event | None = None) -> None:
        self.store = DeviceStore(None, items)
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self._gate = gate

    def table(self) -> dict[str, Any]:
        def noted(name: str, tool: Any) -> Any:
            async def run(args: Mapping[str, Any]) -> Any:
                self.calls.append((name, args))
                if self._gate is not None and name == "list_tasks":
                    await self._gate.wait()
                return await tool(args)

            return run

        return {name: noted(name, tool) for name, tool in DeviceTools(self.store).table().items()}


async def ask(tessera: Tessera, device: Device, *blocks: dict[str, Any]) -> Any:
    tessera.script(lambda _: text_stream(json.dumps(blocks), usage=(5, 5)))
    answer = await device.home("show me my tasks")
    await answer.finish()
    return answer


async def test_a_chart_takes_one_model_call(database: str) -> None:
    tools = Recorded({"task": TASKS})
    async with open_tessera(database) as tessera, tessera.device(tools=tools.table()) as device:
        answer = await ask(tessera, device, text("Here."), CHART)
        assert len(tessera.answers()) == 1
        assert tools.calls == [("list_tasks", {"limit": 500})]
        (block,) = answer.blocks
        assert {point["status"]: point["count"] for point in block.data["data"]} == {"To do": 2, "Done": 1}
        assert (answer.end.status, answer.end.shown) == ("completed", 2)
        async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client:
            metrics = (await client.get("/metrics")).text
        assert 'tessera_tool_calls_total{outcome="answered",tool="list_tasks"} 1.0' in metrics


async def test_each_block_has_its_own_filter(database: str) -> None:
    tools = Recorded({"task": TASKS})
    todo = {"type": "table", "from": {"entity": "task", "columns": ["title"], "filter": {"status": "todo"}}}
    several = {
        "type": "table",
        "from": {"entity": "task", "columns": ["title"], "filter": {"status": ["todo", "done"]}},
    }
    late = {
        "type": "table",
        "from": {"entity": "task", "columns": ["title"], "filter": {"dueDate": {"after": "2030-04-15"}}, "limit": 1},
    }
    unlike = {"type": "table", "from": {"entity": "task", "columns": ["title"], "filter": {"status": {"not": "todo"}}}}
    async with open_tessera(database) as tessera, tessera.device(tools=tools.table()) as device:
        answer = await ask(tessera, device, todo, several, late, unlike)
        assert [[row[0] for row in block.data["rows"]] for block in answer.blocks] == [
            ["Write", "Read"],
            ["Write", "Read", "Call"],
            ["Call"],
            ["Call"],
        ]
        listed = Counter(json.dumps(args, sort_keys=True) for _, args in tools.calls)
        assert listed == {
            '{"filter": {"status": "todo"}, "limit": 500}': 1,
            '{"filter": {"status": "done"}, "limit": 500}': 1,
            # The device says nothing about its zone, so the range begins 14 hours early.
            '{"filter": {"dueDate": {"after": 1902391200000}}, "limit": 500}': 1,
            '{"limit": 500}': 1,
        }


async def test_projects_are_listed_for_their_names(database: str) -> None:
    tools = Recorded({"task": TASKS, "project": PROJECTS})
    by_project = {**CHART, "from": {"entity": "task", "groupBy": "projectId"}}
    async with open_tessera(database) as tessera, tessera.device(tools=tools.table()) as device:
        answer = await ask(tessera, device, by_project)
        assert {point["project"]: point["count"] for point in answer.blocks[0].data["data"]} == {"Orion": 2, "Vega": 1}
        assert sorted(name for name, _ in tools.calls) == ["list_projects", "list_tasks"]


@pytest.mark.parametrize("name", ["Orion", "the orion project", "p1", ["Orion", "Vega"], {"not": "Vega"}])
async def test_a_filter_takes_the_name_of_a_project(database: str, name: Any) -> None:
    table = {"type": "table", "from": {"entity": "task", "columns": ["title"], "filter": {"projectId": name}}}
    async with open_tessera(database) as tessera:
        recorded = Recorded({"task": TASKS, "project": PROJECTS})
        async with tessera.device(tools=recorded.table()) as device:
            answer = await ask(tessera, device, table)
    (block,) = answer.blocks
    titles = {row[0] for row in block.data["rows"]}
    assert titles == ({"Write", "Read", "Call"} if isinstance(name, list) else {"Write", "Call"})
    asked = [tool for tool, _ in recorded.calls]
    assert sorted(asked) == ["list_projects", "list_tasks"]


async def test_a_name_of_no_project_matches_nothing(database: str) -> None:
    table = {"type": "table", "from": {"entity": "task", "filter": {"projectId": "Moon landing"}}}
    async with open_tessera(database) as tessera:
        recorded = Recorded({"task": TASKS, "project": PROJECTS})
        async with tessera.device(tools=recorded.table()) as device:
            answer = await ask(tessera, device, table)
    assert answer.blocks == []
    assert answer.text


async def test_what_a_tool_returned_is_not_listed_again(database: str) -> None:
    tools = Recorded({"task": TASKS})
    async with open_tessera(database) as tessera, tessera.device(tools=tools.table()) as device:
        blocks = json.dumps([CHART])
        tessera.script(
            lambda r: text_stream(blocks) if tool_messages(r) else tool_calls(("list_tasks", {"status": "todo"}))
        )
        answer = await device.home("chart of my open tasks")
        assert (await answer.finish()).status == "completed"
        assert [point["count"] for point in answer.blocks[0].data["data"]] == [2]
        assert [name for name, _ in tools.calls] == ["list_tasks"]


async def test_the_text_after_a_slow_block_is_held_for_at_most_a_second(database: str) -> None:
    gate = trio.Event()
    tools = Recorded({"task": TASKS}, gate)
    async with open_tessera(database) as tessera, tessera.device(tools=tools.table()) as device:
        tessera.script(lambda _: text_stream(json.dumps([text("Before."), CHART, text("After.")])))
        answer = await device.home("chart")
        order: list[tuple[int, str]] = []
        async for frame in answer:
            if isinstance(frame, WsStreamText | WsStreamBlock):
                order.append((frame.block, frame.type))
                if frame.block == 2:
                    gate.set()
        assert list(dict.fromkeys(order)) == [(0, "stream_text"), (2, "stream_text"), (1, "stream_block")]
        assert answer.end is not None
        assert (answer.end.status, answer.end.shown) == ("completed", 3)


async def test_blocks_keep_their_order(database: str) -> None:
    tools = Recorded({"task": TASKS})
    async with open_tessera(database) as tessera, tessera.device(tools=tools.table()) as device:
        answer = await ask(tessera, device, text("a"), CHART, text("b"), {**CHART, "title": "Again"}, text("c"))
        order = [frame.block for frame in answer.frames if isinstance(frame, WsStreamText | WsStreamBlock)]
        assert list(dict.fromkeys(order)) == [0, 1, 2, 3, 4]
        assert len(tools.calls) == 1


async def test_without_a_device_the_person_reads_why(database: str) -> None:
    async with open_tessera(database) as tessera:
        token = (await tessera.account()).access_token
        tessera.script(lambda _: text_stream(json.dumps([text("Here."), CHART])))
        body = (await chat(tessera, token, message="chart of my tasks")).json()
        assert [block["content"] for block in body["blocks"]] == [
            "Here.",
            'The chart "By status" can\'t be shown: your device is not connected.',
        ]
        assert len(tessera.answers()) == 1, "nothing is repaired"


async def test_a_failing_device_and_an_empty_one(database: str) -> None:
    async def broken(args: Mapping[str, Any]) -> Any:
        raise RuntimeError("disk")

    async with open_tessera(database) as tessera:
        async with tessera.device(tools={"list_tasks": broken}) as device:
            answer = await ask(tessera, device, CHART)
            assert answer.text == 'The chart "By status" can\'t be shown: your device could not read your tasks.'
        async with tessera.device(tools=Recorded({}).table()) as device:
            answer = await ask(tessera, device, {"type": "timeline", "from": {"entity": "task"}})
            assert answer.text == "The timeline of your tasks can't be shown: you have no tasks that match."


@pytest.mark.parametrize(
    "conditions", [{"dueDate": "2026-03-09"}, {"status": {"not": "todo"}}, {"priority": ["high", "low"]}]
)
async def test_a_list_without_a_match_is_no_failure(database: str, conditions: dict[str, Any]) -> None:
    tasks = [{"id": "t1", "title": "A", "status": "todo", "priority": "medium", "dueDate": "2026-03-10"}]
    async with open_tessera(database) as tessera, tessera.device(tools=Recorded({"task": tasks}).table()) as device:
        block = {"type": "timeline", "from": {"entity": "task", "filter": conditions}}
        answer = await ask(tessera, device, block)
        assert answer.text == "The timeline of your tasks can't be shown: you have no tasks that match."
        assert len(tessera.answers()) == 1, "nothing is repaired"


async def test_too_many_items_are_not_counted_wrongly(database: str) -> None:
    many = [{"id": f"t{number}", "title": "Task", "status": "todo"} for number in range(501)]
    async with open_tessera(database) as tessera, tessera.device(tools=Recorded({"task": many}).table()) as device:
        answer = await ask(tessera, device, CHART)
        assert answer.blocks == []
        assert "more of these items than can be read in one call" in answer.text


async def test_the_lists_of_blocks_count_as_tool_calls(database: str) -> None:
    tools = Recorded({"task": TASKS})
    wanted = [{**CHART, "from": {"entity": "task", "filter": {"assignee": str(number)}}} for number in range(5)]
    async with open_tessera(database, max_tool_calls=3) as tessera, tessera.device(tools=tools.table()) as device:
        answer = await ask(tessera, device, *wanted)
        assert len(tools.calls) == 3
        assert answer.text.count("used up its calls") == 2


async def test_a_repaired_block_is_listed_too(database: str) -> None:
    tools = Recorded({"task": TASKS})
    async with open_tessera(database) as tessera, tessera.device(tools=tools.table()) as device:
        replies = [[text("Here."), {**CHART, "chartType": "spider web"}], [CHART]]
        tessera.script(lambda _: text_stream(json.dumps(replies.pop(0))))
        answer = await device.home("chart")
        assert (await answer.finish()).status == "completed"
        (block,) = answer.blocks
        assert (block.block, sum(point["count"] for point in block.data["data"])) == (1, 3)


def reference(*ids: str, entity: str = "task") -> dict[str, Any]:
    return {"type": "entity_ref", "entity": entity, **({"ids": list(ids)} if ids else {})}


async def test_a_reference_to_an_entity_that_no_tool_returned_is_listed(database: str) -> None:
    tools = Recorded({"task": TASKS})
    async with open_tessera(database) as tessera, tessera.device(tools=tools.table()) as device:
        answer = await ask(tessera, device, text("Here."), reference(), reference())
        assert tools.calls == [("list_tasks", {"limit": 500})]
        assert [[item["id"] for item in block.data["items"]] for block in answer.blocks] == [["t1", "t2", "t3"]] * 2
        assert (answer.end.status, answer.end.shown) == ("completed", 3)
        assert len(tessera.answers()) == 1


async def test_named_items_are_read_one_by_one_or_listed_if_there_are_many(database: str) -> None:
    tools = Recorded({"task": TASKS})
    async with open_tessera(database) as tessera, tessera.device(tools=tools.table()) as device:
        answer = await ask(tessera, device, reference("t3", "nobody", "t1"), reference("t1", "nobody"))
        assert sorted(args["id"] for _, args in tools.calls) == ["nobody", "t1", "t3"]
        assert {name for name, _ in tools.calls} == {"get_task"}
        assert [[item["id"] for item in block.data["items"]] for block in answer.blocks] == [["t3", "t1"], ["t1"]]
        tools.calls.clear()
        many = [f"x{number}" for number in range(9)]
        answer = await ask(tessera, device, reference(*many, "t2"))
        assert tools.calls == [("list_tasks", {"limit": 500})]
        assert [item["id"] for item in answer.blocks[0].data["items"]] == ["t2"]


async def test_a_reference_reads_nothing_beside_the_items_that_a_tool_returned(database: str) -> None:
    tools = Recorded({"task": TASKS})
    async with open_tessera(database) as tessera, tessera.device(tools=tools.table()) as device:
        blocks = json.dumps([reference("t1", "t3"), reference(), CHART])
        tessera.script(
            lambda r: text_stream(blocks) if tool_messages(r) else tool_calls(("list_tasks", {"status": "todo"}))
        )
        answer = await device.home("my tasks")
        assert (await answer.finish()).status == "completed"
        first, second, chart = answer.blocks
        assert [[item["id"] for item in block.data["items"]] for block in (first, second)] == [["t1"], ["t1", "t2"]]
        assert [point["count"] for point in chart.data["data"]] == [2]
        assert [name for name, _ in tools.calls] == ["list_tasks"]


async def test_references_and_other_blocks_do_not_narrow_each_other(database: str) -> None:
    tools = Recorded({"task": TASKS})
    todo = {"type": "table", "from": {"entity": "task", "columns": ["title"], "filter": {"status": "todo"}}}
    async with open_tessera(database) as tessera, tessera.device(tools=tools.table()) as device:
        answer = await ask(tessera, device, reference("t3"), CHART, todo, reference())
        one, chart, table, every = answer.blocks
        assert [item["id"] for item in one.data["items"]] == ["t3"]
        assert {point["status"]: point["count"] for point in chart.data["data"]} == {"To do": 2, "Done": 1}
        assert table.data["rows"] == [["Write"], ["Read"]]
        assert {item["id"] for item in every.data["items"]} == {"t1", "t2", "t3"}


async def test_a_reference_to_items_that_are_not_there_says_so(database: str) -> None:
    async with open_tessera(database) as tessera:
        async with tessera.device(tools=Recorded({"task": TASKS}).table()) as device:
            answer = await ask(tessera, device, reference("nobody"))
            assert answer.text == "The list of your tasks can't be shown: you have no tasks that match."
            answer = await ask(tessera, device, reference(entity="note"))
            assert answer.text == "The list of your notes can't be shown: you have no notes."
        token = (await tessera.account()).access_token
        body = (await chat(tessera, token, message="my tasks")).json()
        assert body["blocks"][0]["content"] == "The list of your notes can't be shown: your device is not connected."


async def test_a_block_in_a_popup_fetches_what_it_names(database: str) -> None:
    async with open_tessera(database) as tessera:
        recorded = Recorded({"task": TASKS, "project": PROJECTS})
        blocks = [
            text("Before."),
            {"type": "table", "from": {"entity": "task", "columns": ["title"], "filter": {"status": "todo"}}},
            {"type": "entity_ref", "entity": "project", "ids": ["p2"]},
            text("After."),
        ]
        tessera.script(lambda _: text_stream(json.dumps(blocks), usage=(5, 5)))
        async with tessera.device(tools=recorded.table()) as device:
            answer = await device.popup("what is open?", WsScope(type="task"))
            end = await answer.finish()
        assert (end.status, end.shown, answer.blocks) == ("completed", 4, [])
        assert answer.text.split("\n\n") == ["Before.", "- Task: Write\n- Task: Read", "- Vega", "After."]
        assert sorted(name for name, _ in recorded.calls) == ["get_project", "list_tasks"]
        assert len(tessera.answers()) == 1


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ({"task": []}, 'The chart "By status" can\'t be shown: you have no tasks that match.'),
        ({}, 'The chart "By status" can\'t be shown: your device could not read your tasks.'),
    ],
)
async def test_a_block_in_a_popup_says_why_it_is_not_shown(
    database: str, items: dict[str, list[dict[str, Any]]], sentence: str
) -> None:
    async with open_tessera(database) as tessera:
        tools = Recorded(items).table() if items else {}
        tessera.script(lambda _: text_stream(json.dumps([CHART]), usage=(5, 5)))
        async with tessera.device(tools=tools) as device:
            answer = await device.popup("chart them", WsScope(type="task"))
            end = await answer.finish()
        assert end.status == "completed"
        assert answer.text == sentence
