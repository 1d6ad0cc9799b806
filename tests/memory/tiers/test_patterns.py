"""Patterns in episodes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.tiers.patterns import EpisodeFacts, Pattern, names_in, part_of_day, seen_in

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def facts(days: list[int], *, intent: str | None = "task_agent", message: str = "hello") -> list[EpisodeFacts]:
    return [
        EpisodeFacts(MONDAY + timedelta(days=day), intent, names_in(message), UUID(int=number))
        for number, day in enumerate(days)
    ]


def mine(episodes: list[EpisodeFacts]) -> list[Pattern]:
    return [pattern for pattern in seen_in(episodes) if pattern.confidence > 0]


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


@given(st.text(max_size=300))
def test_names_are_words_of_the_text_that_start_with_a_capital(text: str) -> None:
    for name in names_in(text):
        assert name in text
        assert name[0].isupper()
