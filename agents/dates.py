"""Dates in tool arguments and results. The model reads and writes ISO 8601; times are in the person's time zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from person import (
    DAY_FIELDS,
    MOMENT_FIELDS,
    UTC_CALENDAR,
    Calendar,
    When,
    day_in_words,
    days_in_words,
    period_in_words,
)

DATE_FIELDS: Final = DAY_FIELDS | MOMENT_FIELDS
"""The fields of items that hold dates."""

CALENDAR_KEY: Final = "calendar"
"""The key of the person's `Calendar` in the context of a validation."""

NOW_KEY: Final = "now_ms"
"""The key of the request's time, in epoch milliseconds, in the same context. Without it no date in words is read."""

SENT: Final = "sent"
"""The key of the time of an earlier message, in epoch milliseconds."""

# 1e11 ms is in 1973. Epoch seconds are below it: they are refused, because guessing could be wrong.
_LEAST_MS: Final = 100_000_000_000
_DIGITS: Final = re.compile(r"\d{5,15}")
_WORDS_AND_TIME: Final = re.compile(r"(?P<day>.+?),? (?:at |um |à )?(?P<hour>\d{1,2}):(?P<minute>\d{2})", re.DOTALL)
_EXAMPLES: Final = (
    "give a day such as YYYY-MM-DD, a time such as YYYY-MM-DDThh:mm in the person's time zone, or words such as "
    "today, tomorrow, next tuesday, +3d"
)


def date_argument(value: Any, calendar: Calendar, now_ms: int | None = None) -> str | int:
    """A date that a model wrote, as the device gets it: a day as `2026-03-09`, an instant in epoch milliseconds.

    Words such as `tomorrow` or `next tuesday 14:30` are read in the person's calendar, seen from `now_ms`. Raises
    ValueError with a sentence for the model.
    """
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, float) or (isinstance(value, int) and value < _LEAST_MS):
        raise ValueError(_EXAMPLES)
    when = calendar.read(value)
    if when is None and isinstance(value, str) and now_ms is not None:
        when = _in_words(value.strip(), calendar, now_ms)
    if when is None:
        raise ValueError(_EXAMPLES)
    return when if isinstance(when, int) else when.isoformat()


def _in_words(text: str, calendar: Calendar, now_ms: int) -> When | None:
    today = calendar.day_of(now_ms)
    if timed := _WORDS_AND_TIME.fullmatch(text):
        day = day_in_words(timed["day"], today, calendar)
        return None if day is None else calendar.read(f"{day}T{int(timed['hour']):02}:{timed['minute']}")
    return day_in_words(text, today, calendar)


def with_local_times(item: Any, calendar: Calendar) -> Any:
    """`item` with its instants as local times with their offset. Calendar days stay as they are.

    Models misread epoch milliseconds and times of other zones.
    """
    if not isinstance(item, Mapping):
        return item
    return {
        key: calendar.write(when) if key in DATE_FIELDS and isinstance(when := calendar.read(value), int) else value
        for key, value in item.items()
    }


def with_local_times_inside(data: Any, calendar: Calendar) -> Any:
    """As `with_local_times`, for the items inside lists and other items too, and for the times in `sent`."""
    if isinstance(data, list | tuple):
        return [with_local_times_inside(one, calendar) for one in data]
    if not isinstance(data, Mapping):
        return data
    inside = {
        key: with_local_times_inside(value, calendar) if isinstance(value, Mapping | list | tuple) else value
        for key, value in with_local_times(data, calendar).items()
    }
    sent = inside.get(SENT)
    return inside | ({SENT: calendar.write(sent)} if isinstance(sent, int) else {})


def is_within(when: When | None, bounds: Mapping[str, Any], calendar: Calendar) -> bool:
    """Whether a date is in the range of a list tool's filter: not before `after`, and before `before`."""
    if when is None:
        return False
    before, after = calendar.read(bounds.get("before")), calendar.read(bounds.get("after"))
    return (before is None or calendar.is_before(when, before)) and (
        after is None or not calendar.is_before(when, after)
    )


def _read_argument(value: Any, info: ValidationInfo) -> str | int:
    context = info.context or {}
    return date_argument(value, context.get(CALENDAR_KEY, UTC_CALENDAR), context.get(NOW_KEY))


DateArgument = Annotated[
    str | int,
    BeforeValidator(_read_argument),
    WithJsonSchema({"type": "string"}),
]
"""A date argument: the model writes ISO 8601, the tool receives a day as text or an instant in epoch milliseconds."""


def _read_days(value: Any, info: ValidationInfo) -> str | int:
    context = info.context or {}
    calendar, now_ms = context.get(CALENDAR_KEY, UTC_CALENDAR), context.get(NOW_KEY)
    if isinstance(value, str) and now_ms is not None:
        span = days_in_words(value, calendar.day_of(now_ms), calendar)
        if span is not None:
            return "/".join(day.isoformat() for day in span)
    return date_argument(value, calendar, now_ms)


DaysArgument = Annotated[
    str | int,
    BeforeValidator(_read_days),
    WithJsonSchema({"type": "string"}),
]
"""As `DateArgument`, or words for several days, such as `next week`: then the first and the last day, joined by `/`."""


def due_word(value: Any) -> Any:
    """`overdue`, `today` or `week` if `value` says this in other words; else `value`."""
    period = period_in_words(value) if isinstance(value, str) else None
    return period if period in ("overdue", "today", "week") else value
