"""Spans of days in words: `overdue`, `this week`, `next month`, `weekend`, in the words of six languages. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, Literal

from person.calendar import Calendar

Period = Literal[
    "overdue", "today", "week", "next week", "last week", "month", "next month", "last month", "weekend", "next weekend"
]
_WORDS: Final[Mapping[Period, str]] = {
    "overdue": r"over[- ]?due|past due|late|(?:ü|ue)berfällig\w*|verspätet\w*|en retard|(?:a|re)trasad[oa]s?"
    r"|vencid[oa]s?|متأخرة?|期限切れ|期限超過",
    "today": r"today|due today|heute(?: fällig)?|aujourd'hui|hoy|今日|本日|اليوم",
    "week": r"(?:(?:this|the|current) )?week|(?:diese|der|in dieser|dieser) woche|(?:cette|la) semaine"
    r"|esta semana|今週|هذا الأسبوع",
    "next week": r"(?:the )?(?:next|coming|following) week|(?:(?:in )?(?:der )?(?:nächste|kommende)n?) woche"
    r"|(?:la )?semaine prochaine|(?:la )?próxima semana|(?:la )?semana que viene|来週|الأسبوع (?:القادم|المقبل)",
    "last week": r"(?:the )?(?:last|past|previous) week|(?:(?:in )?(?:der )?(?:letzte|vorige)n?) woche"
    r"|(?:la )?semaine dernière|(?:la )?semana pasada|先週|الأسبوع الماضي",
    "month": r"(?:(?:this|the|current) )?month|(?:diesen|diesem|in diesem|dieser) monat|(?:ce|le) mois|este mes"
    r"|今月|هذا الشهر",
    "next month": r"(?:the )?(?:next|coming|following) month|(?:nächste[nrsm]?|kommende[nrsm]?) monat"
    r"|(?:le )?mois prochain|(?:el )?(?:próximo mes|mes próximo|mes que viene)|来月|الشهر (?:القادم|المقبل)",
    "last month": r"(?:the )?(?:last|past|previous) month|(?:letzte[nrsm]?|vorige[nrsm]?) monat"
    r"|(?:le )?mois dernier|(?:el )?mes pasado|先月|الشهر الماضي",
    "weekend": r"(?:(?:this|the) )?week[- ]?end|(?:(?:dieses|das|am) )?wochenende|(?:(?:ce|le) )week[- ]?end"
    r"|(?:(?:este|el) )?fin de semana|(?:今)?週末",
    "next weekend": r"next week[- ]?end|nächstes wochenende|(?:le )?week[- ]?end prochain"
    r"|(?:el )?próximo fin de semana|来週末",
}
_PERIODS: Final[Mapping[Period, re.Pattern[str]]] = {name: re.compile(words) for name, words in _WORDS.items()}
_NEXT_DAYS: Final = re.compile(r"(?:(?:in|within|over) )?(?:the )?(?:next|coming) (?P<count>\d{1,3}) days?")
_SATURDAY: Final = 5
_LONGEST: Final = 60


def period_in_words(text: str) -> Period | None:
    """The period that `text` names; None if it names none."""
    plain = _plain(text)
    return next((name for name, words in _PERIODS.items() if words.fullmatch(plain)), None)


def days_in_words(text: str, today: date, calendar: Calendar) -> tuple[date, date] | None:
    """The first and the last day of the span that `text` names, seen from `today`; None if it names none.

    `overdue` and single days are none. `next 7 days` is today and the seven days after it.
    """
    if match := _NEXT_DAYS.fullmatch(_plain(text)):
        return today, today + timedelta(days=int(match["count"]))
    week, month = calendar.week_of(today), calendar.month_of(today)
    days = timedelta(days=6)
    match period_in_words(text):
        case "week":
            return week, week + days
        case "next week":
            return week + timedelta(days=7), week + timedelta(days=7) + days
        case "last week":
            return week - timedelta(days=7), week - timedelta(days=1)
        case "month":
            return month, calendar.next_month(month) - timedelta(days=1)
        case "next month":
            first = calendar.next_month(month)
            return first, calendar.next_month(first) - timedelta(days=1)
        case "last month":
            return calendar.month_of(month - timedelta(days=1)), month - timedelta(days=1)
        case "weekend" | "next weekend" as which:
            # On a Sunday, the weekend is the one that ends today.
            saturday = today + timedelta(days=_SATURDAY - today.weekday() + 7 * (which == "next weekend"))
            return saturday, saturday + timedelta(days=1)
    return None


def _plain(text: str) -> str:
    if len(text) > _LONGEST:
        return ""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return " ".join(folded.replace("_", " ").split()).strip(" .!?\"'")
