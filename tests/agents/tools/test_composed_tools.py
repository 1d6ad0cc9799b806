"""Tools that make several device calls: the calls, their order, and the result when one of them fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from agents.device import DeviceCall, DeviceResult, Outcome
from agents.registry import ALL_TOOLS
from agents.tools.concurrent_calls import merge_lists
from agents.tools.device_access import DeviceAccess
from agents.tools.error import ToolError
from agents.tools.projects import progress_of
from agents.turn import Turn
from tests.agents.fakes import NOW_MS, ScriptedDevice, answered, make_turn

TOOLS = ALL_TOOLS
DAY = 86_400_000
FAILURES = [outcome for outcome in Outcome if outcome is not Outcome.ANSWERED]


async def run(tool: str, device: ScriptedDevice, **arguments: Any) -> tuple[Any, Turn]:
    turn = make_turn(device)
    return await TOOLS[tool].invoke(DeviceAccess(turn), json.dumps(arguments)), turn


def names(device: ScriptedDevice) -> list[str]:
    return [call.tool for call in device.calls]


# ---- move_task ------------------------------------------------------------------------------------------------------

TASK = {"id": "t1", "title": "Offer", "projectId": "p2"}
PROJECT = {"id": "p2", "name": "Orion", "status": "active"}


async def test_a_task_is_moved_to_an_existing_project() -> None:
    device = ScriptedDevice({"get_project": answered(PROJECT), "update_task": answered(TASK)})
    moved, turn = await run("move_task", device, id="t1", projectId="p2")
    assert moved == TASK
    assert device.calls == [
        DeviceCall("get_project", {"id": "p2"}),
        DeviceCall("update_task", {"id": "t1", "data": {"projectId": "p2"}}),
    ]
    assert [(mutation.op, mutation.id) for mutation in turn.mutations] == [("update", "t1")]
    assert turn.tool_results.resolve("project") == [PROJECT]


async def test_a_task_is_not_moved_to_an_unknown_project() -> None:
    device = ScriptedDevice({"update_task": answered(TASK)})
    with pytest.raises(ToolError, match="not_found"):
        await run("move_task", device, id="t1", projectId="p9")
    assert names(device) == ["get_project"]


# ---- project_progress -----------------------------------------------------------------------------------------------

TASKS: list[dict[str, Any]] = [
    {"id": "t1", "title": "Late", "status": "todo", "dueDate": NOW_MS - DAY, "projectId": "p2"},
    {"id": "t2", "title": "Next", "status": "in_progress", "dueDate": "2026-03-10", "projectId": "p2"},
    {"id": "t3", "title": "Later", "status": "todo", "dueDate": NOW_MS + 9 * DAY, "projectId": "p2"},
    {"id": "t4", "title": "Done", "status": "done", "dueDate": NOW_MS - 2 * DAY, "projectId": "p2"},
    {"id": "t5", "title": "Elsewhere", "status": "done", "projectId": "p3"},
]
CHECKPOINTS = [
    {"id": "c2", "title": "Launch", "date": NOW_MS + 20 * DAY, "projectId": "p2"},
    {"id": "c1", "title": "Beta", "date": NOW_MS + 5 * DAY, "projectId": "p2", "isApproved": True},
    {"id": "c0", "title": "Kickoff", "date": NOW_MS - 5 * DAY, "projectId": "p2"},
]
EMPTY = {"id": "p3", "name": "Vega"}


def progress_device(**fields: Any) -> ScriptedDevice:
    answers: dict[str, Any] = {
        "get_project": answered(PROJECT),
        "list_projects": answered({"items": [PROJECT, EMPTY]}),
        "list_tasks": answered({"items": TASKS}),
        "list_checkpoints": answered({"items": CHECKPOINTS}),
    }
    return ScriptedDevice(answers | fields)


def dates(days: int, text: str) -> dict[str, Any]:
    assert NOW_MS + days * DAY == int(datetime.fromisoformat(text).timestamp() * 1000)
    return {"date": text}


async def test_the_progress_of_every_project() -> None:
    found, turn = await run("project_progress", device := progress_device())
    assert sorted(names(device)) == ["list_checkpoints", "list_projects", "list_tasks"]
    orion, vega = found["items"]
    assert orion == {
        "id": "p2",
        "name": "Orion",
        "status": "active",
        "tasks": 4,
        "done": 1,
        "donePercent": 25,
        "byStatus": {"todo": 2, "in_progress": 1, "done": 1},
        "overdue": 1,
        "nextDue": {"id": "t2", "title": "Next", "dueDate": "2026-03-10"},
        "checkpointsAhead": [
            {"id": "c1", "title": "Beta", "isApproved": True, **dates(5, "2026-03-14T00:00Z")},
            {"id": "c2", "title": "Launch", "isApproved": None, **dates(20, "2026-03-29T00:00Z")},
        ],
    }
    assert (vega["tasks"], vega["done"], vega["donePercent"], vega["checkpointsAhead"]) == (1, 1, 100, [])
    assert len(turn.tool_results.resolve("task")) == 5, "charts are made from what was read"


async def test_the_progress_of_one_project_reads_only_its_own_items() -> None:
    found, _ = await run("project_progress", device := progress_device(), id="p2")
    assert [item["id"] for item in found["items"]] == ["p2"]
    wanted = {"limit": 500, "filter": {"projectId": "p2"}}
    assert {call.tool: call.args for call in device.calls} == {
        "get_project": {"id": "p2"},
        "list_tasks": wanted,
        "list_checkpoints": wanted,
    }


async def test_progress_calls_run_concurrently() -> None:
    gates = {name: trio.Event() for name in ("list_projects", "list_tasks", "list_checkpoints")}
    device = progress_device()
    device.gates = gates
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, "project_progress", device)
        await wait_all_tasks_blocked()
        assert len(device.calls) == 3
        for gate in gates.values():
            gate.set()


@pytest.mark.parametrize("outcome", FAILURES)
async def test_a_failing_call_is_the_tools_result_and_the_other_calls_still_end(outcome: Outcome) -> None:
    device = progress_device(list_tasks=DeviceResult(outcome, code="boom", message="no"))
    with pytest.raises(ToolError) as caught:
        await run("project_progress", device)
    assert caught.value.code == ("boom" if outcome is Outcome.ERROR else outcome.value)
    assert len(device.finished) == 3


async def test_progress_of_a_truncated_list_is_truncated() -> None:
    device = progress_device(list_tasks=answered({"items": TASKS[:1], "truncated": True}))
    found, _ = await run("project_progress", device)
    assert found["truncated"] is True


def test_a_project_without_tasks_or_dates() -> None:
    summary = progress_of({"id": 1}, [], [{"id": 2, "date": "soon"}], NOW_MS)
    assert (summary["tasks"], summary["overdue"], summary["checkpointsAhead"]) == (0, 0, [])
    assert not {"donePercent", "nextDue"} & summary.keys()


@pytest.mark.parametrize("status", [["todo"], {"a": 1}, 3, None, True])
async def test_an_odd_status_is_counted(status: Any) -> None:
    odd = [
        {"title": "no id"},
        {"id": "t1", "status": status, "dueDate": "0001-01-01T00:00:00+14:00", "projectId": "p2"},
    ]
    device = progress_device(
        list_projects=answered({"items": [{"name": "no id"}, PROJECT]}),
        list_tasks=answered({"items": odd}),
        list_checkpoints=answered({"items": [{"date": [1]}, {"projectId": "p2", "date": NOW_MS}]}),
    )
    found, _ = await run("project_progress", device)
    (summary,) = found["items"]
    assert (summary["id"], summary["tasks"], sum(summary["byStatus"].values())) == ("p2", 1, 1)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "p2", "0001-01-01T00:00+14:00"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
ODD_ITEMS = st.lists(
    st.dictionaries(st.sampled_from(["id", "status", "dueDate", "date", "projectId", "name"]), ANYTHING), max_size=4
)


@given(st.fixed_dictionaries({"id": ANYTHING}), ODD_ITEMS, ODD_ITEMS)
def test_progress_accepts_any_items(project: Any, tasks: Any, checkpoints: Any) -> None:
    assert progress_of(project, tasks, checkpoints, NOW_MS)["tasks"] == len(tasks)


# ---- notes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "longer"),
    [
        ("Rent paid.", "Rent paid.\nTwice."),
        ("Rent paid.\n\n", "Rent paid.\nTwice."),
        ("", "Twice."),
        (None, "Twice."),
        ("a  ", "a  \nTwice."),
    ],
)
async def test_appending_keeps_the_present_text(content: str | None, longer: str) -> None:
    note = {"id": "n1", "title": "Rent", "content": content}
    device = ScriptedDevice({"get_note": answered(note), "update_note": lambda args: answered(note | args["data"])})
    result, turn = await run("append_to_note", device, id="n1", text="Twice.")
    assert result["content"] == longer
    assert names(device) == ["get_note", "update_note"]
    assert turn.tool_results.resolve("note") == [note | {"content": longer}]
    assert [(mutation.op, mutation.id) for mutation in turn.mutations] == [("update", "n1")]


async def test_text_is_kept_unchanged() -> None:
    note = {"id": "n1", "title": "Rent", "content": "Run:"}
    text = "    indented code\n"
    device = ScriptedDevice({"get_note": answered(note), "update_note": answered(note), "create_note": answered(note)})
    await run("append_to_note", device, id=" n1 ", text=text)
    await run("create_note", device, title=" Rent ", content=text)
    assert [call.args for call in device.calls] == [
        {"id": "n1"},
        {"id": "n1", "data": {"content": "Run:\n    indented code\n"}},
        {"data": {"title": "Rent", "content": text}},
    ]


@pytest.mark.parametrize(("content", "code"), [([1], "not_text"), ("x" * 100_000, "too_long")])
async def test_a_note_that_cannot_be_appended_to_is_not_changed(content: Any, code: str) -> None:
    device = ScriptedDevice({"get_note": answered({"id": "n1", "content": content})})
    with pytest.raises(ToolError, match=code):
        await run("append_to_note", device, id="n1", text="more")
    assert names(device) == ["get_note"]


NOTES = [
    {"id": "n1", "title": "Export", "content": "csv"},
    {"id": "n2", "title": "Quarterly report"},
    {"id": "n3", "title": "Report", "content": "on the export"},
]


def search(args: Mapping[str, Any]) -> DeviceResult:
    words = args["text"].casefold().split()
    return answered({"items": [n for n in NOTES if all(word in json.dumps(n).casefold() for word in words)]})


@pytest.mark.parametrize(
    ("text", "found", "calls"),
    [
        ("export report", ["n3", "n1", "n2"], 2),
        ("Report, the EXPORT report", ["n3", "n2", "n1"], 3),
        ("csv", ["n1"], 1),
        ("nothing", [], 1),
        ("q", ["n2"], 1),
    ],
)
async def test_a_search_ranks_by_the_number_of_words_found(text: str, found: list[str], calls: int) -> None:
    device = ScriptedDevice({"list_notes": search})
    result, turn = await run("search_notes", device, text=text)
    assert [note["id"] for note in result["items"]] == found
    assert len(device.calls) == calls
    assert {note["id"] for note in turn.tool_results.resolve("note")} == set(found)


async def test_notes_without_an_id_are_different_notes() -> None:
    notes: list[Mapping[str, Any]] = [{"title": "Report on Monday"}, {"title": "Report of the export"}]
    found = {"report": notes, "export": notes[1:]}
    device = ScriptedDevice({"list_notes": lambda args: answered({"items": found[args["text"]]})})
    result, _ = await run("search_notes", device, text="report export")
    assert result["items"] == [notes[1], notes[0]]


# ---- lists of several statuses --------------------------------------------------------------------------------------


def by_status(args: Mapping[str, Any]) -> DeviceResult:
    return answered({"items": [task for task in TASKS if task["status"] == args["filter"]["status"]][: args["limit"]]})


async def test_a_list_of_several_statuses_makes_one_concurrent_call_per_status() -> None:
    gate = trio.Event()
    device = ScriptedDevice({"list_tasks": by_status}, gates={"list_tasks": gate})
    listed: list[Any] = []

    async def ask() -> None:
        listed.append(await run("list_tasks", device, status=["todo", "in_progress", "todo"], projectId="p2"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        wanted = [{"limit": 200, "filter": {"status": one, "projectId": "p2"}} for one in ("todo", "in_progress")]
        assert sorted((call.args for call in device.calls), key=str) == sorted(wanted, key=str)
        gate.set()
    ((result, turn),) = listed
    assert [task["id"] for task in result["items"]] == ["t1", "t3", "t2"]
    assert "truncated" not in result
    assert len(turn.tool_results.resolve("task")) == 3


async def test_a_list_of_several_statuses_keeps_its_limit() -> None:
    result, _ = await run("list_tasks", ScriptedDevice({"list_tasks": by_status}), status=["todo", "done"], limit=3)
    assert (len(result["items"]), result["truncated"]) == (3, True)


@pytest.mark.parametrize(
    ("lists", "total"),
    [
        ([{"items": [{"id": 1}, {"id": 2}], "truncated": True, "total": 9}, {"items": [{"id": 3}]}], 10),
        ([{"items": [{"id": 1}, {"id": 2}]}, {"items": [{"id": 3}, {"id": 4}]}], 4),
        ([{"items": [{"id": 1}, {"id": 2}], "truncated": True}, {"items": [{"id": 3}]}], None),
        ([{"items": [{"id": 1}, {"id": 2}, {"id": 5}]}, {"items": [{"id": 3}]}], None),
        ([{"items": [{"id": 1}, {"id": 2}]}, {"items": [{"id": 2}, {"id": 3}]}], None),
    ],
)
def test_joined_lists_have_a_total_if_each_list_has_one(lists: list[dict[str, Any]], total: int | None) -> None:
    limit = 3
    joined = merge_lists(lists, limit)
    assert joined.get("total") == total
    if total is not None:
        assert joined["truncated"] is True


async def test_a_list_of_one_status_is_one_call() -> None:
    device = ScriptedDevice({"list_projects": answered({"items": [PROJECT]})})
    result, _ = await run("list_projects", device, status=["active"])
    assert device.calls == [DeviceCall("list_projects", {"limit": 200, "filter": {"status": "active"}})]
    assert result == {"items": [PROJECT]}


async def test_a_search_is_limited() -> None:
    device = ScriptedDevice({"list_notes": search})
    result, _ = await run("search_notes", device, text="export report " + "word " * 50 + "a1b c2d e3f g4h", limit=1)
    assert ([note["id"] for note in result["items"]], result["truncated"]) == (["n3"], True)
    assert len(device.calls) == 6


# ---- arguments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("move_task", {"id": "t1"}, "projectId"),
        ("move_task", {"id": "t1", "projectId": "p", "project": "x"}, "project"),
        ("append_to_note", {"id": "n1"}, "text"),
        ("search_notes", {"limit": 3}, "text"),
        ("search_notes", {"text": "a", "limit": 0}, "limit"),
        ("reschedule_checkpoint", {"id": "c1", "date": "soon"}, "date"),
        ("approve_checkpoint", {}, "id"),
        ("project_progress", {"project": "Orion"}, "project"),
    ],
)
async def test_a_wrong_argument_is_named_and_makes_no_device_call(
    tool: str, arguments: dict[str, Any], field: str
) -> None:
    device = ScriptedDevice()
    with pytest.raises(ToolError, match=f"invalid_arguments: {field}: "):
        await run(tool, device, **arguments)
    assert device.calls == []
