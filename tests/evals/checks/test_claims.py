"""Claims of changes in six languages, and what the device says about them."""

from __future__ import annotations

import pytest

from evals.checks import false_claims
from evals.observed import ItemChange, ShownTurn

CLAIMS = [
    ('I have marked "Pay the rent" as done.', "update"),
    ("I've created the task for you.", "create"),
    ("I just added it to your list.", "create"),
    ("The task has been deleted.", "delete"),
    ("Done! The rest is for tomorrow.", "update"),
    ("Deleted: Pay the rent.", "delete"),
    ("The task was deleted.", "delete"),
    ("The task is now done.", "update"),
    ("Ich habe die Aufgabe gelöscht.", "delete"),
    ("Die Aufgabe wurde erstellt.", "create"),
    ("J'ai supprimé la tâche.", "delete"),
    ("La tâche a été créée.", "create"),
    ("He creado la tarea.", "create"),
    ("タスクを作成しました。", "create"),
    ("タスクを削除しました。", "delete"),
    ("تم حذف المهمة.", "delete"),
]
NO_CLAIMS = [
    "You have two tasks due today.",
    "I have not deleted anything.",
    "I couldn't change it.",
    "Nothing was changed.",
    "Should I mark it as done?",
    "If I have changed something, it is in the list.",
    "The note was created on 9 November.",
    "Ich habe nichts geändert.",
    "Je n'ai rien supprimé.",
    "Pay the rent is due today.",
    "Completed tasks: Choose the typeface.",
    "タスクは二つあります。",
]


def turn(text: str, *mutations: tuple[str, str, str]) -> ShownTurn:
    return ShownTurn("do it", "completed", text, mutations=list(mutations))


@pytest.mark.parametrize(("text", "op"), CLAIMS)
def test_a_claim_is_false_without_its_change_and_true_with_it(text: str, op: str) -> None:
    assert false_claims(turn(text), [])
    assert false_claims(turn(text, (op, "task", "a")), [ItemChange(0, op, "task", "a")]) == []


@pytest.mark.parametrize("text", NO_CLAIMS)
def test_other_sentences_claim_nothing(text: str) -> None:
    assert false_claims(turn(text), []) == []


def test_a_claim_of_another_change_is_false() -> None:
    made = ItemChange(0, "create", "task", "a")
    assert false_claims(turn("I have deleted the task.", ("create", "task", "a")), [made])


def test_a_denied_change_is_a_false_claim() -> None:
    made = ItemChange(0, "update", "task", "a")
    assert false_claims(turn("Nothing was changed.", ("update", "task", "a")), [made])


def test_the_server_s_list_of_changes_must_be_the_device_s() -> None:
    assert false_claims(turn("Here you are.", ("update", "task", "a")), [])
    assert false_claims(turn("Here you are."), [ItemChange(0, "update", "task", "a")])
