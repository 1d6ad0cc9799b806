"""Text that may go to a terminal, and dates as a person reads them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from client.terminal.store import to_epoch_ms

# A terminal obeys escape sequences: text from a model or another device must not hold any.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(value: object) -> str:
    """`value` as text without control characters; tabs and line feeds stay. None is empty."""
    return _CONTROLS.sub("", "" if value is None else str(value))


def listed(value: object) -> list[Any]:
    """`value` when it is a list, else an empty one: a frame's `data` is any JSON."""
    return value if isinstance(value, list) else []


def day(value: object, today: date) -> str:
    """A date field (epoch milliseconds or ISO 8601) as `Fri 14 Mar`, with today and its neighbours by name."""
    moment = to_epoch_ms(value)
    if moment is None:
        return clean(value)
    try:
        then = datetime.fromtimestamp(moment / 1000, UTC).date()
    except (OverflowError, OSError, ValueError):
        return clean(value)
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((then - today).days)
    return near or f"{then:%a} {then.day} {then:%b}" + (f" {then.year}" if then.year != today.year else "")
