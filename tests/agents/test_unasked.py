"""Shape `schema` with models that behave badly: changes that the person did not ask for are refused."""

from __future__ import annotations

from typing import Any

import pytest

from agents.device import DeviceResult, Outcome
from agents.tools import TASK_TOOLS, write_tools
from agents.turn import Scope
from agents.unasked import unasked_change
from streaming.chat import Message
from tests import server_habits
from tests.agents.fakes import ScriptedDevice, answered, make_turn
from tests.agents.test_phased_agents import LISTED, TASKS, ask
from tests.server_habits import Wish

DELETED: Wish = ("delete_task", {"task": "Pay rent"})
CREATE, UPDATE, DELETE = write_tools("task")
COMPLETE = TASK_TOOLS[0]


def device() -> ScriptedDevice:
    changed = answered({"item": TASKS[0]})
    return ScriptedDevice(
        {"list_tasks": LISTED, "delete_task": changed, "create_task": changed, "update_task": changed}
    )


def verbs(used: Any) -> list[str]:
    return [call.tool for call in used.turn.device.calls if not call.tool.startswith(("list_", "get_"))]


@pytest.mark.parametrize(
    "message",
    [
        "Delete it",
        "please delete that",
        "Mark it as done.",
        "Lösche es bitte",
        "Supprime-le",
        "Bórralo",
        "それを削除して",
    ],
)
def test_a_pronoun_without_a_conversation_names_no_item(message: str) -> None:
    assert unasked_change(make_turn(message=message), DELETE) is not None
    assert unasked_change(make_turn(message=message), COMPLETE) is not None
    known = make_turn(message=message, history=[Message("user", "Show Pay rent")])
    assert unasked_change(known, DELETE) is None
    assert unasked_change(make_turn(message=message, scope=Scope("task", "t", {"id": "t"})), DELETE) is None


@pytest.mark.parametrize("message", ["Delete Pay rent", "Delete it and Pay rent", "Complete that big task", "Hi"])
def test_a_request_that_names_something_is_not_refused(message: str) -> None:
    assert unasked_change(make_turn(message=message), DELETE) is None


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        ("Give the login bug to Ann", True),
        ("Assign Fix login bug to Ann", True),
        ("Reopen Book venue", True),
        ("Lösche die Aufgabe Raum buchen", True),
        ("Give me something to do", False),
        ("Assign a task to Ann: write the docs", False),
        ("Complete Pay rent and create Buy bread", False),
        ("Crée une tâche Acheter du pain pour demain", False),
        ("Write a note: the wifi password is tulip42", True),
        ("Write a note about the task Pay rent", False),
        ("Create a project called Web", True),
        ("Add a task to the Launch project", False),
        ("Schreib eine Notiz: Tulpe", True),
        ("Mark Fix a bug as done", True),
        ("Mark it as done and add a reminder for Friday", False),
        ("Move the task Review budget to the Launch project", True),
        ("Move it to Friday and remind me", False),
        ("Add Eggs to my Shopping note", True),
        ("Add Eggs to my shopping list", False),
        ("Approve the GA checkpoint", True),
        ("Call the plumber on Tuesday", False),
    ],
)
def test_a_new_item_is_refused_if_the_person_orders_a_change_of_one(message: str, refused: bool) -> None:
    assert (unasked_change(make_turn(message=message), CREATE) is not None) is refused
    assert unasked_change(make_turn(message=message), UPDATE) is None


def test_a_new_note_is_made_if_the_person_orders_a_note() -> None:
    (create_note, *_) = write_tools("note")
    assert unasked_change(make_turn(message="Write a note: the wifi password is tulip42"), create_note) is None
    assert unasked_change(make_turn(message="Add Eggs to my Shopping note"), create_note) is not None


async def test_an_invented_title_for_delete_it_is_refused_and_the_person_is_asked() -> None:
    used = await ask(
        "schema",
        server_habits.llama_cpp,
        DELETED,
        ("answer", {}),
        "Which task do you mean?",
        message="Delete it",
        device=device(),
    )
    assert verbs(used) == []
    assert "Which task do you mean?" in used.text
    assert not used.turn.unchanged
    assert len(used.requests) == 3


async def test_a_refused_change_that_the_model_claims_is_corrected() -> None:
    claims: list[Wish] = [DELETED, ("answer", {}), "Done, I deleted it."] * 4
    used = await ask(
        "schema",
        server_habits.llama_cpp,
        DELETED,
        *claims,
        message="Delete it",
        device=device(),
    )
    assert verbs(used) == []
    assert used.turn.mutations == []
    assert used.turn.unchanged
    assert len(used.requests) <= 10


async def test_a_new_task_for_give_a_to_ann_is_refused_and_the_right_change_runs() -> None:
    used = await ask(
        "schema",
        server_habits.llama_cpp,
        ("create_task", {"title": "Give the login bug to Ann", "assignee": "Ann"}),
        ("update_task", {"task": "Fix login bug", "assignee": "Ann"}),
        ("answer", {}),
        "Ann has it now.",
        message="Give the login bug to Ann",
        device=device(),
    )
    assert verbs(used) == ["update_task"]
    assert not used.turn.unchanged


@pytest.mark.parametrize("message", ["Hi, how are you?", "What is the capital of France?", "What can you do?"])
async def test_a_harmless_read_instead_of_words_still_ends_in_the_answer(message: str) -> None:
    used = await ask(
        "schema",
        server_habits.llama_cpp,
        *[("list_tasks", {})] * 2,
        "Here is what I can say.",
        message=message,
        device=device(),
    )
    assert verbs(used) == []
    assert used.text.count("Here is what I can say.") == 1
    assert len(used.requests) == 3, "the same read twice ends the act phase"
    assert (used.turn.unchanged, used.turn.unread) == (False, False)


async def test_a_change_told_after_a_read_that_failed_is_corrected() -> None:
    offline = ScriptedDevice({"list_tasks": DeviceResult(Outcome.DEVICE_OFFLINE)})
    said: list[Wish] = [("list_tasks", {}), ("answer", {}), *["The task was completed. The note was completed."] * 6]
    used = await ask("schema", server_habits.llama_cpp, *said, message="hello", device=offline)
    assert used.turn.unchanged
    assert used.turn.mutations == []
