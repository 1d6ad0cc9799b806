"""The store of the device and its twenty tools."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from client.terminal.calls import ToolError
from client.terminal.sample_data import sample_items
from client.terminal.store import DeviceStore, InvalidDataError
from client.terminal.tools import DeviceTools
from person import Calendar
from streaming.wire import WsServerMutation

NOW_MS = 1_741_966_200_000
DAY_MS = 86_400_000
MIDNIGHT_MS = 1_741_910_400_000
TODAY = ["t-1", "t-2", "t-3"]


@pytest.fixture
def store() -> DeviceStore:
    return DeviceStore(items=sample_items(NOW_MS))


@pytest.fixture
def tools(store: DeviceStore) -> DeviceTools:
    return DeviceTools(store, now_ms=lambda: NOW_MS)


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def test_the_device_has_the_twenty_tools_of_the_protocol(tools: DeviceTools) -> None:
    verbs = ("list_{}s", "get_{}", "create_{}", "update_{}", "delete_{}")
    entities = ("task", "project", "note", "checkpoint")
    assert set(tools.table()) == {verb.format(entity) for verb in verbs for entity in entities}


@pytest.mark.parametrize(
    ("entity", "args", "found"),
    [
        ("task", {"filter": {"status": "in_progress"}}, ["t-2", "t-6", "t-10"]),
        ("task", {"filter": {"status": "todo", "projectId": "p-tide"}}, ["t-7", "t-8"]),
        ("task", {"filter": {"dueDate": {"before": MIDNIGHT_MS}, "status": "todo"}}, ["t-4", "t-5"]),
        ("task", {"filter": {"dueDate": {"after": MIDNIGHT_MS, "before": MIDNIGHT_MS + DAY_MS}}}, TODAY),
        ("task", {"filter": {"dueDate": {"after": "2025-03-14", "before": "2025-03-15T00:00:00Z"}}}, TODAY),
        ("task", {"filter": {"dueDate": None}}, ["t-11"]),
        ("task", {"text": "PILOT users"}, ["t-7", "t-13"]),
        ("task", {"filter": {"colour": "red"}}, []),
        ("project", {"filter": {"status": "completed"}}, ["p-archive"]),
        ("note", {"text": "export button"}, ["n-3"]),
        ("checkpoint", {"filter": {"isApproved": False}}, ["k-4"]),
        ("checkpoint", {"filter": {"date": {"before": NOW_MS}}}, ["k-1"]),
    ],
)
async def test_lists_filter(tools: DeviceTools, entity: str, args: dict[str, Any], found: list[str]) -> None:
    answer = await tools.table()[f"list_{entity}s"](args)
    assert ids(answer["items"]) == found
    assert answer["truncated"] is False


@pytest.mark.parametrize(
    ("limit", "count", "truncated"), [(0, 0, True), (5, 5, True), (14, 14, False), (99, 14, False)]
)
async def test_a_list_reports_truncation(tools: DeviceTools, limit: int, count: int, truncated: bool) -> None:
    answer = await tools.table()["list_tasks"]({"limit": limit})
    assert (len(answer["items"]), answer["truncated"], answer["total"]) == (count, truncated, 14)


async def test_an_item_is_created_changed_and_deleted(tools: DeviceTools) -> None:
    table = tools.table()
    made = await table["create_task"]({"data": {"title": "Water the plants", "id": "mine", "mood": "green"}})
    assert made["id"] != "mine"
    assert (made["status"], made["priority"], made["mood"]) == ("todo", "medium", "green")
    changed = await table["update_task"]({"id": made["id"], "data": {"status": "done", "id": "other"}})
    assert changed == made | {"status": "done"}
    assert await table["get_task"]({"id": made["id"]}) == changed
    assert await table["delete_task"]({"id": made["id"]}) == {"id": made["id"]}
    with pytest.raises(ToolError, match=made["id"]):
        await table["get_task"]({"id": made["id"]})


async def test_a_new_note_has_its_creation_time(tools: DeviceTools) -> None:
    assert (await tools.table()["create_note"]({"data": {"title": "Now"}}))["createdAt"] == NOW_MS


@pytest.mark.parametrize(
    ("tool", "args", "code"),
    [
        ("get_task", {"id": "t-99"}, "not_found"),
        ("update_note", {"id": "t-1", "data": {}}, "not_found"),
        ("delete_project", {"id": "nothing"}, "not_found"),
        ("get_task", {}, "invalid_args"),
        ("get_task", {"id": 7}, "invalid_args"),
        ("list_tasks", {"limit": "ten"}, "invalid_args"),
        ("list_tasks", {"filter": []}, None),
        ("list_tasks", {"filter": ["status"]}, "invalid_args"),
        ("list_tasks", {"text": 5}, "invalid_args"),
        ("create_task", {}, "invalid_args"),
        ("create_task", {"data": {}}, "invalid_args"),
        ("create_task", {"data": {"title": "  "}}, "invalid_args"),
        ("create_project", {"data": {"title": "no name"}}, "invalid_args"),
        ("create_checkpoint", {"data": {"title": "no date"}}, "invalid_args"),
        ("create_checkpoint", {"data": {"title": "when", "date": "soon"}}, "invalid_args"),
        ("update_task", {"id": "t-1", "data": {"title": ""}}, "invalid_args"),
    ],
)
async def test_wrong_arguments(tools: DeviceTools, tool: str, args: dict[str, Any], code: str | None) -> None:
    before = json.dumps(tools.store.list("task"))
    if code is None:
        await tools.table()[tool](args)
    else:
        with pytest.raises(ToolError) as caught:
            await tools.table()[tool](args)
        assert caught.value.code == code
    assert json.dumps(tools.store.list("task")) == before


async def test_changes_of_another_device_are_applied(tools: DeviceTools) -> None:
    def change(op: str, identity: str, data: dict[str, Any] | None = None) -> WsServerMutation:
        return WsServerMutation.model_validate({"op": op, "entity": "task", "id": identity, "data": data})

    await tools.apply(change("update", "t-1", {"status": "done"}))
    await tools.apply(change("create", "t-new", {"title": "From the phone"}))
    await tools.apply(change("create", "t-new", {"title": "From the phone"}))
    await tools.apply(change("delete", "t-2"))
    await tools.apply(change("delete", "t-2"))
    assert tools.store.get("task", "t-1")["status"] == "done"
    assert tools.store.get("task", "t-1")["title"] == "Send the signed contract to Marta"
    assert tools.store.get("task", "t-new") == {"title": "From the phone", "id": "t-new"}
    assert "t-2" not in ids(tools.store.list("task")[0])


async def test_changes_are_on_disk_before_the_tool_answers(tmp_path: Path) -> None:
    path = tmp_path / "state" / "device.json"
    tools = DeviceTools(DeviceStore.load(path, sample_items(NOW_MS)))
    assert not path.exists()
    made = await tools.table()["create_project"]({"data": {"name": "Ünïcode"}})
    again = DeviceStore.load(path, {})
    assert again.get("project", made["id"]) == made
    assert len(again.list("task")[0]) == 14
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["device.json"]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "device.json"
    store = DeviceStore.load(path, sample_items(NOW_MS))
    store.save()
    kept = path.read_text()
    store.apply("create", "task", "bad", {"title": object()})
    with pytest.raises(TypeError):
        store.save()
    assert path.read_text() == kept
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content", ["not json", "[]", '{"task": 5}', '{"task": [1]}', '{"task": [{"title": "no id"}]}']
)
def test_an_invalid_file_is_rejected_and_not_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "device.json"
    path.write_text(content)
    with pytest.raises(InvalidDataError, match=r"device\.json"):
        DeviceStore.load(path, {})
    assert path.read_text() == content


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({"after": "2025-03-14"}, ["a day", "in the evening", "at noon"]),
        ({"after": "2025-03-14", "before": "2025-03-15"}, ["a day", "in the evening", "at noon"]),
        ({"before": "2025-03-14"}, ["at midnight in UTC"]),
        ({"before": "2025-03-14T20:00"}, ["at midnight in UTC", "at noon"]),
        ({"after": NOW_MS}, ["a day", "in the evening", "at noon"]),
        ({"after": "tomorrow"}, ["at midnight in UTC", "a day", "in the evening", "at noon"]),
    ],
)
def test_ranges_are_of_the_persons_days(bounds: dict[str, Any], found: list[str]) -> None:
    dates: dict[str, Any] = {
        "at midnight in UTC": MIDNIGHT_MS,
        "a day": "2025-03-14",
        "in the evening": "2025-03-15T02:00:00Z",
        "at noon": NOW_MS + 3_600_000 // 2,
        "never": None,
        "unclear": "soon",
        "no number": float("nan"),
    }
    items = [{"id": name, "dueDate": value} for name, value in dates.items()]
    store = DeviceStore(items={"task": items}, calendar=lambda: Calendar(ZoneInfo("America/New_York")))
    assert ids(store.list("task", {"dueDate": bounds})[0]) == found


def test_a_title_that_was_cut_inside_an_emoji_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    store = DeviceStore.load(path, {"task": [{"id": "t1", "title": "Buy \ud83d"}]})
    store.save()
    assert DeviceStore.load(path, {}).get("task", "t1")["title"] == "Buy \ufffd"
