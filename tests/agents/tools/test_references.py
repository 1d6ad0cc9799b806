"""Items that a model names by handle, id or title, through the tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from agents.device import DeviceResult, Outcome
from agents.registry import ALL_TOOLS
from agents.tools import DeviceAccess, ToolError
from agents.turn import Scope, Turn
from tests.agents.fakes import ScriptedDevice, answered, make_turn

TOOLS = ALL_TOOLS
LOGIN, RENT, CALL = (f"7d0c1c1e-6a0b-4c58-9a7e-0b1f6d0c000{number}" for number in (1, 2, 3))
LAUNCH = "7d0c1c1e-6a0b-4c58-9a7e-0b1f6d0c0009"
ITEMS: dict[str, list[dict[str, Any]]] = {
    "tasks": [
        {"id": LOGIN, "title": "Fix login bug", "status": "todo"},
        {"id": RENT, "title": "Pay rent", "status": "todo", "dueDate": "2026-03-10"},
        {"id": CALL, "title": "Pay rent", "status": "done"},
        {"id": "inbox", "title": "Q3", "status": "todo"},
    ],
    "projects": [{"id": LAUNCH, "name": "Launch", "status": "active"}],
}


class Device(ScriptedDevice):
    """A device that finds items by their text and knows which ids it has."""

    def __init__(self) -> None:
        super().__init__()
        for plural, items in ITEMS.items():
            self.answers[f"list_{plural}"] = partial(_listed, items)
            for verb in ("get", "update", "delete"):
                self.answers[f"{verb}_{plural[:-1]}"] = partial(_one, items)
        self.answers["create_task"] = lambda args: answered({"id": "new", **args["data"]})

    def ran(self) -> list[tuple[str, Any]]:
        return [(call.tool, call.args.get("id", call.args.get("text"))) for call in self.calls]


def _listed(items: list[dict[str, Any]], args: Mapping[str, Any]) -> DeviceResult:
    text = str(args.get("text", "")).lower()
    return answered({"items": [item for item in items if text in str(item.get("title", item.get("name"))).lower()]})


def _one(items: list[dict[str, Any]], args: Mapping[str, Any]) -> DeviceResult:
    found = [item for item in items if item["id"] == args["id"]]
    return answered(found[0]) if found else DeviceResult(Outcome.ERROR, code="not_found", message="no such item")


async def run(tool: str, turn: Turn, **arguments: Any) -> Any:
    return await TOOLS[tool].invoke(DeviceAccess(turn), json.dumps(arguments))


@pytest.mark.parametrize(
    "title", ["Fix login bug", "fix  LOGIN bug", "“Fix login bug”", "login bug", "that Fix login bug"]
)
async def test_a_title_names_its_item(title: str) -> None:
    turn = make_turn(device := Device())
    await run("complete_task", turn, id=title)
    assert device.ran()[-1] == ("update_task", LOGIN)
    assert [mutation.id for mutation in turn.mutations] == [LOGIN]


@pytest.mark.parametrize(
    "name",
    ["Launch project", "the Launch project", "project Launch", "my launch", "Launch-Projekt", "das Projekt „Launch“"],
)
async def test_an_article_and_the_kind_beside_a_title_are_no_part_of_it(name: str) -> None:
    turn = make_turn(device := Device())
    await run("update_task", turn, id="the task Fix login bug", projectId=name)
    assert device.calls[-1].args == {"id": LOGIN, "data": {"projectId": LAUNCH}}


async def test_a_title_that_has_its_kind_comes_first() -> None:
    turn = make_turn(device := Device())
    named = [{"id": "n1", "title": "Shopping"}, {"id": "n2", "title": "Shopping list"}]
    device.answers["list_notes"] = partial(_listed, named)
    device.answers["get_note"] = partial(_one, named)
    for name, found in (("Shopping list", "n2"), ("my shopping list", "n1"), ("note Shopping", "n1")):
        await run("get_note", turn, id=name)
        assert device.calls[-1].args == {"id": found}


async def test_a_delete_takes_a_whole_title_with_its_kind() -> None:
    turn = make_turn(device := Device())
    await run("delete_task", turn, id="the task “Fix login bug”")
    assert device.ran()[-1] == ("delete_task", LOGIN)
    with pytest.raises(ToolError, match="not_found"):
        await run("delete_task", turn, id="the login bug task")


async def test_a_lookup_does_not_change_what_blocks_show() -> None:
    turn = make_turn(Device())
    await run("complete_task", turn, id="login bug")
    assert [item["id"] for item in turn.tool_results.resolve("task")] == [LOGIN]


async def test_a_title_of_several_items_is_an_error_that_lists_them() -> None:
    turn = make_turn(device := Device())
    with pytest.raises(ToolError) as caught:
        await run("complete_task", turn, id="Pay rent")
    assert caught.value.code == "ambiguous"
    assert 't1 "Pay rent" (todo, 2026-03-10); t2 "Pay rent" (done)' in caught.value.message
    assert {tool for tool, _ in device.ran()} == {"list_tasks"}
    await run("complete_task", turn, id="t2")
    assert device.ran()[-1] == ("update_task", CALL)


async def test_an_unknown_title_is_an_error_that_lists_the_nearest() -> None:
    turn = make_turn(device := Device())
    with pytest.raises(ToolError) as caught:
        await run("complete_task", turn, id="Water the plants")
    assert caught.value.code == "not_found"
    assert "Fix login bug" in caught.value.message
    assert {tool for tool, _ in device.ran()} == {"list_tasks"}


async def test_only_a_whole_title_deletes() -> None:
    turn = make_turn(device := Device())
    with pytest.raises(ToolError, match="not_found"):
        await run("delete_task", turn, id="login bug")
    assert {tool for tool, _ in device.ran()} == {"list_tasks"}
    await run("delete_task", turn, id="fix login bug")
    assert device.ran()[-1] == ("delete_task", LOGIN)


async def test_a_handle_that_was_never_given_out_asks_no_device() -> None:
    turn = make_turn(device := Device())
    turn.handles.of("task", LOGIN)
    await run("complete_task", turn, id="t1")
    calls = len(device.calls)
    with pytest.raises(ToolError, match="not_found"):
        await run("delete_task", turn, id="t9")
    assert len(device.calls) == calls


async def test_an_id_costs_no_lookup() -> None:
    turn = make_turn(device := Device())
    await run("complete_task", turn, id=LOGIN)
    assert device.ran() == [("update_task", LOGIN)]


async def test_a_word_with_a_digit_may_be_an_id_or_a_title() -> None:
    turn = make_turn(device := Device())
    await run("complete_task", turn, id="Q3")
    assert device.ran() == [("update_task", "Q3"), ("list_tasks", "Q3"), ("update_task", "inbox")]


async def test_an_id_of_one_word_is_found_in_the_list() -> None:
    turn = make_turn(device := Device())
    await run("complete_task", turn, id="inbox")
    assert device.ran()[-1] == ("update_task", "inbox")


async def test_the_open_item_is_known() -> None:
    scope = Scope("task", "inbox", {"id": "inbox"})
    turn = make_turn(device := Device(), mode="popup", scope=scope)
    await run("complete_task", turn, id="inbox")
    assert device.ran() == [("update_task", "inbox")]


@pytest.mark.parametrize("named", ["Launch", "launch", LAUNCH])
async def test_a_new_item_goes_to_a_project_that_exists(named: str) -> None:
    turn = make_turn(device := Device())
    await run("create_task", turn, title="x", projectId=named)
    assert device.calls[-1].args == {"data": {"title": "x", "projectId": LAUNCH}}
    assert ("get_project", LAUNCH) in device.ran()


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("create_task", {"title": "x", "due": "2026-03-10", "project": "Launch"}),
        ("create_task", {"title": "x", "due_date": "2026-03-10", "project_id": "Launch"}),
    ],
)
async def test_common_names_of_arguments_are_accepted(tool: str, arguments: dict[str, str]) -> None:
    turn = make_turn(device := Device())
    await run(tool, turn, **arguments)
    assert device.calls[-1].args == {"data": {"title": "x", "dueDate": "2026-03-10", "projectId": LAUNCH}}


@pytest.mark.parametrize("arguments", [{"task": "login bug"}, {"id": "login bug"}])
async def test_an_item_may_be_named_by_its_kind(arguments: dict[str, str]) -> None:
    turn = make_turn(device := Device())
    await run("complete_task", turn, **arguments)
    assert device.ran()[-1] == ("update_task", LOGIN)


async def test_two_names_of_one_argument_are_an_error() -> None:
    with pytest.raises(ToolError, match="invalid_arguments"):
        await run("complete_task", make_turn(Device()), id=LOGIN, task=RENT)


@pytest.mark.parametrize("named", ["Moon landing", "p9", "7d0c1c1e-6a0b-4c58-9a7e-0b1f6d0cffff"])
@pytest.mark.parametrize("tool", ["create_task", "update_task", "move_task"])
async def test_nothing_goes_to_a_project_that_does_not_exist(tool: str, named: str) -> None:
    turn = make_turn(device := Device())
    more = {"title": "x"} if tool == "create_task" else {"id": LOGIN}
    with pytest.raises(ToolError, match="not_found"):
        await run(tool, turn, projectId=named, **more)
    assert not [name for name, _ in device.ran() if name.startswith(("create", "update"))]


async def test_a_filter_takes_the_name_of_a_project() -> None:
    turn = make_turn(device := Device())
    await run("list_tasks", turn, projectId="Launch")
    assert device.calls[-1].args == {"limit": 200, "filter": {"projectId": LAUNCH}}
