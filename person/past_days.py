"""Past days in words: `last week`, `gestern`, `il y a trois jours`, `en mayo`, `先月`. Pure.

For English, German, French, Spanish, Japanese and Arabic. A range of days that is not over begins in the past.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from person.calendar import Calendar


@dataclass(frozen=True, slots=True)
class PastDays:
    """From the day `since` on, until before the day `until`. `rest` is the text without a relative expression.

    `others` is the beginning of the text without the expression, casefolded and without accents. `certain`: the
    expression is about the past ("last week"). Otherwise it may be about a time to come ("in May").
    """

    since: date
    until: date
    rest: str
    others: str
    certain: bool


_DAY: Final = timedelta(days=1)
_ARABIC: Final = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ة": "ه"})
_ONE_DAY: Final[Mapping[str, int]] = {
    word.translate(_ARABIC): -offset
    for offset, words in (
        (2, "day before yesterday|vorgestern|avant-hier|anteayer|antes de ayer|一昨日|おととい|أول أمس"),
        (1, "yesterday|gestern|hier|ayer|昨日|أمس"),
    )
    for word in words.split("|")
}
_MONTH_NAMES: Final = (
    "january januar janner janvier enero يناير", "february februar fevrier febrero فبراير",
    "march marz mars marzo مارس", "april avril abril ابريل", "may mai mayo مايو", "june juni juin junio يونيو",
    "july juli juillet julio يوليو", "august aout agosto اغسطس", "september septembre septiembre سبتمبر",
    "october oktober octobre octubre اكتوبر", "november novembre noviembre نوفمبر",
    "december dezember decembre diciembre ديسمبر",
)  # fmt: skip
_MONTHS: Final[Mapping[str, int]] = {
    name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()
}
_WEEKDAY_NAMES: Final = (
    "monday montag lundi lunes 月曜日", "tuesday dienstag mardi martes 火曜日",
    "wednesday mittwoch mercredi miercoles 水曜日", "thursday donnerstag jeudi jueves 木曜日",
    "friday freitag vendredi viernes 金曜日", "saturday samstag samedi sabado 土曜日",
    "sunday sonntag dimanche domingo 日曜日",
)  # fmt: skip
_WEEKDAYS: Final[Mapping[str, int]] = {
    name: number for number, names in enumerate(_WEEKDAY_NAMES) for name in names.split()
}
_UNITS: Final[Mapping[str, str]] = {
    name: unit
    for unit, names in (
        ("day", "day days tag tage tagen jour jours dia dias 日"),
        ("week", "week weeks woche wochen semaine semaines semana semanas 週間"),
        ("month", "month months monat monate monaten mois mes meses か月 ヶ月 カ月"),
        ("year", "year years jahr jahre jahren an ans annee annees ano anos 年"),
    )
    for name in names.split()
}
_NUMBERS: Final[Mapping[str, int]] = {
    name: number
    for number, names in enumerate(
        (
            "a an one ein eine einem einen einer un une una", "two zwei deux dos", "three drei trois tres",
            "four vier quatre cuatro", "five funf cinq cinco", "six sechs seis", "seven sieben sept siete",
            "eight acht huit ocho", "nine neun neuf nueve", "ten zehn dix diez",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip


def _any(names: Mapping[str, object]) -> str:
    return "(?:" + "|".join(sorted(map(re.escape, names), key=len, reverse=True)) + ")"


_COUNT: Final = r"(?P<count>\d{1,3}|" + _any(_NUMBERS) + ")"
_UNIT: Final = f"(?P<unit>{_any(_UNITS)})"
_MONTH: Final = f"(?P<month>{_any(_MONTHS)})"
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
_WEEKDAY: Final = f"(?P<weekday>{_any(_WEEKDAYS)})"
_LAST: Final = r"(?:last|letzte[nrsm]?|vergangene[nrsm]?|vorige[nrsm]?)"
_LAST_AFTER: Final = r"(?:derniere?|passee?|pasad[oa])"


def _patterns(*patterns: str) -> list[re.Pattern[str]]:
    # Japanese has no spaces between words, and no word boundary.
    return [re.compile(rf"(?<![a-z0-9\u0620-\u064a]){pattern}(?![a-z0-9\u0620-\u064a])") for pattern in patterns]


_ONE: Final = _patterns(f"(?:the )?(?P<day>{_any(_ONE_DAY)})")
# In German, "hier" means "here".
_HERE: Final = re.compile(r"\b(?:ist|sind|der|die|das|ein|eine|und|ich|wir|was|wo|wer|wie|gibt|nicht|bin)\b")
_AGO: Final = [
    *_patterns(f"{_COUNT} {_UNIT} ago", *(f"{before} {_COUNT} {_UNIT}" for before in ("vor", "il y a", "hace"))),
    re.compile(r"(?P<count>\d{1,3}) ?(?P<unit>日|週間|か月|ヶ月|カ月|年)前"),
]
_WITHIN: Final = _patterns(
    f"(?:in |over |during )?(?:the )?(?:last|past) {_COUNT} {_UNIT}",
    rf"(?:in )?(?:den |die )?(?:letzten|vergangenen) {_COUNT} {_UNIT}",
    f"(?:les |ces )?{_COUNT} derni?er[e]?s {_UNIT}",
    f"(?:en )?(?:los |las )?ultim[oa]s {_COUNT} {_UNIT}",
)
_UNIT_BEFORE: Final = _patterns(
    f"{_LAST} {_UNIT}", rf"(?:la |le |l')?(?P<unit>semaine|mois|annee|an) {_LAST_AFTER}",
    rf"(?:la |el )?(?P<unit>semana|mes|ano) {_LAST_AFTER}",
)  # fmt: skip
_NAMED_UNITS: Final[Mapping[str, str]] = {
    "先週": "week", "先月": "month", "去年": "year", "昨年": "year", "الاسبوع الماضي": "week", "الشهر الماضي": "month",
    "العام الماضي": "year", "السنه الماضيه": "year",
}  # fmt: skip
_NAMED: Final = re.compile(f"(?P<named>{_any(_NAMED_UNITS)})(?!の.曜日)")
_LAST_WEEKDAY: Final = [
    *_patterns(f"(?:on )?(?:{_LAST} ){_WEEKDAY}", f"(?:el )?{_WEEKDAY} {_LAST_AFTER}"),
    re.compile(f"先週の{_WEEKDAY}"),
]
_ON_DAY: Final = [
    *_patterns(
        r"(?P<year>(?:19|20)\d\d)-(?P<number>1[0-2]|0?[1-9])-(?P<mday>3[01]|[12]\d|0?[1-9])",
        rf"(?P<mday>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th|\.|er)? (?:of |de )?{_MONTH}(?:,? (?:de )?{_YEAR})?",
        rf"{_MONTH} (?P<mday>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?:,? {_YEAR})?(?!:)",
    ),
    re.compile(rf"(?:{_YEAR}年)?(?P<number>1[0-2]|[1-9])月(?P<mday>3[01]|[12]\d|[1-9])日"),
]
_IN_MONTH: Final = [
    *_patterns(
        rf"(?:in|im|en|during|last|since|letzten|seit|depuis|desde|في)(?: el)? {_MONTH}(?:,? (?:de )?{_YEAR})?",
        rf"{_MONTH},? (?:de )?{_YEAR}",
    ),
    re.compile(rf"(?:{_YEAR}年)?(?P<number>1[0-2]|[1-9])月(?:に|の|は)"),
]
_LONGEST: Final = 2_000


def past_days(text: str, today: date, calendar: Calendar) -> PastDays | None:
    """The past days that `text` names first, seen from `today`; None if it names none."""
    plain = unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", "".join(map(_unaccented, plain))).translate(_ARABIC)
    plain = " ".join(plain.replace("\u2019", "'").split())
    for patterns, read, relative in _READERS:
        for pattern in patterns:
            match = pattern.search(plain)
            if match is None:
                continue
            try:
                since, until = read(match, today, calendar)
            except (OverflowError, ValueError):
                continue
            if since <= today:
                others = f"{plain[: match.start()]} {plain[match.end() :]}".strip()
                return PastDays(since, min(until, today + _DAY), others if relative else text.strip(), others, relative)
    return None


def _unaccented(character: str) -> str:
    """Latin letters without accents. The accents of Japanese letters are part of them."""
    base = unicodedata.normalize("NFD", character)
    return base[0] if "a" <= base[0] <= "z" else character


def _one_day(match: re.Match[str], today: date, _: Calendar) -> tuple[date, date]:
    if match["day"] == "hier" and _HERE.search(match.string):
        raise ValueError("this is no day")
    day = today + _ONE_DAY[match["day"]] * _DAY
    return day, day + _DAY


def _number(match: re.Match[str]) -> int:
    return int(match["count"]) if match["count"].isdecimal() else _NUMBERS[match["count"]]


def _ago(match: re.Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    count = _number(match)
    match _UNITS[match["unit"]]:
        case "day":
            day = today - count * _DAY
            return day, day + _DAY
        case "week":
            # "Two weeks ago" is rarely meant to the day.
            day = today - 7 * count * _DAY
            return day - 3 * _DAY, day + 4 * _DAY
        case unit:
            return _unit_before(unit, count, today, calendar)


def _within(match: re.Match[str], today: date, _: Calendar) -> tuple[date, date]:
    days = {"day": 1, "week": 7, "month": 31, "year": 366}[_UNITS[match["unit"]]]
    return today - days * _number(match) * _DAY, today + _DAY


def _last_unit(match: re.Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    return _unit_before(_UNITS[match["unit"]], 1, today, calendar)


def _named_unit(match: re.Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    return _unit_before(_NAMED_UNITS[match["named"]], 1, today, calendar)


def _unit_before(unit: str, count: int, today: date, calendar: Calendar) -> tuple[date, date]:
    match unit:
        case "day":
            return today - count * _DAY, today - (count - 1) * _DAY
        case "week":
            until = calendar.week_of(today) - 7 * (count - 1) * _DAY
            return until - 7 * _DAY, until
        case "month":
            first = _months_before(today, count)
            return first, calendar.next_month(first)
        case _:
            return date(today.year - count, 1, 1), date(today.year - count + 1, 1, 1)


def _months_before(today: date, count: int) -> date:
    year, month = divmod(today.year * 12 + today.month - 1 - count, 12)
    return date(year, month + 1, 1)


def _last_weekday(match: re.Match[str], today: date, _: Calendar) -> tuple[date, date]:
    day = today - ((today.weekday() - _WEEKDAYS[match["weekday"]] - 1) % 7 + 1) * _DAY
    return day, day + _DAY


def _month_number(match: re.Match[str]) -> int:
    found = match.groupdict()
    return int(found["number"]) if found.get("number") else _MONTHS[found["month"]]


def _on_day(match: re.Match[str], today: date, _: Calendar) -> tuple[date, date]:
    month, mday = _month_number(match), int(match["mday"])
    if match["year"]:
        day = date(int(match["year"]), month, mday)
    else:
        day = date(today.year, month, mday)
        day = day if day <= today else date(today.year - 1, month, mday)
    return day, day + _DAY


def _in_month(match: re.Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    month = _month_number(match)
    year = int(match["year"]) if match["year"] else today.year - (month > today.month)
    first = date(year, month, 1)
    return first, calendar.next_month(first)


# In this order: "three days ago" before "in May", a day before its month.
_READERS: Final = (
    (_ONE, _one_day, True),
    (_AGO, _ago, True),
    (_WITHIN, _within, True),
    (_LAST_WEEKDAY, _last_weekday, True),
    (_UNIT_BEFORE, _last_unit, True),
    ([_NAMED], _named_unit, True),
    (_ON_DAY, _on_day, False),
    (_IN_MONTH, _in_month, False),
)
