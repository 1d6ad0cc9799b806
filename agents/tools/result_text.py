"""A tool's result as the model reads it: compact JSON of bounded length, with a readable copy of every instant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agents.dates import with_iso_dates
from agents.tools.error import ToolError
from person import UTC_CALENDAR, Calendar

_CUT = "... [cut]"


def render_result(result: Any, max_chars: int, calendar: Calendar = UTC_CALENDAR) -> str:
    """`result`, a tool's data or its `ToolError`, as at most about `max_chars` characters.

    A list that is too long loses whole items at its end, and a `note` says how many are shown. In other data the long
    strings are cut. The text is valid JSON unless a single item has more fields than fit.
    """
    if isinstance(result, ToolError):
        message = _shorten(result.message, max_chars)
        return _dump({"error": {"code": result.code[:100], "message": message}})
    if isinstance(result, Mapping) and isinstance(items := result.get("items"), list):
        return _render_items(items, max_chars, calendar, more=result.get("truncated") is True)
    return _render_one(result, max_chars, calendar)


def _render_items(items: list[Any], max_chars: int, calendar: Calendar, *, more: bool) -> str:
    shown: list[str] = []
    left = max_chars
    for item in items:
        text = _render_one(item, max_chars // 2, calendar)
        if shown and len(text) + 1 > left:
            break
        shown.append(text)
        left -= len(text) + 1
    fields = [f'"items":[{",".join(shown)}]']
    if more:
        fields.append('"truncated":true')
    if len(shown) < len(items):
        note = f"{len(shown)} of {len(items)} items fit here. Narrow the filter to see the others."
        fields.append(f'"note":{_dump(note)}')
    return "{" + ",".join(fields) + "}"


def _render_one(item: Any, max_chars: int, calendar: Calendar) -> str:
    item = with_iso_dates(item, calendar)
    text = _dump(item)
    if len(text) <= max_chars:
        return text
    if isinstance(item, Mapping):
        # Cut the strings to half as many characters until the text fits.
        longest = max_chars // 2
        while len(text) > max_chars and longest > 16:
            text = _dump({key: _shorten(value, longest) for key, value in item.items()})
            longest //= 2
    return text if len(text) <= max_chars else text[:max_chars] + _CUT


def _shorten(value: Any, most: int) -> Any:
    if isinstance(value, str) and len(value) > most:
        return value[:most] + _CUT
    return value


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
