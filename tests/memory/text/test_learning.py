"""What is learned by rule: preferences, what is new in an exchange, patterns, and the text of entities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.enrichment.preferences import stated_preferences
from memory.text.entity_text import entity_text
from memory.text.learning import is_question, normalised, summarise, worth_learning
from memory.tiers.patterns import EpisodeFacts, mine, names_in, part_of_day


@pytest.mark.parametrize(
    ("message", "stated"),
    [
        ("Call me Sam", {"preferred_name": "Sam"}),
        ("Hi, please call me Dr. Anna Meyer.", {"preferred_name": "Dr. Anna Meyer"}),
        ("My name is Zoë, by the way", {}),
        ("my name's zoë.", {"preferred_name": "zoë"}),
        ("I prefer short answers.", {"prefers_answers": "short answers"}),
        ("I'd prefer tea over coffee", {"prefers_tea": "tea"}),
        ("My week starts on Sunday.", {"week_start": "sunday"}),
        ("The week starts on mondays", {"week_start": "monday"}),
        ("From now on answer in German.", {"language": "German"}),
        ("My time zone is Europe/Berlin", {"time_zone": "Europe/Berlin"}),
        ("My pronouns are they/them.", {"pronouns": "they/them"}),
        ("My favourite colour is teal", {"favourite_colour": "teal"}),
        ("I live in New York.", {"home": "New York"}),
        ("I work for Acme & Sons", {"employer": "Acme & Sons"}),
        ("Call me Sam. No: call me Sammy!", {"preferred_name": "Sam"}),
        ("Call me Sam. Call me Sammy!", {"preferred_name": "Sammy"}),
        ("Add a task. My week starts on Sunday. Thanks", {"week_start": "sunday"}),
        # What looks like one and is none.
        ("Call me back", {}),
        ("Call me tomorrow at nine", {}),
        ("Call me Monday", {}),
        ("Don't call me Sam", {}),
        ("She said call me Sam", {}),
        ("Should I say call me Sam?", {}),
        ("If I prefer short answers, what then?", {}),
        ("Add a task: call me a cab", {}),
        ("Does my week start on Sunday?", {}),
        ("", {}),
    ],
)
def test_preferences(message: str, stated: dict[str, str]) -> None:
    assert {preference.key: preference.value for preference in stated_preferences(message)} == stated


@given(st.text(max_size=300))
def test_any_message_is_read(message: str) -> None:
    for preference in stated_preferences(message):
        assert 0 < len(preference.value) <= 120
    assert isinstance(is_question(message), bool)
    summarise(message, message)
    worth_learning(message, message, [message])
    names_in(message)


@pytest.mark.parametrize(
    ("message", "response", "recalled", "learned"),
    [
        ("Clara moved to Lisbon.", "Noted.", [], "Clara moved to Lisbon.\nNoted."),
        ("Where does Clara live?", "Clara lives in Lisbon.", ["Clara lives in Lisbon"], None),
        ("Where does Clara live?", "In Lisbon, since May.", [], "Where does Clara live?\nIn Lisbon, since May."),
        ("Clara lives in Lisbon", "You told me so.", ["Clara lives in Lisbon."], None),
        ("I leave on Thursday at nine.", "ok", ["I leave on Tuesday at nine."], "I leave on Thursday at nine.\nok"),
        ("I don't love olives", "", ["I love olives"], "I don't love olives"),
        ("I love olives", "", ["I don't love olives"], "I love olives"),
        ("My code is 9876", "Your code is 9876.", ["My code is 1234"], "My code is 9876\nYour code is 9876."),
        ("I love olives. Clara moved!", "", ["Clara moved. And: I LOVE olives"], None),
        ("hi", "the", [], "hi\nthe"),
        ("is it?", "", ["something"], None),
        ("", "Anything.", [], None),
    ],
)
def test_what_is_new(message: str, response: str, recalled: list[str], learned: str | None) -> None:
    assert worth_learning(message, response, recalled) == learned


def test_repeated_sentences_are_left_out_of_what_is_learned() -> None:
    learned = worth_learning(
        "What do you know about Clara?",
        "Clara moved to Lisbon. She has a concert on Friday.",
        ["My sister Clara moved to Lisbon."],
    )
    assert learned == "What do you know about Clara?\nShe has a concert on Friday."


def test_summaries_are_short_and_of_one_line() -> None:
    assert summarise("a\nb", "") == "a b"
    assert len(summarise("x" * 1000, "y\n" * 1000)) < 410


def test_texts_that_are_the_same_memory() -> None:
    assert normalised("  Clara  MOVED to Lisbon! ") == normalised("clara moved to lisbon")
    assert normalised("Clara moved") != normalised("Clara left")


MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def facts(days: list[int], *, intent: str | None = "task_agent", message: str = "hello") -> list[EpisodeFacts]:
    return [
        EpisodeFacts(MONDAY + timedelta(days=day), intent, message, UUID(int=number)) for number, day in enumerate(days)
    ]


@pytest.mark.parametrize(
    ("episodes", "texts"),
    [
        (facts([0, 7]), []),
        (facts([0, 7, 14]), ["Often asks about tasks on Monday mornings."]),
        (facts([0, 0, 0, 0]), []),
        (facts([0, 1, 2]), ["Often asks about tasks in the morning."]),
        (facts([0, 7, 14], intent=None), []),
        (facts([0, 3, 8], intent=None, message="Ask Anna's team about it"), ["Often mentions Anna."]),
        (facts([0, 3, 8], intent=None, message="Monday is fine, I think"), []),
        ([], []),
    ],
)
def test_patterns(episodes: list[EpisodeFacts], texts: list[str]) -> None:
    assert [pattern.text for pattern in mine(episodes)] == texts
    assert mine(episodes[::-1]) == mine(episodes)


def test_confidence_rises_with_the_days_it_was_seen_on() -> None:
    confidences = [mine(facts([7 * week for week in range(weeks)]))[0].confidence for weeks in (3, 4, 10)]
    assert confidences == sorted(confidences)
    assert confidences[0] == 0.6
    assert confidences[-1] < 1


def test_every_hour_has_a_part_of_the_day() -> None:
    assert {part_of_day(MONDAY.replace(hour=hour)) for hour in range(24)} == {
        "morning",
        "afternoon",
        "evening",
        "night",
    }


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"status": "open", "title": "Call Clara"}, "task\ntitle: Call Clara\nstatus: open"),
        ({"dueDate": 1_800_000_000_000, "projectId": "p", "id": "t"}, "task\ndue date: Friday 15 January 2027"),
        ({"tags": ["a", "b"], "empty": [], "none": None, "done": True}, "task\ndone: yes\ntags: a, b"),
        ({"nested": {"who": "Ann"}, "estimate": 3.5}, "task\nestimate: 3.5\nnested: Ann"),
        ({"dueDate": float("inf")}, "task\ndue date: inf"),
        ({}, "task"),
    ],
)
def test_the_text_of_an_entity(data: dict[str, Any], text: str) -> None:
    assert entity_text("task", data) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=20), JSON, max_size=5))
def test_any_entity_has_a_text(data: dict[str, Any]) -> None:
    assert entity_text("note", data).startswith("note")
