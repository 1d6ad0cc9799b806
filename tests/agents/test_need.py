"""What a message needs of the device, and whether an answer asks the person something."""

from __future__ import annotations

import pytest

from agents.need import asks_back, claims_change, need_by_words
from agents.router import named_need


@pytest.mark.parametrize(
    "message",
    [
        "Complete the report task",
        "please delete t1",
        "Could you mark it as done?",
        "Create a task called Walk",
        "add a note about Vega",
        "ok, move it to Orion",
        "I'd like you to rename this project",
        "Hey, reschedule the beta",
    ],
)
def test_an_order_to_change_something(message: str) -> None:
    assert need_by_words(message) == "change"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "What is due today?",
        "Create a chart of my tasks by status",
        "make a table of tasks",
        "add up the hours",
        "hello",
        "How do I delete a task?",
        "write a poem",
        "show the tasks that I marked as done",
    ],
)
def test_nothing_is_said_about_a_change(message: str) -> None:
    assert need_by_words(message) is None


@pytest.mark.parametrize(
    ("answer", "need"),
    [
        ('{"agent": "task_agent", "need": "change"}', "change"),
        ('{"need":"none","agent":"general_agent"}', "none"),
        ("agent: task_agent, need: read", "read"),
        ('{"agent": "task_agent"}', None),
        ('{"agent": "task_agent", "need": "luck"}', None),
        ("", None),
    ],
)
def test_the_routers_answer_says_what_is_needed(answer: str, need: str | None) -> None:
    assert named_need(answer) == need


@pytest.mark.parametrize(
    "answer",
    [
        "Which task do you mean?",
        '[{"type":"text","content":"Shall I delete both?"}]',
        "Both match. Which one? Tell me.",
    ],
)
def test_a_question(answer: str) -> None:
    assert asks_back(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Done.",
        "I've created the task. Anything else?",
        "The task has been deleted. Which one is next?",
        "Done! What else can I do?",
        "It is late. Is there something else?",
        "",
    ],
)
def test_no_question(answer: str) -> None:
    assert not asks_back(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "I have deleted the task.",
        '[{"type":"text","content":"I\'ve added the note to your list."}]',
        "I just moved it to Orion.",
        "I marked it as done.",
        "I've set its due date to Friday.",
        "Sure! I have now renamed it. Anything else?",
        "The task has been deleted.",
        "Done.",
        '[{"type":"text","content":"Done!"}]',
        "Task deleted.",
    ],
)
def test_a_claim_of_a_change(answer: str) -> None:
    assert claims_change(answer, "the walk, please", called=False)
    assert not claims_change(answer, "Did you delete it?", called=False)
    assert not claims_change(answer, "thanks!", called=False)
    if answer.startswith("I "):
        assert claims_change(answer, "the walk, please", called=True)


@pytest.mark.parametrize(
    "answer",
    [
        "You have two tasks, one of which is done.",
        "I've created a chart of your tasks.",
        "I have added a table below.",
        "The note was updated on Friday.",
        "I can delete it if you want.",
        "You have deleted it.",
        "Shall I mark it as done?",
        "I have not changed anything.",
        "",
    ],
)
def test_no_claim_of_a_change(answer: str) -> None:
    assert not claims_change(answer, "my tasks", called=False)


def test_what_was_read_may_have_been_changed_before() -> None:
    assert not claims_change("The walk has been completed.", "my tasks", called=True)
