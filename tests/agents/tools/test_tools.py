"""Each tool: arguments in, the device's call out; the device's answer in, results and mutations out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from agents.device import DeviceResult, Outcome
from agents.registry import ALL_TOOLS
from agents.tools.device_access import DeviceAccess
from agents.tools.error import ToolError
from streaming.wire import WsMutationRecord
from tests.agents.fakes import ScriptedDevice, answered, make_turn

TOOLS = ALL_TOOLS
# Tools that make several device calls are tested in test_composed_tools.py.
COMPOSED = {"move_task", "project_progress", "append_to_note", "search_notes", "hand_over"}
MARCH_9 = "2026-03-09"


@dataclass
class Case:
    tool: str
    arguments: dict[str, Any]
    device_args: dict[str, Any]
    answer: Any
    mutation: tuple[str, str] | None = None
    approval: bool = False

    @property
    def device_tool(self) -> str:
        verb, _, entity = self.tool.partition("_")
        return f"update_{entity}" if verb in {"complete", "reopen", "approve", "reschedule"} else self.tool

    @property
    def entity(self) -> str:
        return self.device_tool.split("_")[1].removesuffix("s")


TASK = {"id": "t1", "title": "Send the offer", "status": "todo", "custom": [1]}
PROJECT = {"id": "p1", "name": "Site"}
NOTE = {"id": "n1", "title": "Rent", "createdAt": 1_773_100_000_000}
CHECKPOINT = {"id": "c1", "title": "Beta", "date": "2026-03-08"}
DONE = TASK | {"status": "done"}

CASES = [
    Case("list_tasks", {}, {"limit": 200}, {"items": [TASK]}),
    Case(
        "list_tasks",
        {"status": "todo", "priority": "high", "assignee": "Ada", "projectId": "p1", "text": "offer", "limit": 5},
        {
            "filter": {"status": "todo", "priority": "high", "assignee": "Ada", "projectId": "p1"},
            "text": "offer",
            "limit": 5,
        },
        {"items": [TASK], "truncated": True},
    ),
    Case(
        "list_tasks",
        {"dueAfter": "2026-03-09", "dueBefore": "2026-03-10"},
        {"filter": {"dueDate": {"after": MARCH_9, "before": "2026-03-10"}}, "limit": 200},
        {"items": []},
    ),
    Case(
        "list_tasks",
        {"dueBefore": "2026-03-09"},
        {"filter": {"dueDate": {"before": MARCH_9}}, "limit": 200},
        {"items": []},
    ),
    Case("get_task", {"id": "t1"}, {"id": "t1"}, TASK),
    Case("get_task", {"id": 7}, {"id": "7"}, TASK | {"id": 7}),
    Case(
        "create_task",
        {"title": "Send the offer", "dueDate": "2026-03-09", "priority": "high"},
        {"data": {"title": "Send the offer", "dueDate": MARCH_9, "priority": "high"}},
        TASK,
        ("create", "t1"),
    ),
    Case(
        "update_task",
        {"id": "t1", "title": "Send it", "clear": ["dueDate", "assignee"]},
        {"id": "t1", "data": {"title": "Send it", "dueDate": None, "assignee": None}},
        TASK,
        ("update", "t1"),
    ),
    Case("delete_task", {"id": "t1"}, {"id": "t1"}, {"id": "t1"}, ("delete", "t1"), approval=True),
    Case("complete_task", {"id": "t1"}, {"id": "t1", "data": {"status": "done"}}, DONE, ("update", "t1")),
    Case("reopen_task", {"id": "t1"}, {"id": "t1", "data": {"status": "todo"}}, TASK, ("update", "t1")),
    Case(
        "list_projects",
        {"status": "active", "clientId": "c"},
        {"filter": {"status": "active", "clientId": "c"}, "limit": 200},
        {"items": [PROJECT]},
    ),
    Case("get_project", {"id": "p1"}, {"id": "p1"}, PROJECT),
    Case(
        "create_project",
        {"name": "Site", "status": "active"},
        {"data": {"name": "Site", "status": "active"}},
        PROJECT,
        ("create", "p1"),
    ),
    Case(
        "update_project",
        {"id": "p1", "status": "on_hold", "clear": ["clientId"]},
        {"id": "p1", "data": {"status": "on_hold", "clientId": None}},
        PROJECT,
        ("update", "p1"),
    ),
    Case("delete_project", {"id": "p1"}, {"id": "p1"}, {"id": "p1"}, ("delete", "p1"), approval=True),
    Case(
        "list_notes",
        {"text": "rent", "createdAfter": "2026-03-09"},
        {"filter": {"createdAt": {"after": MARCH_9}}, "text": "rent", "limit": 200},
        {"items": [NOTE]},
    ),
    Case("get_note", {"id": "n1"}, {"id": "n1"}, NOTE),
    Case(
        "create_note",
        {"title": "Rent", "content": "Paid.\nTwice."},
        {"data": {"title": "Rent", "content": "Paid.\nTwice."}},
        NOTE,
        ("create", "n1"),
    ),
    Case(
        "update_note",
        {"id": "n1", "content": "Paid"},
        {"id": "n1", "data": {"content": "Paid"}},
        NOTE,
        ("update", "n1"),
    ),
    Case("delete_note", {"id": "n1"}, {"id": "n1"}, {"id": "n1"}, ("delete", "n1"), approval=True),
    Case(
        "list_checkpoints",
        {"isApproved": False, "dateBefore": MARCH_9},
        {"filter": {"isApproved": False, "date": {"before": MARCH_9}}, "limit": 200},
        {"items": [CHECKPOINT]},
    ),
    Case("get_checkpoint", {"id": "c1"}, {"id": "c1"}, CHECKPOINT),
    Case(
        "create_checkpoint",
        {"title": "Beta", "date": "2026-03-09", "projectId": "p1"},
        {"data": {"title": "Beta", "date": MARCH_9, "projectId": "p1", "isAiSuggested": True, "isApproved": False}},
        CHECKPOINT,
        ("create", "c1"),
    ),
    Case(
        "update_checkpoint",
        {"id": "c1", "isApproved": True},
        {"id": "c1", "data": {"isApproved": True}},
        CHECKPOINT,
        ("update", "c1"),
    ),
    Case(
        "approve_checkpoint",
        {"id": "c1"},
        {"id": "c1", "data": {"isApproved": True}},
        CHECKPOINT,
        ("update", "c1"),
    ),
    Case(
        "reschedule_checkpoint",
        {"id": "c1", "date": "2026-03-09"},
        {"id": "c1", "data": {"date": MARCH_9}},
        CHECKPOINT,
        ("update", "c1"),
    ),
    Case("delete_checkpoint", {"id": "c1"}, {"id": "c1"}, {"id": "c1"}, ("delete", "c1"), approval=True),
]


def test_the_table_covers_every_tool_and_every_device_verb() -> None:
    assert {case.tool for case in CASES} == set(TOOLS) - COMPOSED
    assert len({case.device_tool for case in CASES}) == 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.tool}-{len(case.arguments)}")
async def test_tool(case: Case) -> None:
    device = ScriptedDevice({case.device_tool: answered(case.answer)})
    turn = make_turn(device)
    turn.tool_results.add(case.entity, [{"id": "kept"}])
    if case.entity != "project":
        turn.tool_results.add("project", [PROJECT])  # known, so that it is not read first

    result = await TOOLS[case.tool].invoke(DeviceAccess(turn), json.dumps(case.arguments))

    (call,) = device.calls
    assert (call.tool, call.args, call.requires_approval) == (case.device_tool, case.device_args, case.approval)
    op, identity = case.mutation or ("", "")
    if op == "delete":
        assert result == {"id": identity, "deleted": True}
        assert turn.tool_results.resolve(case.entity) == [{"id": "kept"}]
    else:
        items = case.answer.get("items", [case.answer]) if case.tool.startswith("list") else [case.answer]
        assert result == case.answer
        assert turn.tool_results.resolve(case.entity) == [{"id": "kept"}, *items]
    data = None if op == "delete" else case.answer
    recorded = [mutation.model_dump() for mutation in turn.mutations]
    expected = {"op": op, "entity": case.entity, "id": identity} | ({} if data is None else {"data": data})
    assert recorded == ([expected] if case.mutation else [])


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome.ERROR, "not_found"),
        (Outcome.DENIED, ""),
        (Outcome.DEADLINE, ""),
        (Outcome.CANCELLED, ""),
        (Outcome.DEVICE_OFFLINE, ""),
        (Outcome.DEVICE_GONE, ""),
    ],
)
@pytest.mark.parametrize("case", [case for case in CASES if case.mutation], ids=lambda case: case.tool)
async def test_a_call_that_fails_changes_nothing(case: Case, outcome: Outcome, code: str) -> None:
    turn = make_turn(ScriptedDevice({case.device_tool: DeviceResult(outcome, code=code)}))
    turn.tool_results.add(case.entity, [{"id": (case.mutation or ("", ""))[1], "old": True}])
    turn.tool_results.add("project", [PROJECT] if case.entity != "project" else [])
    before = turn.tool_results.resolve(case.entity)

    with pytest.raises(ToolError) as caught:
        await TOOLS[case.tool].invoke(DeviceAccess(turn), json.dumps(case.arguments))

    assert caught.value.code == (code or outcome.value)
    assert caught.value.message
    assert turn.mutations == []
    assert turn.tool_results.resolve(case.entity) == before


@pytest.mark.parametrize(
    "data", [None, [], "text", 3, {}, {"items": None}, {"items": {}}, {"items": [1]}, {"items": ["a", {}]}]
)
async def test_a_malformed_list_is_a_tool_error(data: Any) -> None:
    turn = make_turn(ScriptedDevice({"list_tasks": answered(data)}))
    with pytest.raises(ToolError, match="malformed_result"):
        await TOOLS["list_tasks"].invoke(DeviceAccess(turn), "{}")
    assert turn.tool_results.resolve("task") == []


@pytest.mark.parametrize("data", [None, [], "text", {}, {"id": None}, {"id": True}, {"id": [1]}, {"title": "no id"}])
@pytest.mark.parametrize(
    ("tool", "arguments", "changed"),
    [
        ("get_task", '{"id":"t1"}', False),
        # A new item without an id cannot be recorded.
        ("create_task", '{"title":"x"}', False),
        # The device reported success, and the arguments name the item.
        ("update_task", '{"id":"t1","title":"x"}', True),
    ],
)
async def test_a_malformed_item_is_a_tool_error(tool: str, arguments: str, changed: bool, data: Any) -> None:
    turn = make_turn(ScriptedDevice({tool: answered(data)}))
    with pytest.raises(ToolError, match="malformed_result"):
        await TOOLS[tool].invoke(DeviceAccess(turn), arguments)
    assert turn.tool_results.resolve("task") == []
    expected = [WsMutationRecord(op="update", entity="task", id="t1", data=None)] if changed else []
    assert turn.mutations == expected


@pytest.mark.parametrize(("tool", "arguments"), [("get_task", '{"id":"t1"}'), ("complete_task", '{"id":"t1"}')])
async def test_another_item_than_the_one_asked_for_is_a_tool_error(tool: str, arguments: str) -> None:
    other = answered({"id": "t2", "title": "Other"})
    turn = make_turn(ScriptedDevice({"get_task": other, "update_task": other}))
    with pytest.raises(ToolError, match="malformed_result"):
        await TOOLS[tool].invoke(DeviceAccess(turn), arguments)
    assert turn.tool_results.resolve("task") == []


@pytest.mark.parametrize("data", [None, [], {"id": "other"}])
async def test_a_deletion_counts_whatever_the_device_sends_back(data: Any) -> None:
    turn = make_turn(ScriptedDevice({"delete_task": answered(data)}))
    turn.tool_results.add("task", [{"id": "t1"}, {"id": "other"}])
    await TOOLS["delete_task"].invoke(DeviceAccess(turn), '{"id":"t1"}')
    assert turn.tool_results.resolve("task") == [{"id": "other"}]
    assert turn.mutations == [WsMutationRecord(op="delete", entity="task", id="t1", data=None)]


async def test_the_newest_version_of_an_item_is_kept_in_its_place() -> None:
    turn = make_turn(
        ScriptedDevice({"list_tasks": answered({"items": [TASK, {"id": "t2"}]}), "update_task": answered(DONE)})
    )
    access = DeviceAccess(turn)
    await TOOLS["list_tasks"].invoke(access, "{}")
    await TOOLS["complete_task"].invoke(access, '{"id":"t1"}')
    assert turn.tool_results.resolve("task") == [DONE, {"id": "t2"}]
    assert turn.tool_results.resolve("task", ["t2", "t1", "t9", "t2"]) == [{"id": "t2"}, DONE]
