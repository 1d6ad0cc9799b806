"""The demo model's rules: the tools it calls, and the answers it makes from their results."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.turn import EarlierTurns, Scope
from demo.model import respond
from demo.request import parse_request
from demo.sentences import DISCLOSURE
from streaming.answer.home import RejectedBlock
from tests.demo.demo_conversation import DATA, NOW_MS, model_of, talk


@pytest.mark.parametrize(
    ("message", "agent", "rounds"),
    [
        ("what should I do today?", "task_agent", [["list_tasks", "list_projects", "list_checkpoints"]]),
        ("give me an overview", "task_agent", [["list_tasks", "list_projects", "list_notes", "list_checkpoints"]]),
        ("create a task called Water the plants", "task_agent", [["create_task"]]),
        ("add a task to call Eve in project Harbour", "task_agent", [["list_projects"], ["create_task"]]),
        ("finish Call Ann", "task_agent", [["list_tasks"], ["complete_task"]]),
        ("mark call bob as done", "task_agent", [["list_tasks"], ["complete_task"]]),
        ("reopen Old thing", "task_agent", [["list_tasks"], ["reopen_task"]]),
        ('delete the task "Pay the rent"', "task_agent", [["list_tasks"], ["delete_task"]]),
        ("move Pay the rent to tomorrow", "task_agent", [["list_tasks"], ["update_task"]]),
        ("approve Beta", "checkpoint_agent", [["list_checkpoints"], ["update_checkpoint"]]),
        ("how are my projects?", "project_agent", [["list_projects", "list_tasks", "list_checkpoints"]]),
        ("find notes about paper", "note_agent", [["list_notes"]]),
        ("delete call", "task_agent", [["list_tasks"]]),
        ("delete nothing of the kind", "task_agent", [["list_tasks"]]),
        ("delete it", "task_agent", [["list_tasks"]]),
        ("create a checkpoint Gamma", "checkpoint_agent", []),
        ("create a task", "task_agent", []),
        ("help", "task_agent", []),
    ],
)
def test_tools_are_asked_for_once_and_in_order(message: str, agent: str, rounds: list[list[str]]) -> None:
    assert talk(message, agent).names == rounds


@pytest.mark.parametrize(
    ("agent", "message", "arguments"),
    [
        (
            "task_agent",
            "create a task called Water the plants due tomorrow",
            {"title": "Water the plants", "dueDate": "2025-03-15"},
        ),
        ("task_agent", "remind me to buy milk on monday", {"title": "buy milk", "dueDate": "2025-03-17"}),
        (
            "task_agent",
            "add a high priority task to call Eve in project Harbour",
            {"title": "call Eve", "priority": "high", "projectId": "p1"},
        ),
        ("task_agent", "Please add an urgent task: fix the roof", {"title": "fix the roof", "priority": "high"}),
        ("note_agent", "create a note saying Ann likes tea", {"title": "Ann likes tea", "content": "Ann likes tea"}),
        ("project_agent", "create a project called Nova", {"name": "Nova"}),
        ("checkpoint_agent", "add a milestone 'Gamma' on 2025-04-01", {"title": "Gamma", "date": "2025-04-01"}),
        ("task_agent", "finish Call Ann", {"id": "t2"}),
        ("task_agent", "delete the task pay rent", {"id": "t1"}),
        ("task_agent", "move Pay the rent to next week", {"id": "t1", "dueDate": "2025-03-17"}),
        ("task_agent", "set Pay the rent to low priority", {"id": "t1", "priority": "low"}),
        ("checkpoint_agent", "approve Beta", {"id": "k1", "isApproved": True}),
        ("note_agent", "search my notes for paper", {"text": "paper"}),
    ],
)
def test_arguments_are_read_from_the_message(agent: str, message: str, arguments: dict[str, Any]) -> None:
    assert talk(message, agent).calls[-1][-1][1] == arguments


def test_today_gives_text_a_chart_task_rows_and_a_timeline() -> None:
    answer = talk("what should I do today?")
    assert [block["type"] for block in answer.blocks] == ["text", "chart", "entity_ref", "timeline"]
    assert answer.text.startswith(DISCLOSURE)
    assert "2 open tasks for today, 1 of them overdue" in answer.text
    assert answer.block("chart")["data"] == [{"priority": "High", "count": 1}, {"priority": "Medium", "count": 1}]
    assert answer.block("entity_ref") == {"type": "entity_ref", "entity": "task", "ids": ["t1", "t2"]}
    assert [point["id"] for point in answer.block("timeline")["checkpoints"]] == ["k1", "k2"]
    assert answer.block("timeline")["checkpoints"][0]["date"] == DATA["checkpoint"][1]["date"]


def test_charts_tables_and_timelines_name_their_data() -> None:
    for message in (
        "what should I do today?",
        "chart of tasks",
        "table of my tasks",
        "timeline",
        "give me an overview",
    ):
        written = [block for block in talk(message).written if block["type"] not in {"text", "entity_ref"}]
        assert written
        assert all("from" in block and not {"data", "rows", "checkpoints"} & block.keys() for block in written)


def test_a_broken_chart_is_corrected_in_the_repair() -> None:
    answer = talk("show me a broken chart of tasks by status")
    (broken,) = [block for block in answer.written if block["type"] == "chart"]
    assert broken["from"]["groupBy"] == "nonsense"
    rejected = RejectedBlock(1, "unknown_field", "chart", "No task has the field nonsense.")
    again = talk("show me a broken chart of tasks by status", rejected=[rejected])
    (mended,) = json.loads(again.answer)
    assert (mended["type"], mended["from"]["groupBy"]) == ("chart", "status")


def test_the_general_agent_reads_when_there_is_something_to_read() -> None:
    assert talk("xyzzy", "general_agent").names == []
    assert "I can't answer that" in talk("xyzzy", "general_agent").text
    assert talk("show me", "general_agent").names == []
    assert "I did not understand that" in talk("show me", "general_agent").text
    assert talk("give me an overview", "general_agent").names == [
        ["list_tasks", "list_projects", "list_notes", "list_checkpoints"]
    ]


@pytest.mark.parametrize("kind", ["area", "bar", "line", "pie", "radar", "radial"])
def test_every_chart_type_can_be_asked_for(kind: str) -> None:
    chart = talk(f"{kind} chart of tasks by status").block("chart")
    assert chart["chartType"] == kind
    assert [(point["status"], point["count"]) for point in chart["data"]] == [
        ("To do", 3),
        ("In progress", 1),
        ("Done", 1),
    ]


def test_tables_have_the_devices_values() -> None:
    table = talk("table of open tasks").block("table")
    assert table["headers"] == ["Task", "Due date", "Priority", "Status", "Project"]
    assert table["rows"] == [
        ["Pay the rent", "2025-03-13T12:00Z", "High", "To do", None],
        ["Call Ann", "2025-03-14T12:00Z", "Medium", "To do", "Harbour"],
        ["Call Bob", "2025-03-15T12:00Z", "High", "In progress", "Harbour"],
        ["Some day", None, "Low", "To do", None],
    ]


def test_projects_show_their_progress() -> None:
    answer = talk("how are my projects doing?", "project_agent")
    assert answer.block("chart")["data"] == [
        {"project": "Harbour", "to_do": 1, "in_progress": 1, "done": 0},
        {"project": "Atlas", "to_do": 0, "in_progress": 0, "done": 1},
    ]
    assert answer.block("table")["rows"] == [
        ["Harbour", "active", 2, 0, "Beta (2025-03-16)"],
        ["Atlas", "completed", 0, 1, None],
    ]


@pytest.mark.parametrize(
    ("message", "ids"),
    [
        ("what is overdue?", ["t1"]),
        ("what is due tomorrow?", ["t3"]),
        ("my tasks this week", ["t1", "t2", "t3"]),
        ("tasks in the next 2 days", ["t2", "t3"]),
        ("finished tasks", ["t4"]),
        ("what am I working on?", ["t3"]),
        ("high priority tasks", ["t1", "t3"]),
        ("tasks", ["t1", "t2", "t3", "t5", "t4"]),
    ],
)
def test_lists_choose_what_was_asked_for(message: str, ids: list[str]) -> None:
    assert talk(message).block("entity_ref")["ids"] == ids


def test_one_overdue_task_is_named_in_the_singular() -> None:
    assert "You have 1 open task that is overdue" in talk("what is overdue?").text


def test_an_empty_result_is_reported_and_nothing_is_invented() -> None:
    answer = talk("what should I do today?", data={entity: [] for entity in DATA})
    assert [block["type"] for block in answer.blocks] == ["text"]
    assert "no open tasks" in answer.text


def test_a_change_is_reported_from_the_tools_result() -> None:
    answer = talk("finish Call Ann")
    assert "marked as done the task “Call Ann”" in answer.text
    assert answer.block("entity_ref")["ids"] == ["t2"]
    deleted = talk("delete the ann task")
    assert "deleted the task “Call Ann”" in deleted.text
    assert len(deleted.blocks) == 1


def test_the_model_asks_which_item_is_meant() -> None:
    answer = talk("delete call")
    assert "Which one?" in answer.text
    assert answer.block("entity_ref")["ids"] == ["t2", "t3"]


@pytest.mark.parametrize("message", ["create a task called Milk due 2026-02-30", "move Pay the rent to 2026-13-01"])
def test_a_day_that_does_not_exist_is_asked_about_and_nothing_is_changed(message: str) -> None:
    answer = talk(message)
    assert answer.calls == []
    assert f"The calendar has no day {message[-10:]}. I changed nothing. Which day do you mean?" in answer.text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("denied", "You did not allow me to delete the task, so nothing was changed."),
        ("device_offline", "None of your devices is connected"),
        ("device_gone", "disconnected before it answered"),
        ("deadline", "did not answer in time"),
        ("not_found", "I could not delete the task: No (not_found)."),
    ],
)
def test_a_failed_tool_is_reported(code: str, said: str) -> None:
    answer = talk("delete Call Ann", failing={"delete_task": code})
    assert said in answer.text
    assert "I have" not in answer.text


def test_an_offline_device_is_not_asked_again() -> None:
    failing = dict.fromkeys(("list_tasks", "list_projects", "list_checkpoints"), "device_offline")
    answer = talk("what should I do today?", failing=failing)
    assert len(answer.calls) == 1
    assert "None of your devices is connected" in answer.text
    assert len(answer.blocks) == 1


def test_one_failed_list_does_not_hide_the_others() -> None:
    answer = talk("what should I do today?", failing={"list_checkpoints": "deadline"})
    assert answer.block("entity_ref")["ids"] == ["t1", "t2"]
    assert "did not answer in time" in answer.text


CARDS = {"showed": "items", "entity": "task", "items": [{"id": "t3"}, {"id": "t1"}, {"id": "t5"}]}
TABLE = {"showed": "table", "headers": ["Task"], "rows": [["Call Ann"], ["Pay the rent"]]}


@pytest.mark.parametrize(
    ("message", "facts", "wanted"),
    [
        ("Move the second one to Friday", [CARDS], ("update_task", "t1")),
        ("Complete the first task", [CARDS], ("complete_task", "t3")),
        ("delete the last one", [CARDS], ("delete_task", "t5")),
        ("Move the second one to Friday", [{"read": "task", "items": []}, TABLE], ("update_task", "t1")),
        ("Move the fourth one to Friday", [CARDS], None),
        ("Move the second one to Friday", [], None),
        ("Complete the first one", [CARDS | {"entity": "note"}], None),
    ],
)
def test_a_place_means_an_item_of_the_latest_list_that_was_shown(
    message: str, facts: list[Any], wanted: tuple[str, str] | None
) -> None:
    older = {"answer_to": "older", "sent": NOW_MS, "facts": [CARDS | {"items": [{"id": "t2"}, {"id": "t2"}]}]}
    latest = {"answer_to": "list", "sent": NOW_MS, "facts": facts}
    told = talk(message, earlier=EarlierTurns(facts=[older, latest] if facts else ()))
    changes = [(name, call["id"]) for calls in told.calls for name, call in calls if not name.startswith("list_")]
    assert changes == ([] if wanted is None else [wanted])
    if wanted is None:
        assert "I did not find a task" in told.text


def test_popups_get_plain_text() -> None:
    answer = talk("what should I do today?", mode="popup").answer
    assert answer.startswith(DISCLOSURE)
    assert "\n- Pay the rent (due yesterday)\n- Call Ann (due today)" in answer
    assert "{" not in answer


def test_the_open_item_of_a_popup_is_what_this_means() -> None:
    scope = Scope("task", "t2", DATA["task"][1])
    assert "This task is “Call Ann” (due today)." in talk("what is this?", mode="popup", scope=scope).answer
    assert talk("finish this", mode="popup", scope=scope).calls == [[("complete_task", {"id": "t2"})]]


def test_a_truncated_list_is_reported() -> None:
    body = {
        "metadata": {"tessera_mode": "home"},
        "messages": [
            {"role": "user", "content": "tasks"},
            {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "list_tasks", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": '{"items":[{"id":"t1","title":"A"}],"truncated":true}'},
        ],
    }
    assert "only a part" in respond(parse_request(json.dumps(body)), now_ms=NOW_MS).text


@pytest.mark.parametrize(
    "content",
    ["", "not json", "[1]", "5", '{"items":5}', '{"items":[1,{"id":null},{"id":"a"}]}', '{"id":{},"dueDate":{}}'],
)
def test_malformed_results_never_break_the_answer(content: str) -> None:
    call = {"id": "1", "function": {"name": "list_tasks", "arguments": "{"}}
    for message in ("what should I do today?", "line chart of tasks", "finish a", "overview"):
        body = {
            "metadata": {"tessera_mode": "home"},
            "messages": [
                {"role": "user", "content": message},
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "1", "content": content},
                {"role": "tool", "tool_call_id": "unknown", "content": content},
            ],
        }
        blocks = json.loads(respond(parse_request(json.dumps(body)), now_ms=NOW_MS).text)
        for block in blocks[1:]:
            model_of(block).model_validate(block)


_VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8))
_FIELDS = ["id", "title", "name", "status", "priority", "dueDate", "date", "projectId"]
_ITEMS = st.lists(st.dictionaries(st.sampled_from(_FIELDS), _VALUES), max_size=5)
_VOCABULARY = """show my tasks today overdue week chart pie by project day table timeline create delete finish it a note
called in for about " ' due next monday high priority overview move"""
_WORDS = st.lists(st.sampled_from(_VOCABULARY.split()), max_size=9)


@given(words=_WORDS, items=_ITEMS)
def test_blocks_are_valid_for_any_message_and_any_results(words: list[str], items: list[dict[str, Any]]) -> None:
    data = dict.fromkeys(DATA, items)
    agent = "checkpoint_agent" if len(words) % 2 else "task_agent"
    assert talk(" ".join(words), agent, data=data).text.startswith(DISCLOSURE)
