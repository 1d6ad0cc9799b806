"""The demo model answers the most natural questions about the playground's sample data, and says what it can't do."""

from __future__ import annotations

import pytest

from agents.router import agent_by_words
from agents.turn import Scope
from demo.sentences import CANNOT, DISCLOSURE, GREETING, HELP
from streaming.chat import Message
from tests.demo.demo_conversation import Talk, talk
from tests.demo.questions import NOT_UNDERSTOOD, OUTSIDE, QUESTIONS, REPHRASED, Asked
from tests.demo.sample_items import sample_items

DATA = sample_items()


def ask(question: str, **given: object) -> Talk:
    """Ask the agent that the router's words choose."""
    return talk(question, agent_by_words(question), data=DATA, **given)  # type: ignore[arg-type]


def test_there_are_forty_questions() -> None:
    assert len({asked.question for asked in QUESTIONS}) >= 40


@pytest.mark.parametrize("asked", [*QUESTIONS, *REPHRASED], ids=lambda asked: asked.question)
def test_a_question_about_the_sample_data_is_answered_rightly(asked: Asked) -> None:
    answer = ask(asked.question)
    for words in asked.says:
        assert words in answer.text
    listed = [block["items"] for block in answer.blocks if block["type"] == "entity_ref" and "items" in block]
    ids = [block["ids"] for block in answer.written if block["type"] == "entity_ref"]
    if asked.items is not None:
        assert [len(shown) for shown in listed or ids] == [asked.items]


@pytest.mark.parametrize("question", OUTSIDE)
def test_what_it_cannot_do_it_says_plainly(question: str) -> None:
    answer = ask(question)
    assert CANNOT in answer.text
    assert answer.names == []
    assert [block["type"] for block in answer.blocks] == ["text"]


@pytest.mark.parametrize("question", NOT_UNDERSTOOD)
def test_a_question_with_words_that_no_rule_reads_is_not_answered(question: str) -> None:
    answer = ask(question)
    assert "I can't" in answer.text
    assert [block["type"] for block in answer.blocks] == ["text"]


def test_a_name_that_is_neither_a_project_nor_a_person_is_not_ignored() -> None:
    assert "I found no project and no person called “Kyoto trip”." in ask("Show the tasks for the Kyoto trip").text


def test_an_unknown_name_is_not_guessed() -> None:
    answer = ask("When is the moon landing?")
    assert "I found nothing about “moon landing”" in answer.text


def test_it_introduces_itself_once_in_a_conversation() -> None:
    assert DISCLOSURE in ask("What is overdue?").text
    history = (Message("user", "What is overdue?"), Message("assistant", "You have 2 open tasks that are overdue."))
    assert DISCLOSURE not in ask("What is overdue?", history=history).text
    for message in ("help", "hello", "thanks", "Which tasks are blocked?", "Tell me a joke"):
        assert DISCLOSURE not in ask(message, history=history).text
    assert GREETING in ask("hello", history=history).text
    assert HELP in ask("help", history=history).text
    assert DISCLOSURE in ask("who are you?", history=history).text


@pytest.mark.parametrize("message", ["help", "Help!", "hi", "What can you do?", "who are you?"])
def test_help_says_what_it_can_do(message: str) -> None:
    answer = ask(message)
    assert HELP in answer.text
    assert answer.names == []


def test_a_popup_names_the_project_of_its_item() -> None:
    scope = Scope("note", DATA["note"][1]["id"], DATA["note"][1])
    answer = talk("What is this?", "note_agent", data=DATA, mode="popup", scope=scope)
    assert "Project: Atlas print catalogue." in answer.answer
