"""Text and dates for the terminal."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from person import ENGLISH, UTC_CALENDAR, Calendar, Sentences

# A terminal executes escape sequences, so text from a model or another device must not contain any.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(value: object) -> str:
    """Format `value` as text without control characters. Tabs and line feeds are kept. None becomes empty."""
    return _CONTROLS.sub("", "" if value is None else str(value))


def listed(value: object) -> list[Any]:
    """Return `value` if it is a list, else an empty list, because a frame's `data` may be any JSON."""
    return value if isinstance(value, list) else []


def day(value: object, today: date, calendar: Calendar = UTC_CALENDAR, sentences: Sentences = ENGLISH) -> str:
    """Format a day, or the local day of an instant, as `Fri 14 Mar`, or as yesterday, today or tomorrow.

    The catalogues have the short names and the orders of CLDR 46.
    """
    when = calendar.read(value)
    if when is None:
        return clean(value)
    then = calendar.day_of(when)
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((then - today).days)
    if near is not None:
        return sentences.say(f"terminal.{near}")
    weekday = sentences.say("terminal.weekdays").split()[then.weekday()]
    month = sentences.say("terminal.months").split()[then.month - 1]
    if then.year == today.year:
        return sentences.say("terminal.day", weekday=weekday, day=then.day, month=month)
    return sentences.say("terminal.day_and_year", weekday=weekday, day=then.day, month=month, year=then.year)


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*)?")


def is_day(value: object) -> bool:
    """Whether `value` is the text of a day or of a time, such as `2026-03-09`."""
    return isinstance(value, str) and _DAY.fullmatch(value) is not None
