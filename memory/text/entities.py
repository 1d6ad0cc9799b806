"""The searchable text of an entity of the person's device, such as a task or a note."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from person import UTC_CALENDAR, Calendar

_MAX_FIELD_CHARS: Final = 4000
_MAX_TEXT_CHARS: Final = 12_000
_NAMED_FIRST: Final = ("title", "name", "content", "body", "description", "status", "priority", "assignee")
_TIME_FIELD: Final = re.compile(r"(?:date|at|due|deadline)$", re.IGNORECASE)
_IDS: Final = re.compile(r"(?:^id|Id|_id)$")
# As epoch milliseconds: 1973 to 2286.
_FIRST_MS: Final = 10**11
_LAST_MS: Final = 10**13


def entity_text(entity: str, data: Mapping[str, Any], calendar: Calendar = UTC_CALENDAR) -> str:
    """The type, then one line per field: title first, dates written out as days of `calendar`, ids left out."""
    order = {name: number for number, name in enumerate(_NAMED_FIRST)}
    lines = []
    for name in sorted(data, key=lambda name: (order.get(name, len(order)), name)):
        text = _value(name, data[name], calendar)
        if text and not _IDS.search(name):
            lines.append(f"{_words(name)}: {text}")
    return "\n".join([entity, *lines])[:_MAX_TEXT_CHARS]


def _value(name: str, value: Any, calendar: Calendar) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float() if _TIME_FIELD.search(name) and _FIRST_MS <= value < _LAST_MS:
            return f"{calendar.day_of(int(value)):%A %d %B %Y}"
        case str() if _TIME_FIELD.search(name) and (when := calendar.read(value)) is not None:
            return f"{calendar.day_of(when):%A %d %B %Y}"
        case str() | int() | float():
            return str(value)[:_MAX_FIELD_CHARS]
        case list():
            return ", ".join(filter(None, (_value(name, item, calendar) for item in value)))[:_MAX_FIELD_CHARS]
        case dict():
            return ", ".join(filter(None, (_value(str(key), item, calendar) for key, item in value.items())))[
                :_MAX_FIELD_CHARS
            ]
        case _:
            return ""


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).lower()
