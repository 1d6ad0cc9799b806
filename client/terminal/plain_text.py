"""Text and dates for the terminal."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from person import UTC_CALENDAR, Calendar

# A terminal executes escape sequences, so text from a model or another device must not contain any.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(value: object) -> str:
    """Format `value` as text without control characters. Tabs and line feeds are kept. None becomes empty."""
    return _CONTROLS.sub("", "" if value is None else str(value))


def listed(value: object) -> list[Any]:
    """Return `value` if it is a list, else an empty list, because a frame's `data` may be any JSON."""
    return value if isinstance(value, list) else []


def day(value: object, today: date, calendar: Calendar = UTC_CALENDAR) -> str:
    """Format a day, or the local day of an instant, as `Fri 14 Mar`, or as yesterday, today or tomorrow."""
    when = calendar.read(value)
    if when is None:
        return clean(value)
    then = calendar.day_of(when)
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((then - today).days)
    return near or f"{then:%a} {then.day} {then:%b}" + (f" {then.year}" if then.year != today.year else "")
