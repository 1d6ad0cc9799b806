"""Finds days and spans of days in a sentence. All days are UTC days, as in the prompts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import isfinite

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


@dataclass(frozen=True, slots=True)
class Span:
    """The days from `first` to the day before `end`; the span `overdue` has no first day."""

    name: str
    first: date | None
    end: date

    def covers(self, day: date | None) -> bool:
        return day is not None and (self.first is None or day >= self.first) and day < self.end


def find_day(text: str, today: date) -> tuple[date, str] | None:
    """The last day named in `text`, and the words that name it (with "by", "due", ...); None if there is none."""
    found = None
    for match in _DAY.finditer(text):
        if (day := _day(match, today)) is not None:
            found = day, match[0]
    return found


def find_span(text: str, today: date) -> Span | None:
    """The span of days that `text` asks about, or None."""
    lowered = text.lower()
    monday = today - timedelta(days=today.weekday())
    if match := _NEXT_DAYS.search(lowered):
        return Span(f"the next {match[1]} days", today, today + timedelta(days=int(match[1])))
    month = today.replace(day=1)
    spans = (
        (("overdue", "late", "past due"), Span("overdue", None, today)),
        (("today", "tonight", "right now", "should i do"), Span("today", today, today + timedelta(days=1))),
        (("tomorrow",), Span("tomorrow", today + timedelta(days=1), today + timedelta(days=2))),
        (("next week",), Span("next week", monday + timedelta(days=7), monday + timedelta(days=14))),
        (("week",), Span("this week", monday, monday + timedelta(days=7))),
        (("month",), Span("this month", month, (month + timedelta(days=32)).replace(day=1))),
    )
    for phrases, span in spans:
        if any(re.search(rf"\b{phrase}\b", lowered) for phrase in phrases):
            return span
    return None


def day_of(value: object) -> date | None:
    """The UTC day of epoch milliseconds or of an ISO 8601 string; None for anything else."""
    moment = moment_ms(value)
    return None if moment is None else datetime.fromtimestamp(moment / 1000, UTC).date()


def moment_ms(value: object) -> int | None:
    """Epoch milliseconds of a number or an ISO 8601 string; None outside the years 1970 to 9999."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        try:
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
        except (OverflowError, ValueError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return int(value) if 0 <= value < 253_402_300_800_000 else None


def midnight_ms(day: date) -> int:
    """The start of `day` in epoch milliseconds."""
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)


def _day(match: re.Match[str], today: date) -> date | None:
    if match["iso"]:
        try:
            return date.fromisoformat(match["iso"])
        except ValueError:
            return None
    if match["tomorrow"]:
        return today + timedelta(days=1)
    if match["next_week"]:
        return today + timedelta(days=7 - today.weekday())
    if match["count"]:
        count = _NUMBERS.get(match["count"].lower()) or int(match["count"])
        return today + timedelta(days=count * _UNIT_DAYS[match["unit"].lower()])
    if match["end"]:
        if match["end"].lower() == "week":
            return today + timedelta(days=6 - today.weekday())
        return (today.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    if match["weekday"]:
        return today + timedelta(days=(_WEEKDAYS.index(match["weekday"].lower()) - today.weekday() - 1) % 7 + 1)
    return today
