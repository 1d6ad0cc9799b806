"""Spans of days in words."""

from __future__ import annotations

from datetime import date

import pytest

from person import Calendar, days_in_words, period_in_words
from person.weeks import WEEKDAYS
from person.zones import zone_named

TODAY = date(2026, 3, 11)  # a Wednesday
BERLIN = Calendar(zone_named("Europe/Berlin"))


@pytest.mark.parametrize(
    ("words", "period"),
    [
        ("overdue", "overdue"),
        ("Over-due", "overdue"),
        ("past due", "overdue"),
        ("überfällig", "overdue"),
        ("en retard", "overdue"),
        ("atrasadas", "overdue"),
        ("期限切れ", "overdue"),
        ("today", "today"),
        ("Aujourd’hui", "today"),
        ("week", "week"),
        ("this_week", "week"),
        ("diese Woche", "week"),
        ("cette semaine", "week"),
        ("今週", "week"),
        ("Next week.", "next week"),
        ("nächste Woche", "next week"),
        ("la semaine prochaine", "next week"),
        ("la semana que viene", "next week"),
        ("next month", "next month"),
        ("le week-end", "weekend"),
        ("soon", None),
        ("next tuesday", None),
        ("Overdue invoices", None),
        ("", None),
        ("week " * 100, None),
    ],
)
def test_periods_are_named_in_several_languages(words: str, period: str | None) -> None:
    assert period_in_words(words) == period


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        ("this week", "2026-03-09", "2026-03-15"),
        ("next week", "2026-03-16", "2026-03-22"),
        ("last week", "2026-03-02", "2026-03-08"),
        ("this month", "2026-03-01", "2026-03-31"),
        ("next month", "2026-04-01", "2026-04-30"),
        ("last month", "2026-02-01", "2026-02-28"),
        ("weekend", "2026-03-14", "2026-03-15"),
        ("next weekend", "2026-03-21", "2026-03-22"),
        ("in the next 7 days", "2026-03-11", "2026-03-18"),
    ],
)
def test_the_days_of_a_period(words: str, first: str, last: str) -> None:
    found = days_in_words(words, TODAY, BERLIN)
    assert found is not None
    assert [day.isoformat() for day in found] == [first, last]


def test_the_week_begins_on_the_persons_first_day_and_on_a_sunday_the_weekend_is_this_one() -> None:
    sunday = date(2026, 3, 15)
    american = Calendar(zone_named("America/New_York"), week_start=WEEKDAYS.index("sunday"))
    assert days_in_words("next week", TODAY, american) == (sunday, date(2026, 3, 21))
    assert days_in_words("weekend", sunday, BERLIN) == (date(2026, 3, 14), sunday)


@pytest.mark.parametrize("words", ["overdue", "today", "tomorrow", "2026-03-11", "someday"])
def test_other_words_name_no_span(words: str) -> None:
    assert days_in_words(words, TODAY, BERLIN) is None
