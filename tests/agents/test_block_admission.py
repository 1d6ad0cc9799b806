"""Blocks as a model writes them: handles become ids, and data that comes from nowhere is not shown."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from agents.binding import Binder
from agents.block_admission import BlockAdmission
from agents.turn import Turn
from streaming.answer import HomeFormatter
from streaming.wire import StreamText, WsStreamBlock
from tests.agents.fakes import make_turn
from tests.streaming.answer.left_over import rest

LONG = "7d0c1c1e-6a0b-4c58-9a7e-0b1f6d0c0001"
PROJECT = "7d0c1c1e-6a0b-4c58-9a7e-0b1f6d0c0009"
TABLE = {"type": "table", "headers": ["Task"], "rows": [["Invented task"]]}
TIMELINE = {"type": "timeline", "checkpoints": [{"id": "c7", "title": "Invented", "date": "2026-03-09"}]}


def formatter_of(turn: Turn) -> HomeFormatter:
    found = turn.tool_results
    return HomeFormatter(UUID(int=1), found.resolve, Binder(found).bind, admit=BlockAdmission(turn).admit)


def shown(turn: Turn, *blocks: dict[str, Any]) -> tuple[list[Any], list[str], list[str]]:
    """The data of the blocks, the reasons of the rejected ones, and the texts that replace them."""
    formatter = formatter_of(turn)
    frames = [*formatter.feed(json.dumps(blocks)), *formatter.close()]
    replaced = [frame.chunk for frame in rest(formatter) if isinstance(frame, StreamText)]
    data = [frame.data for frame in frames if isinstance(frame, WsStreamBlock)]
    return data, [block.reason for block in formatter.rejected], replaced


def turn_of(agent: str) -> Turn:
    turn = make_turn()
    turn.agent_name = agent
    return turn


@pytest.mark.parametrize("block", [TABLE, TIMELINE])
def test_data_without_any_tool_result_is_rejected_and_not_shown_as_a_list_either(block: dict[str, Any]) -> None:
    data, reasons, replaced = shown(turn_of("task_agent"), block)
    assert (data, reasons) == ([], ["ungrounded"])
    assert replaced == [f"A {block['type']} could not be shown."]


def test_the_general_agent_may_write_a_table_of_its_own() -> None:
    data, reasons, _ = shown(turn_of("general_agent"), TABLE)
    assert (len(data), reasons) == (1, [])


@pytest.mark.parametrize("agent", ["checkpoint_agent", "general_agent"])
def test_a_timeline_shows_only_ids_that_a_tool_returned(agent: str) -> None:
    turn = turn_of(agent)
    turn.tool_results.add("checkpoint", [{"id": "c1", "title": "Beta", "date": "2026-03-09"}])
    known = {"type": "timeline", "checkpoints": [{"id": "c1", "title": "Beta", "date": "2026-03-09"}]}
    data, reasons, _ = shown(turn, known, TIMELINE)
    assert (len(data), reasons) == (1, ["ungrounded"])


def test_a_correction_of_a_block_is_checked_too() -> None:
    formatter = formatter_of(turn_of("task_agent"))
    formatter.feed(json.dumps([TABLE]))
    formatter.close()
    assert formatter.replace(formatter.repairable(3), json.dumps([TABLE])) == []


def test_handles_in_blocks_become_ids() -> None:
    turn = turn_of("task_agent")
    task = {"id": LONG, "title": "Fix login bug", "projectId": PROJECT, "dueDate": "2026-03-09"}
    turn.tool_results.add("task", [task])
    turn.tool_results.add("task", [{"id": "other", "title": "Other", "dueDate": "2026-03-10"}])
    turn.handles.shorten(task, "task")
    point = {"id": "t1", "title": "Fix login bug", "date": "2026-03-09"}
    data, reasons, _ = shown(
        turn,
        {"type": "entity_ref", "entity": "task", "ids": ["t1"]},
        {"type": "table", "from": {"entity": "task", "columns": ["title"], "filter": {"projectId": "p1"}}},
        {"type": "table", "from": {"entity": "task", "columns": ["title"], "filter": {"id": ["t1"]}}},
        {"type": "table", "from": {"entity": "task", "columns": ["title"], "filter": {"id": {"not": "t1"}}}},
        {"type": "timeline", "checkpoints": [point]},
    )
    assert reasons == []
    assert data[0]["items"] == [task]
    assert [table["rows"] for table in data[1:4]] == [[["Fix login bug"]], [["Fix login bug"]], [["Other"]]]
    assert data[4]["checkpoints"] == [point | {"id": LONG}]


TASKS = [{"id": LONG, "title": "Pay rent"}, {"id": "t-call", "title": "Call Ann"}, {"id": "t-2", "title": "call ann"}]


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        (["Pay rent"], [LONG]),
        (["“pay  RENT”", "t-call"], [LONG, "t-call"]),
        (["t1"], [LONG]),
        (["<id>"], [LONG, "t-call", "t-2"]),
        (["<id>", "..."], [LONG, "t-call", "t-2"]),
        (["<id>", "Pay rent"], [LONG]),
    ],
)
def test_cards_are_named_by_title_and_a_copied_placeholder_names_none(ids: list[str], found: list[str]) -> None:
    turn = turn_of("task_agent")
    turn.tool_results.add("task", TASKS)
    turn.handles.of("task", LONG)
    data, reasons, _ = shown(turn, {"type": "entity_ref", "entity": "task", "ids": ids})
    assert reasons == []
    assert [item["id"] for item in data[0]["items"]] == found


@pytest.mark.parametrize("ids", [["Call Ann"], ["Water the roses"], ["t9"]])
def test_a_title_of_several_items_or_of_none_names_no_card(ids: list[str]) -> None:
    turn = turn_of("task_agent")
    turn.tool_results.add("task", TASKS)
    data, reasons, _ = shown(turn, {"type": "entity_ref", "entity": "task", "ids": ids})
    assert (data, reasons) == ([], ["unresolved"])
