from __future__ import annotations

import pytest

from agents.keywords import PHRASES, WORDS, best_agent, score
from agents.registry import AGENTS


@pytest.mark.parametrize(
    ("message", "agent"),
    [
        ("what should I do today?", "task_agent"),
        ("Which of my tasks are overdue?", "task_agent"),
        ("remind me to call Ada tomorrow", "task_agent"),
        ("add a to-do: buy stamps", "task_agent"),
        ("what's due this week", "task_agent"),
        ("how are my projects going?", "project_agent"),
        ("create a project for the client Acme", "project_agent"),
        ("find my notes about the rent", "note_agent"),
        ("Write down that the door code is 4711", "note_agent"),
        ("add milk to my shopping list", "note_agent"),
        ("show the milestones of the website project", "checkpoint_agent"),
        ("approve the beta checkpoint", "checkpoint_agent"),
        ("draw me a timeline", "checkpoint_agent"),
        ("TASKS!", "task_agent"),
        ("what are the groceries?", "note_agent"),
        ("sort out the priorities", "task_agent"),
    ],
)
def test_messages_that_say_what_they_are_about(message: str, agent: str) -> None:
    assert best_agent(message) == agent


@pytest.mark.parametrize("message", ["", "hello", "¿qué tal?", "tell me a joke", "🙂", "taskmaster noteworthy"])
def test_messages_that_do_not(message: str) -> None:
    assert best_agent(message) is None
    assert not any(score(message).values())


def test_a_leaning_is_not_a_name() -> None:
    assert best_agent("and the next one?") == "task_agent"
    assert best_agent("and the next one?", least=2) is None


def test_the_tables_are_of_the_agents_and_of_words_as_they_are_looked_up() -> None:
    assert set(WORDS) == set(PHRASES) == set(AGENTS)
    for table in WORDS.values():
        for word in table:
            assert best_agent(word) is not None, word
    for table in PHRASES.values():
        for phrase in table:
            assert best_agent(phrase) is not None, phrase
