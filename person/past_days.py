"""Past days in words: `last week`, `gestern`, `il y a trois jours`, `en mayo`, `先月`, `هذا الصباح`. Pure.

For English, German, French, Spanish, Japanese and Arabic. A range of days that is not over begins in the past.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from re import Match, Pattern
from typing import Final, NamedTuple

from person import past_words as words
from person.calendar import Calendar


@dataclass(frozen=True, slots=True)
class PastDays:
    """From the day `since` on, until before the day `until`. `rest` is the text without a relative expression.

    `hours`: only this part of the days, from and until hours after the beginning of `since`. `others` is the beginning
    of the text without the expression, casefolded and without accents. `certain`: the text is about the past ("last
    week", "What did I say today?"). Otherwise it may be about a time to come ("in May").
    """

    since: date
    until: date
    rest: str
    others: str
    certain: bool
    hours: tuple[int, int] | None = None


_DAY: Final = timedelta(days=1)
_LONGEST: Final = 2_000
_SATURDAY: Final = 5
_HOURS: Final = 24


def past_days(text: str, today: date, calendar: Calendar) -> PastDays | None:
    """The past days that `text` names, seen from `today`; None if it names none.

    "Today", "this week", "on Monday" and the like name past days only in a text in the past tense: "What are my tasks
    for today?" is about tasks.
    """
    plain = words.plain(text[:_LONGEST])
    place = words.times_in(plain)
    if place is None:
        return None
    found = _first(_READERS, plain, place, text, today, calendar)
    if found is None and words.PAST_TENSE.search(plain):
        found = _first(_PRESENT_READERS, plain, place, text, today, calendar)
    return found


class _Reader(NamedTuple):
    """Patterns of an expression, and the days that a match means.

    `relative`: its words are not searched for. `part`: the part of the day that it names.
    """

    patterns: Sequence[Pattern[str]]
    read: Callable[[Match[str], date, Calendar], tuple[date, date]]
    relative: bool = True
    part: str | None = None


def _first(
    readers: Sequence[_Reader], plain: str, place: tuple[int, int], text: str, today: date, calendar: Calendar
) -> PastDays | None:
    for reader in readers:
        for pattern in reader.patterns:
            for match in pattern.finditer(plain, *place):
                with suppress(OverflowError, ValueError):
                    since, until = reader.read(match, today, calendar)
                    if since <= today:
                        return _named(reader, match, since, until, text, today)
    return None


def _named(reader: _Reader, match: Match[str], since: date, until: date, text: str, today: date) -> PastDays:
    plain, start, end = match.string, match.start(), match.end()
    part = reader.part or _group(match, "part")
    if part is None and until - since == _DAY:
        if after := words.PART_AFTER.match(plain, end):
            part, end = after["part"], after.end()
        elif before := words.PART_BEFORE.search(plain, 0, start):
            part, start = before["part"], before.start()
    hours = words.PARTS[part] if part is not None else None
    if before := words.SINCE.search(plain, 0, start):
        start = before.start()
    if before or words.SINCE_WITHIN.match(match.group()) or words.SINCE_AFTER.match(plain, end):
        until, hours = today + _DAY, None
    if hours is not None and hours[1] > _HOURS:
        if since == today:
            # "Cette nuit" may be the night that ends today or the one that begins today.
            since, hours = today - _DAY, (hours[0], 2 * _HOURS)
        until = since + 2 * _DAY
    others = f"{plain[:start]} {plain[end:]}".strip()
    rest = others if reader.relative else text.strip()
    return PastDays(since, min(until, today + _DAY), rest, others, reader in _PRESENT_READERS or reader.relative, hours)


def _group(match: Match[str], name: str) -> str | None:
    """The group of this name, or of one of its further names: a pattern has each name once."""
    found = match.groupdict()
    return next((found[one] for one in (name, f"{name}_2", f"{name}_3") if found.get(one)), None)


# ---- what the expressions mean: from a day on, until before a day ----------------------------------------------------


def _one_day(match: Match[str], today: date, _: Calendar) -> tuple[date, date]:
    if match["day"] == "hier" and words.HERE.search(match.string):
        raise ValueError("this is no day")
    day = today + words.ONE_DAY[match["day"]] * _DAY
    return day, day + _DAY


def _last_night(_: Match[str], today: date, __: Calendar) -> tuple[date, date]:
    return today - _DAY, today


def _ago(match: Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    two = _group(match, "two")
    unit = words.TWO_UNITS[two] if two else words.UNITS[match["unit"]]
    count = 2 if two else _number(_group(match, "count") or "1")
    match unit:
        case "day":
            day = today - count * _DAY
            return day, day + _DAY
        case "week":
            # "Two weeks ago" is rarely meant to the day.
            day = today - 7 * count * _DAY
            return day - 3 * _DAY, day + 4 * _DAY
        case _:
            return _unit_before(unit, count, today, calendar)


def _number(count: str) -> int:
    return int(count) if count.isdecimal() else words.NUMBERS[count]


def _few_ago(match: Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    unit = words.UNITS[match["unit"]]
    if unit in {"day", "week"}:
        days = 1 if unit == "day" else 7
        return today - 7 * days * _DAY, today - days * _DAY
    return _unit_before(unit, 7, today, calendar)[0], _unit_before(unit, 2, today, calendar)[1]


def _within(match: Match[str], today: date, _: Calendar) -> tuple[date, date]:
    days = {"day": 1, "week": 7, "month": 31, "year": 366}[words.UNITS[match["unit"]]]
    return today - days * _number(_group(match, "count") or "1") * _DAY, today + _DAY


def _last_unit(match: Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    return _unit_before(words.UNITS[match["unit"]], 1, today, calendar)


def _named_unit(match: Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    return _unit_before(words.NAMED_UNITS[match["named"]], 1, today, calendar)


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


def _last_weekend(_: Match[str], today: date, __: Calendar) -> tuple[date, date]:
    saturday = today - ((today.weekday() - _SATURDAY) % 7) * _DAY
    if today - saturday < 2 * _DAY:
        saturday -= 7 * _DAY
    return saturday, saturday + 2 * _DAY


def _weekend(_: Match[str], today: date, __: Calendar) -> tuple[date, date]:
    saturday = today - ((today.weekday() - _SATURDAY) % 7) * _DAY
    return saturday, saturday + 2 * _DAY


def _last_weekday(match: Match[str], today: date, _: Calendar) -> tuple[date, date]:
    day = today - ((today.weekday() - words.WEEKDAYS[match["weekday"]] - 1) % 7 + 1) * _DAY
    return day, day + _DAY


def _weekday_of_last_week(match: Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    first = calendar.week_of(today) - 7 * _DAY
    day = first + (words.WEEKDAYS[match["weekday"]] - first.weekday()) % 7 * _DAY
    return day, day + _DAY


def _weekday(match: Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    plain = match.string
    if words.OTHER_BEFORE.search(plain, 0, match.start()) or words.OTHER_AFTER.match(plain, match.end()):
        raise ValueError("this is every week, or a day to come")
    _check_no_topic(match)
    return _last_weekday(match, today, calendar)


def _month_number(match: Match[str]) -> int:
    number = _group(match, "number")
    return int(number) if number else words.MONTHS[match["month"]]


def _on_day(match: Match[str], today: date, _: Calendar) -> tuple[date, date]:
    month, mday = _month_number(match), int(match["mday"])
    if match["year"]:
        day = date(int(match["year"]), month, mday)
    else:
        day = date(today.year, month, mday)
        day = day if day <= today else date(today.year - 1, month, mday)
    return day, day + _DAY


def _in_month(match: Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    month = _month_number(match)
    year = int(match["year"]) if match["year"] else today.year - (month > today.month)
    first = date(year, month, 1)
    return first, calendar.next_month(first)


def _in_year(match: Match[str], _: date, __: Calendar) -> tuple[date, date]:
    year = int(match["year"])
    return date(year, 1, 1), date(year + 1, 1, 1)


def _bare_year(match: Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    _check_no_topic(match)
    return _in_year(match, today, calendar)


def _check_no_topic(match: Match[str]) -> None:
    """Raises ValueError if the match is what the text is about."""
    plain, bare = match.string, words.TIME_PREPOSITION.match(match.group()) is None
    if words.TOPIC_AFTER.match(plain, match.end()) or (bare and words.TOPIC_BEFORE.search(plain, 0, match.start())):
        raise ValueError("this is the topic, not a time")


def _today(_: Match[str], today: date, __: Calendar) -> tuple[date, date]:
    return today, today + _DAY


def _earlier(_: Match[str], today: date, __: Calendar) -> tuple[date, date]:
    # Shortly after midnight, "earlier" may be yesterday.
    return today - _DAY, today + _DAY


def _this_unit(match: Match[str], today: date, calendar: Calendar) -> tuple[date, date]:
    named = match.groupdict().get("named")
    unit = words.NAMED_PRESENT[named] if named else words.UNITS[_group(match, "unit") or ""]
    first = {"week": calendar.week_of(today), "month": today.replace(day=1), "year": date(today.year, 1, 1)}[unit]
    return first, today + _DAY


# In this order: "three days ago" before "in May", a day before its month.
_READERS: Final = (
    _Reader(words.ONE, _one_day),
    _Reader(words.LAST_NIGHT, _last_night, part="night"),
    _Reader(words.AGO, _ago),
    _Reader(words.FEW_AGO, _few_ago),
    _Reader(words.WITHIN, _within),
    _Reader(words.LAST_WEEKDAY, _last_weekday),
    _Reader(words.WEEKDAY_OF_LAST_WEEK, _weekday_of_last_week),
    _Reader(words.LAST_WEEKEND, _last_weekend),
    _Reader(words.UNIT_BEFORE, _last_unit),
    _Reader(words.NAMED, _named_unit),
    _Reader(words.ON_DAY, _on_day, relative=False),
    _Reader(words.IN_MONTH, _in_month, relative=False),
    _Reader(words.IN_YEAR, _in_year, relative=False),
)
_PRESENT_READERS: Final = (
    _Reader(words.TODAY, _today),
    _Reader(words.EARLIER, _earlier),
    _Reader(words.THIS_UNIT, _this_unit),
    _Reader(words.WEEKEND, _weekend),
    _Reader(words.WEEKDAY, _weekday, relative=False),
    _Reader(words.BARE_YEAR, _bare_year, relative=False),
)
