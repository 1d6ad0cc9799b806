"""Text and dates for the terminal."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from client.terminal.store import to_epoch_ms

# A terminal executes escape sequences, so text from a model or another device must not contain any.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(value: object) -> str:
    """Format `value` as text without control characters. Tabs and line feeds are kept. None becomes empty."""
    return _CONTROLS.sub("", "" if value is None else str(value))


def listed(value: object) -> list[Any]:
    """Return `value` if it is a list, else an empty list, because a frame's `data` may be any JSON."""
    return value if isinstance(value, list) else []


def day(value: object, today: date) -> str:
    """Format a date (epoch milliseconds or ISO 8601) as `Fri 14 Mar`, or as yesterday, today or tomorrow."""
    moment = to_epoch_ms(value)
    if moment is None:
        return clean(value)
    try:
        then = datetime.fromtimestamp(moment / 1000, UTC).date()
    except (OverflowError, OSError, ValueError):
        return clean(value)
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((then - today).days)
    return near or f"{then:%a} {then.day} {then:%b}" + (f" {then.year}" if then.year != today.year else "")
