"""What a message needs of the device and of the past."""

from __future__ import annotations

import pytest

from agents.need import asks_about_past, need_by_words
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
        "thanks, now delete the walk please",
        "Great! Delete the walk.",
        "Why don't you delete the walk?",
        "get rid of the walk",
        "lösche den Spaziergang",
        "supprime la promenade",
        "elimina el paseo",
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
    "message", ["Did you delete it?", "Was it deleted?", "thanks!", "Thank you so much.", "What did you change?"]
)
def test_a_message_about_the_past(message: str) -> None:
    assert asks_about_past(message)


@pytest.mark.parametrize(
    "message",
    [
        "thanks, now delete the walk please",
        "Great! Delete the walk.",
        "Why don't you delete the walk?",
        "the walk",
        "Was ist heute fällig?",
        "Was steht an?",
    ],
)
def test_a_message_that_is_not_about_the_past(message: str) -> None:
    assert not asks_about_past(message)
