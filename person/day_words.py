"""Days in words: `today`, `tomorrow`, `next tuesday`, `+3d`, in English and in the words of some other languages. Pure.

A weekday means its next occurrence after today, with or without "next": a model repeats the person's words, and a tool
answers with the day, so both see which one was meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from person.calendar import Calendar
from person.weeks import WEEKDAYS

_DAYS: Final[Mapping[str, int]] = {
    word: offset
    for offset, words in (
        (-1, "yesterday gestern hier ayer 昨日"),
        (0, "today tonight now heute aujourd'hui hoy oggi hoje 今日 اليوم"),
        (1, "tomorrow morgen demain mañana domani amanhã 明日 غدا غدًا"),
        (2, "übermorgen après-demain pasado-mañana 明後日"),
    )
    for word in words.split()
} | {"day after tomorrow": 2, "day before yesterday": -2, "pasado mañana": 2}

_NAMES: Final[Mapping[str, int]] = {
    name: number
    for names in (
        WEEKDAYS,
        [name[:3] for name in WEEKDAYS],
        ("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"),
        ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
        ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
        ("月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日", "日曜日"),
    )
    for number, name in enumerate(names)
}
_UNITS: Final[Mapping[str, str]] = {
    "d": "day", "day": "day", "days": "day", "w": "week", "week": "week", "weeks": "week",
    "m": "month", "month": "month", "months": "month", "y": "year", "year": "year", "years": "year",
}  # fmt: skip
_NUMBERS: Final[Mapping[str, int]] = {
    word: number
    for number, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())  # noqa: SIM905
} | {"a": 1, "an": 1}
_BEFORE: Final = re.compile(r"(?:(?:due|by|on|for|until|till|the|at|am|le|el) )+")
_SHIFT: Final = re.compile(r"(?:(?P<sign>[+-]) ?|in )(?P<count>\d{1,4}|[a-z]+) ?(?P<unit>[a-z]+)")
_AGO: Final = re.compile(r"(?P<count>\d{1,4}|[a-z]+) (?P<unit>[a-z]+) ago")
_NEXT: Final = re.compile(
    r"(?:next|this|coming|nächsten?|nächste[rs]?|kommenden?|diesen|próximo|prochain) (?P<day>\S+)"
)
_NEXT_AFTER: Final = re.compile(r"(?P<day>\S+) (?:prochain|próximo|que viene)")
_END: Final = re.compile(r"end of (?:the |this )?(?P<next>next )?(?P<unit>week|month)")
_LONGEST: Final = 60


def day_in_words(text: str, today: date, calendar: Calendar) -> date | None:
    """The day that `text` names, seen from `today`; None if it names none, or one outside the years 1 to 9999.

    `next week` is the first day of the person's next week, `end of week` the last day of this one.
    """
    if len(text) > _LONGEST:
        return None
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".!")
    plain = _BEFORE.sub("", plain, count=1) if _BEFORE.match(plain) else plain
    try:
        return _day(plain, today, calendar)
    except (OverflowError, ValueError):
        return None


def _day(plain: str, today: date, calendar: Calendar) -> date | None:
    if plain in _DAYS:
        return today + timedelta(days=_DAYS[plain])
    if plain in _NAMES:
        return _weekday(_NAMES[plain], today)
    if match := _SHIFT.fullmatch(plain):
        return _shifted(today, -1 if match["sign"] == "-" else 1, match["count"], match["unit"])
    if match := _AGO.fullmatch(plain):
        return _shifted(today, -1, match["count"], match["unit"])
    if match := _END.fullmatch(plain):
        return _end_of(match["unit"], today, calendar, later=match["next"] is not None)
    if match := _NEXT.fullmatch(plain) or _NEXT_AFTER.fullmatch(plain):
        return _next(match["day"], plain, today, calendar)
    return None


def _next(word: str, plain: str, today: date, calendar: Calendar) -> date | None:
    if word in _NAMES:
        return _weekday(_NAMES[word], today)
    if plain == "next week":
        return calendar.week_of(today) + timedelta(days=7)
    if plain == "next month":
        return calendar.next_month(today)
    return None


def _weekday(number: int, today: date) -> date:
    return today + timedelta(days=(number - today.weekday() - 1) % 7 + 1)


def _end_of(unit: str, today: date, calendar: Calendar, *, later: bool) -> date:
    if unit == "week":
        return calendar.week_of(today) + timedelta(days=13 if later else 6)
    first = calendar.next_month(today)
    return (calendar.next_month(first) if later else first) - timedelta(days=1)


def _shifted(today: date, sign: int, count: str, unit: str) -> date | None:
    number = int(count) if count.isdigit() else _NUMBERS.get(count)
    if number is None or unit not in _UNITS:
        return None
    number *= sign
    match _UNITS[unit]:
        case "day":
            return today + timedelta(days=number)
        case "week":
            return today + timedelta(weeks=number)
        case "year":
            number *= 12
    months = today.year * 12 + today.month - 1 + number
    year, month = divmod(months, 12)
    first = date(year, month + 1, 1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(today.day, last.day))
