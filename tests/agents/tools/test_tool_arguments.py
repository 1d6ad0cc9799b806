"""The arguments that a model may write, and the errors for wrong ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from agents.registry import ALL_TOOLS
from agents.tools.device_access import DeviceAccess
from agents.tools.error import ToolError
from agents.tools.fields import ListTasks
from agents.tools.tool import Tool
from tests.agents.fakes import ScriptedDevice, answered, make_turn

TOOLS = ALL_TOOLS


async def fault_of(tool: str, arguments: str) -> str:
    device = ScriptedDevice()
    with pytest.raises(ToolError) as caught:
        await TOOLS[tool].invoke(DeviceAccess(make_turn(device)), arguments)
    assert caught.value.code == "invalid_arguments"
    assert device.calls == []
    return caught.value.message


@pytest.mark.parametrize(
    ("tool", "arguments", "fault"),
    [
        ("list_tasks", '{"status":"late"}', "status.0: Input should be 'todo', 'in_progress' or 'done'"),
        ("list_tasks", '{"dueBefore":"soon"}', "dueBefore: give a day such as YYYY-MM-DD"),
        ("list_tasks", '{"limit":0}', "limit: Input should be greater than or equal to 1"),
        ("list_tasks", '{"limit":501}', "limit: Input should be less than or equal to 500"),
        ("list_tasks", '{"colour":"red"}', "colour: Extra inputs are not permitted"),
        ("get_task", "{}", "id: Field required"),
        ("get_task", "", "id: Field required"),
        ("get_task", '{"id":""}', "id: Field required"),
        ("create_task", '{"title":"  "}', "title: String should have at least 1 character"),
        ("create_task", '{"title":null}', "title: Field required"),
        ("update_task", '{"id":"t1"}', "Give at least one field to change"),
        ("update_task", '{"id":"t1","title":null}', "Give at least one field to change"),
        ("update_task", '{"id":"t1","dueDate":"2026-03-09","clear":["dueDate"]}', "clear: dueDate is also given"),
        ("update_task", '{"id":"t1","clear":["title"]}', "clear.0: Input should be"),
        ("create_checkpoint", '{"title":"Beta"}', "date: Field required"),
        ("create_checkpoint", '{"title":"Beta","date":"2026-03-09","isApproved":true}', "isApproved: Extra inputs"),
        ("list_tasks", '{"status"', "not valid JSON"),
        ("list_tasks", '["todo"]', "Input should be an object"),
        ("list_tasks", '"todo"', "Input should be an object"),
        ("list_tasks", '{"a":' * 5000, "not valid JSON"),
        ("list_tasks", '{"limit":' + "9" * 6000 + "}", "not valid JSON"),
        ("list_tasks", '{"text":"\\ud83d"}', "not valid JSON"),
        ("list_tasks", '{"text":"\ud83d"}', "unicode"),
    ],
)
async def test_wrong_arguments_are_named(tool: str, arguments: str, fault: str) -> None:
    assert fault in await fault_of(tool, arguments)


async def test_a_fault_does_not_repeat_the_value_and_many_faults_are_counted() -> None:
    many = json.dumps({f"secret{n}": "s3cr3t" for n in range(9)})
    message = await fault_of("list_tasks", many)
    assert "s3cr3t" not in message
    assert message.endswith("and 4 more")


@pytest.mark.parametrize("arguments", ["", "  ", "{}", "null", '{"status":null,"text":""}'])
async def test_all_spellings_of_absent_arguments(arguments: str) -> None:
    device = ScriptedDevice()
    with pytest.raises(ToolError, match="not_found"):
        await TOOLS["list_tasks"].invoke(DeviceAccess(make_turn(device)), arguments)
    assert [call.args for call in device.calls] == [{"limit": 200}]


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS.keys())
def test_the_schema_is_a_plain_object_of_described_properties(tool: Tool[Any]) -> None:
    spec = tool.spec()
    assert (spec.name, spec.description) == (tool.name, tool.description)
    text = json.dumps(spec.parameters)
    assert {"type", "properties"} <= set(spec.parameters) <= {"type", "properties", "required"}
    # Keywords that strict providers reject or small models misread.
    for word in ("$ref", "$defs", "anyOf", '"null"', '"title": "'):
        assert word not in text
    aliases = {field.alias or name for name, field in tool.args.model_fields.items()}
    assert set(spec.parameters["properties"]) == aliases - {"limit"}
    assert set(spec.parameters.get("required", [])) <= aliases
    assert list(spec.parameters["properties"]) == sorted(spec.parameters["properties"]), "not the same in every process"


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS.keys())
def test_the_schema_is_made_once(tool: Tool[Any]) -> None:
    assert tool.spec().parameters is tool.spec().parameters


async def filters_of(tool: str, **arguments: Any) -> list[Any]:
    """The filters of the list calls that a device gets. The request is made on Monday 2026-03-09."""
    device = ScriptedDevice(
        {name: answered({"items": []}) for name in ("list_tasks", "list_checkpoints", "list_notes")}
    )
    await TOOLS[tool].invoke(DeviceAccess(make_turn(device)), json.dumps(arguments))
    return [call.args.get("filter", {}) for call in device.calls]


@pytest.mark.parametrize(
    ("tool", "arguments", "filters"),
    [
        ("list_tasks", {"due": "overdue"}, [{"dueDate": {"before": "2026-03-09"}}]),
        ("list_tasks", {"due": "überfällig"}, [{"dueDate": {"before": "2026-03-09"}}]),
        ("list_tasks", {"due": "cette semaine"}, [{"dueDate": {"after": "2026-03-09", "before": "2026-03-16"}}]),
        ("list_tasks", {"dueOn": "next week"}, [{"dueDate": {"after": "2026-03-16", "before": "2026-03-23"}}]),
        ("list_checkpoints", {"dateOn": "next month"}, [{"date": {"after": "2026-04-01", "before": "2026-05-01"}}]),
        ("list_notes", {"createdOn": "last week"}, [{"createdAt": {"after": "2026-03-02", "before": "2026-03-09"}}]),
        ("list_tasks", {"status": "open"}, [{"status": "todo"}, {"status": "in_progress"}]),
        ("list_tasks", {"status": "In Progress"}, [{"status": "in_progress"}]),
        ("list_tasks", {"status": ["Completed"], "priority": "urgent"}, [{"status": "done", "priority": "high"}]),
        ("list_tasks", {"assignee": "any", "project": "All", "text": "*", "status": ["any"]}, [{}]),
    ],
)
async def test_filters_take_the_words_of_a_person(tool: str, arguments: dict[str, Any], filters: list[Any]) -> None:
    found = await filters_of(tool, **arguments)
    assert sorted(found, key=str) == sorted(filters, key=str)


async def test_a_new_item_has_no_field_that_the_model_calls_none() -> None:
    device = ScriptedDevice({"create_task": lambda args: answered({"id": "t1", **args["data"]})})
    given = {"title": "None", "description": "n/a", "assignee": "None", "project": "null", "due": "N/A"}
    await TOOLS["create_task"].invoke(DeviceAccess(make_turn(device)), json.dumps(given))
    assert device.calls[0].args == {"data": {"title": "None", "description": "n/a"}}


async def test_an_error_ends_its_sentence_before_it_says_what_was_changed() -> None:
    assert (
        ToolError("invalid_arguments", "dueDate: such as +3d").told(changes=True).endswith("+3d. Nothing was changed.")
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("todo", ["todo"]),
        ('["todo"]', ["todo"]),
        ("['todo', 'Done']", ["todo", "done"]),
        ("todo, done", ["todo", "done"]),
        ("To do|in-progress", ["todo", "in_progress"]),
    ],
)
def test_a_list_filter_as_text(written: str, read: list[str]) -> None:
    assert ListTasks.model_validate({"status": written}).status == read


@pytest.mark.parametrize("written", ["[todo", "[todo]", ", ", "[" * 9_000 + "]" * 9_000])
def test_text_that_is_no_list_filter(written: str) -> None:
    with pytest.raises(ValidationError):
        ListTasks.model_validate({"status": written})


def test_a_comma_in_a_name_separates_nothing() -> None:
    assert ListTasks.model_validate({"assignee": "Doe, John"}).assignee == ["Doe, John"]
