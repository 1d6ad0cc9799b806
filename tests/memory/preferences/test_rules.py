"""Preferences that rules find: the rest of the sentence neither hides a preference nor becomes part of it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.preferences.rules import preferences_in


@pytest.mark.parametrize(
    ("message", "stated"),
    [
        ("Call me Sam, and list my tasks", {"preferred_name": "Sam"}),
        ("Call me Sam from now on.", {"preferred_name": "Sam"}),
        ("My name is Anna and I live in Rome", {"preferred_name": "Anna", "home": "Rome"}),
        ("I live in Berlin and work for Acme.", {"home": "Berlin", "employer": "Acme"}),
        ("I live in Trinidad and Tobago.", {"home": "Trinidad and Tobago"}),
        ("my week starts Monday.", {"week_start": "monday"}),
        ("My week starts on a Sunday", {"week_start": "sunday"}),
        ("I live in Berlin now", {"home": "Berlin"}),
        ("I live in Berlin, Germany, these days.", {"home": "Berlin, Germany"}),
        ("I live in Berlin since 2019", {"home": "Berlin"}),
        ("i live in berlin", {"home": "berlin"}),
        ("I work for the BBC at the moment", {"employer": "the BBC"}),
        ("I work at 3M", {"employer": "3M"}),
        ("I prefer tea now", {"prefers_tea": "tea"}),
        ("I prefer tea and I live in Rome.", {"prefers_tea": "tea", "home": "Rome"}),
        ("My birthday is on 5 May", {"birthday": "5 May"}),
        ("My birthday is May the fifth", {"birthday": "May the fifth"}),
        ("Please answer in German", {"language": "German"}),
    ],
)
def test_what_is_stated(message: str, stated: dict[str, str]) -> None:
    assert {preference.key: preference.value for preference in preferences_in(message)} == stated


@pytest.mark.parametrize(
    "message",
    [
        "I prefer not to be called",
        "I prefer nothing of that",
        "I'd prefer you didn't",
        "I prefer this one",
        "I work for food",
        "I work at night",
        "I work for a bank",
        "I live in fear",
        "I live in a small flat",
        "My birthday is coming up",
        "Answer in detail",
        "I live in   .",
        "I live in  now",
        "I prefer   now.",
        "If you phone, and my name is shown",
        "She says her week starts Monday",
        "Call me Sam and I'll scream",
        "Call me Sam, and you'll regret it",
    ],
)
def test_what_states_nothing(message: str) -> None:
    assert preferences_in(message) == []


@pytest.mark.parametrize(
    ("message", "stated"),
    [
        ("Call me Sam", {"preferred_name": "Sam"}),
        ("Hi, please call me Dr. Anna Meyer.", {"preferred_name": "Dr. Anna Meyer"}),
        ("My name is Zoë, by the way", {"preferred_name": "Zoë"}),
        ("My name is Anna, and what is yours?", {"preferred_name": "Anna"}),
        ("my name's zoë.", {"preferred_name": "zoë"}),
        ("I prefer short answers.", {"answer_length": "short"}),
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
        # These look like preferences and are not.
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
    assert {preference.key: preference.value for preference in preferences_in(message)} == stated


@given(st.text(max_size=300))
def test_the_values_found_in_any_message_are_short(message: str) -> None:
    for preference in preferences_in(message):
        assert preference.value is None or 0 < len(preference.value) <= 120


@pytest.mark.parametrize("run", ["\n", " \n", " ", "a", "- ", ", ", " ‘"])
def test_a_long_message_of_any_form_takes_little_time(run: str) -> None:
    # The time of the processor, not of the clock. Empty lines took more than eight seconds, opening quotes 0.9.
    started = time.thread_time()
    preferences_in((run * 20_000)[:20_000] + "x")
    assert time.thread_time() - started < 0.6
