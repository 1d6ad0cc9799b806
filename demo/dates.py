"""Finds days and spans of days in a sentence. Days, weeks and months are those of the person's calendar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from person import UTC_CALENDAR, Calendar

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = re.compile(
    r"\b(?:(?:that is |that's )?due |by |on |for |until |till |before |to |at )?(?:the )?(?:"
    r"(?P<iso>\d{4}-\d{2}-\d{2})|(?P<today>today|tonight)|(?P<tomorrow>tomorrow)|(?P<next_week>next week)"
    r"|in (?P<count>\d{1,3}|a|one|two|three) (?P<unit>day|week|month)s?"
    rf"|end of (?:the )?(?P<end>week|month)|(?P<next>next |this )?(?P<weekday>{'|'.join(_WEEKDAYS)}))\b",
    re.IGNORECASE,
)
_NEXT_DAYS = re.compile(r"\bnext (\d{1,3}) days\b", re.IGNORECASE)
_NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3}
_UNIT_DAYS = {"day": 1, "week": 7, "month": 30}
DATE_FIELD: Mapping[str, str] = {"task": "dueDate", "checkpoint": "date", "note": "createdAt"}
"""The field of each entity that holds its day."""


@dataclass(frozen=True, slots=True)
class Span:
    """The days from `first` to the day before `end`; the span `overdue` has no first day."""

    name: str
    first: date | None
    end: date

    def covers(self, day: date | None) -> bool:
        return day is not None and (self.first is None or day >= self.first) and day < self.end


def find_day(text: str, today: date, calendar: Calendar = UTC_CALENDAR) -> tuple[date, str] | None:
    """The last day named in `text`, and the words that name it (with "by", "due", ...); None if there is none."""
    found = None
    for match in _DAY.finditer(text):
        if (day := _day(match, today, calendar)) is not None:
            found = day, match[0]
    return found


def missing_day(text: str) -> str | None:
    """The last date in `text` that the calendar does not have, such as 2026-02-30; None if there is none."""
    found = None
    for match in _DAY.finditer(text):
        if match["iso"] and _day(match, date.min, UTC_CALENDAR) is None:
            found = match["iso"]
    return found


def find_span(text: str, today: date, calendar: Calendar = UTC_CALENDAR) -> Span | None:
    """The span of days that `text` asks about, or None."""
    lowered = text.lower()
    week = calendar.week_of(today)
    if match := _NEXT_DAYS.search(lowered):
        return Span(f"the next {match[1]} days", today, today + timedelta(days=int(match[1])))
    spans = (
        (("overdue", "late", "past due"), Span("overdue", None, today)),
        (("today", "tonight", "right now"), Span("today", today, today + timedelta(days=1))),
        (("tomorrow",), Span("tomorrow", today + timedelta(days=1), today + timedelta(days=2))),
        (("next week",), Span("next week", week + timedelta(days=7), week + timedelta(days=14))),
        (("week",), Span("this week", week, week + timedelta(days=7))),
        (("month",), Span("this month", calendar.month_of(today), calendar.next_month(today))),
    )
    for phrases, span in spans:
        if any(re.search(rf"\b{phrase}\b", lowered) for phrase in phrases):
            return span
    if (words := span_words(text, today, calendar)) is not None and (found := find_day(text, today, calendar)):
        return Span(re.sub(r"^(?:due |on |for |at )+", "", words), found[0], found[0] + timedelta(days=1))
    if "should i do" in lowered:
        return Span("today", today, today + timedelta(days=1))
    return None


def span_words(text: str, today: date, calendar: Calendar = UTC_CALENDAR) -> str | None:
    """The words of `text` that name one day, such as "on Monday"; None for "before Monday", which is not a day."""
    found = find_day(text, today, calendar)
    if found is None or re.match(r"(?:by|until|till|before|to)\b", found[1].strip(), re.IGNORECASE):
        return None
    return found[1].strip()


def with_days(data: Any, calendar: Calendar) -> Any:
    """A tool's result with the dates of its items as days (`2026-03-09`): the local days of instants."""
    if not isinstance(data, Mapping):
        return data
    items = data.get("items")
    if isinstance(items, list):
        return {**data, "items": [_item_with_days(item, calendar) for item in items]}
    return _item_with_days(data, calendar)


def day_of(value: object) -> date | None:
    """The day that `with_days` wrote; None for anything else."""
    when = UTC_CALENDAR.read(value) if isinstance(value, str) else None
    return when if isinstance(when, date) else None


def _item_with_days(item: Any, calendar: Calendar) -> Any:
    if not isinstance(item, Mapping):
        return item
    dates = {name: when for name in DATE_FIELD.values() if (when := calendar.read(item.get(name))) is not None}
    return {**item, **{name: calendar.day_of(when).isoformat() for name, when in dates.items()}}


def _day(match: re.Match[str], today: date, calendar: Calendar) -> date | None:
    if match["iso"]:
        try:
            return date.fromisoformat(match["iso"])
        except ValueError:
            return None
    if match["tomorrow"]:
        return today + timedelta(days=1)
    if match["next_week"]:
        return calendar.week_of(today) + timedelta(days=7)
    if match["count"]:
        count = _NUMBERS.get(match["count"].lower()) or int(match["count"])
        return today + timedelta(days=count * _UNIT_DAYS[match["unit"].lower()])
    if match["end"]:
        if match["end"].lower() == "week":
            return calendar.week_of(today) + timedelta(days=6)
        return calendar.next_month(today) - timedelta(days=1)
    if match["weekday"]:
        return today + timedelta(days=(_WEEKDAYS.index(match["weekday"].lower()) - today.weekday() - 1) % 7 + 1)
    return today
