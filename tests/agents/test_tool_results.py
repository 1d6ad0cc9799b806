from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agents.limits import AgentLimits
from agents.tool_results import ToolResults
from agents.tools.device_access import DeviceAccess
from tests.agents.fakes import ScriptedDevice, answered, make_turn


@pytest.fixture
def results() -> ToolResults:
    kept = ToolResults()
    kept.add("task", [{"id": "a", "v": 1}, {"id": "b", "v": 1}, {"id": "c", "v": 1}])
    kept.add("task", [{"id": "b", "v": 2}, {"title": "no id"}, {"id": 7}])
    kept.add("note", [{"id": "a", "note": True}])
    return kept


def test_all_items_of_an_entity_in_the_order_first_seen_with_their_newest_versions(results: ToolResults) -> None:
    assert results.resolve("task") == [{"id": "a", "v": 1}, {"id": "b", "v": 2}, {"id": "c", "v": 1}, {"id": 7}]


def test_named_items_in_the_order_named_without_duplicates_and_unknown_ids(results: ToolResults) -> None:
    assert [item["id"] for item in results.resolve("task", ["c", "x", "a", "7", "c"])] == ["c", "a", 7]
    assert results.resolve("task", []) == []


def test_entities_are_separate_and_an_unknown_one_is_empty(results: ToolResults) -> None:
    results.remove("task", "a")
    results.remove("task", "x")
    results.remove("project", "a")
    assert results.resolve("note") == [{"id": "a", "note": True}]
    assert results.resolve("project") == []
    assert results.resolve("task", ["a"]) == []


def test_resolved_items_are_copies(results: ToolResults) -> None:
    results.resolve("task")[0]["v"] = 99
    assert results.resolve("task")[0] == {"id": "a", "v": 1}


def test_a_read_sent_before_a_change_does_not_undo_it(results: ToolResults) -> None:
    before = results.mark()
    results.change("task", {"id": "a", "v": 9}, asked_at=before)
    results.remove("task", "b")
    results.add("task", [{"id": "a", "v": 1}, {"id": "b", "v": 1}, {"id": "c", "v": 3}], asked_at=before)
    assert results.resolve("task", ["a", "b", "c"]) == [{"id": "a", "v": 9}, {"id": "c", "v": 3}]
    results.change("task", {"id": "b", "v": 2}, asked_at=before)
    assert results.resolve("task", ["b"]) == [], "an update that was out when the item was deleted"
    results.add("task", [{"id": "a", "v": 10}, {"id": "b", "v": 10}], asked_at=results.mark())
    assert [item["v"] for item in results.resolve("task", ["a", "b"])] == [10, 10], "what is asked later counts"


@pytest.mark.parametrize("read", ["list_tasks", "get_task"])
@pytest.mark.parametrize("verb", ["update", "delete"])
async def test_a_read_that_answers_late_does_not_overwrite_a_mutation(read: str, verb: str) -> None:
    old, new = {"id": "t1", "title": "Old"}, {"id": "t1", "title": "New"}
    gate = trio.Event()
    device = ScriptedDevice(
        {
            "list_tasks": answered({"items": [old]}),
            "get_task": answered(old),
            "update_task": answered(new),
            "delete_task": answered({"id": "t1"}),
        },
        gates={read: gate},
    )
    turn = make_turn(device)
    access = DeviceAccess(turn)
    async with trio.open_nursery() as nursery:
        if read == "list_tasks":
            nursery.start_soon(access.list_items, "task", {})
        else:
            nursery.start_soon(access.get_item, "task", "t1")
        await wait_all_tasks_blocked()
        if verb == "update":
            await access.update_item("task", "t1", {"title": "New"})
        else:
            await access.delete_item("task", "t1")
        gate.set()
    assert turn.tool_results.resolve("task") == ([new] if verb == "update" else [])


def test_items_are_limited_in_number_and_length() -> None:
    kept = ToolResults(AgentLimits(kept_items=2, kept_chars=100))
    assert kept.add("task", [{"id": 1}, {"id": 2}, {"id": 1, "v": 2}, {"title": "no id"}])
    assert not kept.add("note", [{"id": 3}])
    assert (kept.resolve("task"), kept.resolve("note")) == ([{"id": 1, "v": 2}, {"id": 2}], [])
    assert not kept.add("task", [{"id": 1, "v": "x" * 100}])
    assert kept.resolve("task") == [{"id": 2}], "the version that is outdated is not kept either"
    assert kept.add("task", [{"id": 4, "v": "x" * 60}])
    kept.remove("task", "4")
    assert kept.add("task", [{"id": 5, "v": "x" * 60}]), "what is gone takes no room"


async def test_a_list_that_is_not_kept_whole_is_truncated() -> None:
    turn = make_turn(ScriptedDevice({"list_tasks": answered({"items": [{"id": 1}, {"id": 2}]})}))
    turn.tool_results.bound(AgentLimits(kept_items=1))
    found = await DeviceAccess(turn).list_items("task", {})
    assert found == {"items": [{"id": 1}, {"id": 2}], "truncated": True}
    assert turn.tool_results.resolve("task") == [{"id": 1}]


@pytest.mark.parametrize(
    ("total", "dropped", "told"),
    [
        (312, False, {"total": 312}),
        (312, True, {}),
        (None, False, {}),
        ("312", False, {}),
        (True, False, {}),
        (1, False, {}),
    ],
)
async def test_the_total_of_a_cut_list_is_told_if_it_counts_the_same_items(
    total: object, *, dropped: bool, told: dict[str, int]
) -> None:
    tasks = [{"id": "a", "dueDate": "2026-03-09"}, {"id": "b", "dueDate": "2020-01-01" if dropped else "2026-03-10"}]
    answer = {"items": tasks, "truncated": True} | ({} if total is None else {"total": total})
    turn = make_turn(ScriptedDevice({"list_tasks": answered(answer)}))
    found = await DeviceAccess(turn).list_items("task", {"filter": {"dueDate": {"after": "2026-03-09"}}})
    assert found == {"items": tasks[: 1 if dropped else 2], "truncated": True} | told


async def test_a_whole_list_has_no_total() -> None:
    turn = make_turn(ScriptedDevice({"list_tasks": answered({"items": [{"id": 1}], "truncated": False, "total": 1})}))
    assert await DeviceAccess(turn).list_items("task", {}) == {"items": [{"id": 1}]}


async def test_items_outside_the_ranges_of_dates_are_dropped_even_if_the_device_returns_them() -> None:
    tasks = [
        {"id": "before", "dueDate": "2026-03-08"},
        {"id": "in", "dueDate": "2026-03-09"},
        {"id": "after", "dueDate": "2026-03-10"},
        {"id": "undated"},
    ]
    turn = make_turn(ScriptedDevice({"list_tasks": answered({"items": tasks})}))
    bounds = {"dueDate": {"after": "2026-03-09", "before": "2026-03-10"}}
    found = await DeviceAccess(turn).list_items("task", {"filter": bounds})
    assert [item["id"] for item in found["items"]] == ["in"]
    assert [item["id"] for item in turn.tool_results.resolve("task")] == ["in"]
