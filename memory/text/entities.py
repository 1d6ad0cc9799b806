"""The searchable text of an entity of the person's device, such as a task or a note."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from person import UTC_CALENDAR, Calendar

_MAX_FIELD_CHARS: Final = 4000
_MAX_TEXT_CHARS: Final = 12_000
_MAX_ITEMS: Final = 2000
"""Items of a list, or fields of an object, that are searched for text."""
_NAMED_FIRST: Final = ("title", "name", "content", "body", "description", "status", "priority", "assignee")
_TIME_FIELD: Final = re.compile(r"(?:date|at|due|deadline)$", re.IGNORECASE)
_IDS: Final = re.compile(r"(?:^id|Id|_id)$")
# As epoch milliseconds: 1973 to 2286.
_FIRST_MS: Final = 10**11
_LAST_MS: Final = 10**13


def entity_text(entity: str, data: Mapping[str, Any], calendar: Calendar = UTC_CALENDAR) -> str:
    """The type, then one line per field: title first, dates written out as days of `calendar`, ids left out."""
    order = {name: number for number, name in enumerate(_NAMED_FIRST)}
    lines, length = [entity], len(entity)
    for name in sorted(data, key=lambda name: (order.get(name, len(order)), name)):
        text = _value(name, data[name], calendar)
        if text and not _IDS.search(name):
            lines.append(f"{_words(name)}: {text}")
            length += 1 + len(lines[-1])
        # A device may send an item of a megabyte; its beginning is searched.
        if length >= _MAX_TEXT_CHARS:
            break
    return "\n".join(lines)[:_MAX_TEXT_CHARS]


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
            return _joined(_value(name, item, calendar) for item in islice(value, _MAX_ITEMS))
        case dict():
            return _joined(_value(str(key), item, calendar) for key, item in islice(value.items(), _MAX_ITEMS))
        case _:
            return ""


def _joined(texts: Iterable[str]) -> str:
    """The texts that are not empty, until there are enough characters."""
    found, length = [], 0
    for text in texts:
        if text:
            found.append(text)
            length += len(text) + 2
        if length > _MAX_FIELD_CHARS:
            break
    return ", ".join(found)[:_MAX_FIELD_CHARS]


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).lower()
