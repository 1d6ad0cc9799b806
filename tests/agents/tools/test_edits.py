"""Approvals in which the person edits the arguments: the edit is checked, then run once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from agents.device import DeviceCall, DeviceResult, Outcome
from agents.tools.device_access import DeviceAccess
from agents.tools.edits import check_edit
from agents.tools.error import ToolError
from agents.tools.verbs import write_tools
from agents.turn import Turn

CREATE_TASK = DeviceCall("create_task", {"data": {"title": "Walk"}}, requires_approval=True)
UPDATE_TASK = DeviceCall("update_task", {"id": "t1", "data": {"title": "Walk"}}, requires_approval=True)
CREATE_CHECKPOINT = DeviceCall("create_checkpoint", {"data": {"title": "Beta", "date": 1_790_000_000_000}})


@pytest.mark.parametrize(
    ("call", "edited", "checked"),
    [
        (CREATE_TASK, {"data": {"title": "Run", "priority": "high"}}, {"data": {"title": "Run", "priority": "high"}}),
        (
            CREATE_TASK,
            {"data": {"title": "Run", "dueDate": "2026-03-09"}},
            {"data": {"title": "Run", "dueDate": "2026-03-09"}},
        ),
        (UPDATE_TASK, {"id": "t1", "data": {"title": "Run"}}, {"id": "t1", "data": {"title": "Run"}}),
        (
            UPDATE_TASK,
            {"id": "t1", "data": {"title": "Run", "dueDate": None}},
            {"id": "t1", "data": {"title": "Run", "dueDate": None}},
        ),
        (
            UPDATE_TASK,
            {"id": "t1", "data": {"title": "Run", "assignee": "", "description": ""}},
            {"id": "t1", "data": {"title": "Run", "assignee": None, "description": None}},
        ),
        (UPDATE_TASK, {"id": "t1", "data": {"assignee": ""}}, {"id": "t1", "data": {"assignee": None}}),
        (
            UPDATE_TASK,
            {"id": "t1", "data": {"title": " Run ", "description": "    code\n"}},
            {"id": "t1", "data": {"title": "Run", "description": "    code\n"}},
        ),
        (CREATE_TASK, {"data": {"title": "Run", "assignee": ""}}, {"data": {"title": "Run"}}),
        (DeviceCall("delete_note", {"id": "n1"}), {"id": "n1"}, {"id": "n1"}),
        (
            CREATE_CHECKPOINT,
            {"data": {"title": "Beta", "date": 1_790_000_000_000, "isAiSuggested": True, "isApproved": True}},
            {"data": {"title": "Beta", "date": 1_790_000_000_000, "isAiSuggested": True, "isApproved": True}},
        ),
    ],
)
def test_a_valid_edit(call: DeviceCall, edited: Mapping[str, Any], checked: Mapping[str, Any]) -> None:
    assert check_edit(call, edited) == checked


@pytest.mark.parametrize(
    ("call", "edited", "field"),
    [
        (CREATE_TASK, {}, "data"),
        (CREATE_TASK, {"data": []}, "data"),
        (CREATE_TASK, {"data": {}}, "title"),
        (CREATE_TASK, {"data": {"title": "Run", "priority": "secret word"}}, "priority"),
        (CREATE_TASK, {"data": {"title": "Run", "colour": "red"}}, "colour"),
        (UPDATE_TASK, {"id": "t2", "data": {"title": "Run"}}, "id"),
        (UPDATE_TASK, {"data": {"title": "Run"}}, "id"),
        (UPDATE_TASK, {"id": "t1", "data": {"title": None}}, "clear"),
        (UPDATE_TASK, {"id": "t1", "data": {"title": ""}}, "clear"),
        (UPDATE_TASK, {"id": "t1", "data": {"title": "  "}}, "title"),
        (UPDATE_TASK, {"id": "t1", "data": {"assignee": "  "}}, "assignee"),
        (UPDATE_TASK, {"id": "t1", "data": {"status": ""}}, "clear"),
        (UPDATE_TASK, {"id": "t1", "data": {}}, "data"),
        (UPDATE_TASK, {"id": "t1", "data": {"id": "t2", "title": "Run"}}, "data"),
        (UPDATE_TASK, {"id": "t1", "data": {"clear": ["assignee"]}}, "data"),
        (CREATE_CHECKPOINT, {"data": {"title": "B", "date": 1_790_000_000_000, "isApproved": "yes"}}, "isApproved"),
        (DeviceCall("delete_note", {"id": "n1"}), {"id": "n2"}, "id"),
    ],
)
def test_an_invalid_edit_names_the_field(call: DeviceCall, edited: Mapping[str, Any], field: str) -> None:
    with pytest.raises(ToolError) as error:
        check_edit(call, edited)
    assert error.value.code == "invalid_edit"
    assert field in error.value.message
    assert "secret word" not in error.value.message


class EditingDevice:
    """A device whose person changes the title in every call that they approve."""

    def __init__(self, edited: Mapping[str, Any]) -> None:
        self.calls: list[DeviceCall] = []
        self._edited = edited

    async def execute(self, call: DeviceCall) -> DeviceResult:
        self.calls.append(call)
        if call.requires_approval:
            return DeviceResult(Outcome.EDITED, data=dict(self._edited))
        return DeviceResult(Outcome.ANSWERED, data={"id": "t9", **call.args["data"]})


def turn_on(device: EditingDevice) -> Turn:
    return Turn(message="add a task", mode="home", device=device)


async def create(device: EditingDevice, turn: Turn) -> Any:
    tool = next(tool for tool in write_tools("task") if tool.name == "create_task")
    access = DeviceAccess(turn, {"create_task"}, check_edit)
    return await tool.invoke(access, json.dumps({"title": "Walk"}))


async def test_the_device_runs_the_checked_edit_without_asking_again() -> None:
    device = EditingDevice({"data": {"title": "Run"}})
    turn = turn_on(device)
    item = await create(device, turn)
    assert item["title"] == "Run"
    asked, run = device.calls
    assert (asked.requires_approval, run.requires_approval) == (True, False)
    assert run.args == {"data": {"title": "Run"}}
    assert [mutation.data for mutation in turn.mutations] == [{"id": "t9", "title": "Run"}]


async def test_an_invalid_edit_is_never_run() -> None:
    device = EditingDevice({"data": {"title": ""}})
    turn = turn_on(device)
    with pytest.raises(ToolError, match="invalid_edit"):
        await create(device, turn)
    assert len(device.calls) == 1
    assert not turn.mutations
