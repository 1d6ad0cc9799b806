"""Days in words, in the person's calendar."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from person import Calendar, day_in_words

FRIDAY = date(2026, 11, 27)
BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
NEW_YORK = Calendar(ZoneInfo("America/New_York"), week_start=6)


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("today", "2026-11-27"),
        ("Tomorrow", "2026-11-28"),
        ("by tomorrow.", "2026-11-28"),
        ("yesterday", "2026-11-26"),
        ("day after tomorrow", "2026-11-29"),
        ("the day after tomorrow", "2026-11-29"),
        ("tuesday", "2026-12-01"),
        ("next Tuesday", "2026-12-01"),
        ("on tue", "2026-12-01"),
        ("friday", "2026-12-04"),
        ("this friday", "2026-12-04"),
        ("+3d", "2026-11-30"),
        ("+ 2w", "2026-12-11"),
        ("-1d", "2026-11-26"),
        ("+1m", "2026-12-27"),
        ("in 3 days", "2026-11-30"),
        ("in two weeks", "2026-12-11"),
        ("in a month", "2026-12-27"),
        ("2 days ago", "2026-11-25"),
        ("next week", "2026-11-30"),
        ("next month", "2026-12-01"),
        ("end of week", "2026-11-29"),
        ("end of next week", "2026-12-06"),
        ("end of the month", "2026-11-30"),
        ("end of next month", "2026-12-31"),
        ("heute", "2026-11-27"),
        ("morgen", "2026-11-28"),
        ("nächsten Dienstag", "2026-12-01"),
        ("demain", "2026-11-28"),
        ("lundi prochain", "2026-11-30"),
        ("mañana", "2026-11-28"),
        ("明日", "2026-11-28"),
        ("月曜日", "2026-11-30"),
        ("غدا", "2026-11-28"),
    ],
)
def test_words_name_a_day(words: str, day: str) -> None:
    assert day_in_words(words, FRIDAY, BERLIN) == date.fromisoformat(day)


@pytest.mark.parametrize("words", ["", "soon", "next", "in days", "+3", "in 3 moons", "tuesdayish", "x" * 99, "+9999y"])
def test_other_words_name_none(words: str) -> None:
    assert day_in_words(words, FRIDAY, BERLIN) is None


def test_weeks_begin_on_the_persons_day() -> None:
    assert day_in_words("next week", FRIDAY, NEW_YORK) == date(2026, 11, 29)
    assert day_in_words("end of week", FRIDAY, NEW_YORK) == date(2026, 11, 28)


def test_a_month_that_is_shorter_ends_on_its_last_day() -> None:
    assert day_in_words("+1m", date(2026, 1, 31), BERLIN) == date(2026, 2, 28)
    assert day_in_words("+1y", date(2028, 2, 29), BERLIN) == date(2029, 2, 28)


@given(st.text(max_size=70), st.dates())
def test_any_text_is_read_without_a_fault(text: str, today: date) -> None:
    day_in_words(text, today, BERLIN)
