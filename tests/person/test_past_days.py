"""Past days in words, in six languages."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from person import UTC_CALENDAR, Calendar, past_days, zone_named

TODAY = date(2026, 6, 17)  # a Wednesday
WEEK = ("2026-06-08", "2026-06-15")
MAY = ("2026-05-01", "2026-06-01")
YESTERDAY = ("2026-06-16", "2026-06-17")
THREE_DAYS_AGO = ("2026-06-14", "2026-06-15")
LAST_MONDAY = ("2026-06-15", "2026-06-16")
FIFTH_OF_MAY = ("2026-05-05", "2026-05-06")
YEAR = ("2025-01-01", "2026-01-01")


@pytest.mark.parametrize(
    ("days", "texts"),
    [
        (
            YESTERDAY,
            "yesterday|Was habe ich gestern gegessen?|Qu'ai-je fait hier ?|¿Qué hice ayer?|昨日何を?|ماذا فعلت أمس؟",
        ),
        (("2026-06-15", "2026-06-16"), "the day before yesterday|vorgestern|avant-hier|anteayer|一昨日|أول أمس"),
        (WEEK, "last week|letzte Woche|in der letzten Woche|la semaine dernière|la semana pasada|先週|الأسبوع الماضي"),
        (MAY, "last month|letzten Monat|le mois dernier|el mes pasado|先月|الشهر الماضي"),
        (MAY, "What did we plan in May?|im Mai|en mai|en mayo|5月に|في مايو|May 2026"),
        (YEAR, "last year|letztes Jahr|l'année dernière|l’an dernier|el año pasado|去年|العام الماضي"),
        (THREE_DAYS_AGO, "three days ago|vor drei Tagen|il y a trois jours|hace 3 días|3日前"),
        (("2026-05-31", "2026-06-07"), "two weeks ago|vor zwei Wochen|il y a 2 semaines|hace dos semanas|2週間前"),
        (LAST_MONDAY, "on last Monday|letzten Montag|lundi dernier|el lunes pasado|先週の月曜日"),
        (FIFTH_OF_MAY, "on May 5th|5. Mai|am 5. Mai 2026|le 5 mai|5 de mayo|2026-05-05|5月5日|2026年5月5日"),
        (("2026-06-14", "2026-06-18"), "in the last 3 days|die letzten drei Tage|les trois derniers jours"),
        (("2025-07-01", "2025-08-01"), "in July|im Juli|en juillet|en julio|7月に"),
        (("2024-03-01", "2024-04-01"), "in March 2024|im März 2024|mars 2024|marzo de 2024|2024年3月に"),
        (("2026-06-01", "2026-06-18"), "in June|im Juni"),
    ],
)
def test_texts_name_past_days(days: tuple[str, str], texts: str) -> None:
    for text in texts.split("|"):
        found = past_days(text, TODAY, UTC_CALENDAR)
        assert found is not None, text
        assert (found.since.isoformat(), found.until.isoformat()) == days, text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "May I come in?",
        "Hier ist mein Hund",
        "What happens in December 2026?",
        "2026-12-01",
        "the last song",
        "Marchfield 5",
        "tomorrow",
    ],
)
def test_other_texts_name_none(text: str) -> None:
    assert past_days(text, TODAY, UTC_CALENDAR) is None


def test_a_relative_expression_is_taken_out_of_the_text() -> None:
    found = past_days("What did Clara say last week about rent?", TODAY, UTC_CALENDAR)
    assert found is not None
    assert found.rest.split() == ["what", "did", "clara", "say", "about", "rent?"]
    dated = past_days("The plan for May 5th?", TODAY, UTC_CALENDAR)
    assert dated is not None
    assert dated.rest == "The plan for May 5th?"


def test_weeks_begin_on_the_persons_first_day() -> None:
    found = past_days("last week", TODAY, Calendar(zone_named("America/New_York"), 6))
    assert found is not None
    assert (found.since, found.until) == (date(2026, 6, 7), date(2026, 6, 14))


@given(st.text(), st.dates())
def test_any_text_is_read(text: str, today: date) -> None:
    found = past_days(f"{text} 999 years ago, last month, in May 0001 {text}", today, UTC_CALENDAR)
    assert found is None or found.since < found.until
