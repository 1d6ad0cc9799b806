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
TODAY_ONLY = ("2026-06-17", "2026-06-18")


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
        (THREE_DAYS_AGO, "three days ago|vor drei Tagen|il y a trois jours|hace 3 días|3日前|قبل ثلاثة أيام"),
        (
            ("2026-05-31", "2026-06-07"),
            "two weeks ago|vor zwei Wochen|il y a 2 semaines|hace dos semanas|2週間前|二週間前|قبل أسبوعين",
        ),
        (
            ("2026-06-10", "2026-06-16"),
            "a few days ago|vor ein paar Tagen|il y a quelques jours|hace unos días|数日前|قبل أيام",
        ),
        (("2026-06-10", "2026-06-18"), "in the past week|over the past 7 days"),
        (
            ("2026-06-13", "2026-06-15"),
            "last weekend|letztes Wochenende|le week-end dernier|el fin de semana pasado|先週末",
        ),
        (("2026-06-15", "2026-06-18"), "since last Monday|seit letztem Montag|depuis lundi dernier"),
        (("2026-05-01", "2026-06-18"), "since May|seit Mai|depuis mai|desde mayo"),
        (LAST_MONDAY, "on last Monday|letzten Montag|lundi dernier|el lunes pasado|この前の月曜日|الاثنين الماضي"),
        (("2026-06-08", "2026-06-09"), "先週の月曜日に何を"),
        (FIFTH_OF_MAY, "on May 5th|5. Mai|am 5. Mai 2026|le 5 mai|5 de mayo|2026-05-05|5月5日|2026年5月5日"),
        (("2026-06-14", "2026-06-18"), "in the last 3 days|die letzten drei Tage|les trois derniers jours"),
        (("2025-07-01", "2025-08-01"), "in July|im Juli|en juillet|en julio|7月に"),
        (("2024-03-01", "2024-04-01"), "in March 2024|im März 2024|mars 2024|marzo de 2024|2024年3月に"),
        (("2026-06-01", "2026-06-18"), "in June|im Juni"),
        (YEAR, "in 2025|im Jahr 2025|en 2025|2025年に|في عام 2025"),
    ],
)
def test_texts_name_past_days(days: tuple[str, str], texts: str) -> None:
    for text in texts.split("|"):
        found = past_days(text, TODAY, UTC_CALENDAR)
        assert found is not None, text
        assert (found.since.isoformat(), found.until.isoformat()) == days, text


@pytest.mark.parametrize(
    ("days", "hours", "texts"),
    [
        (
            TODAY_ONLY, None,
            ("What did I tell you today?|Was habe ich dir heute erzählt?|Qu'est-ce que je t'ai dit aujourd'hui ?"
            "|¿Qué te dije hoy?|今日は何を話しましたか|ماذا قلت لك اليوم؟|Recap today's chats"),
        ),
        (
            TODAY_ONLY, (0, 12),
            ("What did I say this morning?|Was habe ich heute Morgen gesagt?|De quoi avons-nous parlé ce matin ?"
            "|¿De qué hablamos esta mañana?|今朝何を話した？|عن ماذا تحدثنا هذا الصباح؟|ماذا قلت لك صباح اليوم؟"),
        ),
        (
            ("2026-06-15", "2026-06-18"), None,
            ("What did we discuss this week?|Was haben wir diese Woche besprochen?"
            "|De quoi avons-nous parlé cette semaine ?"
            "|¿De qué hablamos esta semana?|今週は何を話しましたか|عن ماذا تحدثنا هذا الأسبوع؟"
            "|What have I told you since Monday?"
            "|Was habe ich dir seit Montag erzählt?"),
        ),
        (
            ("2026-06-01", "2026-06-18"), None,
            ("Did I mention rent this month?|Was haben wir diesen Monat besprochen?|Qu'ai-je dit ce mois-ci ?"
            "|¿Qué dije este mes?"
            "|今月は何を話しましたか|ماذا قلت هذا الشهر؟"),
        ),
        (("2026-01-01", "2026-06-18"), None, "Did Bo call this year?|Was ist dieses Jahr passiert?|今年何を話した？"),
        (
            ("2026-06-16", "2026-06-18"), None,
            ("What did I say earlier?|What did I tell you an hour ago?|Was habe ich vorhin gesagt?"
            "|Qu'ai-je dit tout à l'heure ?"
            "|¿Qué te dije hace un rato?|さっき何を言いましたか|ماذا قلت لك قبل قليل؟"),
        ),
        (
            LAST_MONDAY, None,
            ("What did I say on Monday?|Was haben wir am Montag besprochen?|De quoi avons-nous parlé lundi ?"
            "|¿Qué te dije el lunes?|月曜日に何を話しましたか|عن ماذا تحدثنا يوم الاثنين؟"),
        ),
        (LAST_MONDAY, (17, 24), "Did Bo call on Monday evening?|Was war am Montagabend?|Qu'ai-je dit lundi soir ?"),
        (YESTERDAY, (17, 24), "yesterday evening|gestern Abend|hier soir|مساء أمس"),
        (
            ("2026-06-16", "2026-06-18"), (18, 30),
            "last night|letzte Nacht|la nuit dernière|anoche|昨夜|昨日の夜|ayer por la noche|ليلة أمس",
        ),
        (("2026-06-13", "2026-06-15"), None, "What did we do at the weekend?|Was haben wir am Wochenende gemacht?"),
        (YEAR, None, "Worüber haben wir 2025 gesprochen?"),
    ],
)  # fmt: skip
def test_texts_about_the_past_name_days_that_are_not_over(
    days: tuple[str, str], hours: tuple[int, int] | None, texts: str
) -> None:
    for text in texts.split("|"):
        found = past_days(text, TODAY, UTC_CALENDAR)
        assert found is not None, text
        assert (found.since.isoformat(), found.until.isoformat(), found.hours) == (*days, hours), text
        assert found.certain or days == YEAR, text


def test_on_a_monday_monday_is_the_one_before() -> None:
    found = past_days("What did I tell you on Monday?", date(2026, 6, 15), UTC_CALENDAR)
    assert found is not None
    assert found.since == date(2026, 6, 8)


@pytest.mark.parametrize(
    "text",
    [
        "What are my tasks for today?",
        "What's on Monday?",
        "Remind me on Monday to call Bo",
        "Do I have anything this week?",
        "Book a table for today",
        "Plan my week",
        "Every Monday I swim, did I say that?",
        "Did you plan something for next Monday?",
        "I met an earlier client",
        "What did I say about Monday?",
        "What did I tell you about the Monday meeting?",
        "What did I say about 2025?",
        "Was habe ich über Montag gesagt?",
        "Was habe ich über 2025 gesagt?",
        "¿Qué dije sobre el lunes?",
        "月曜日について何を言った？",
        "Was steht heute an?",
        "Was habe ich heute für Termine?",
        "Welche Aufgaben sind diese Woche fällig?",
        "Est-ce que j'ai une réunion aujourd'hui ?",
        "Qu'est-ce que j'ai cette semaine ?",
        "¿Qué tengo hoy?",
        "今日の予定は?",
        "今日何をしたらいい？",
        "ما هي مهامي اليوم؟",
        "هل لدينا اجتماع اليوم؟",
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
    for named in ("999 years ago, last month, in May 0001", "what did I say tonight, on Sunday", "数日前 昨日の夜"):
        found = past_days(f"{text} {named} {text}", today, UTC_CALENDAR)
        assert found is None or found.since < found.until
