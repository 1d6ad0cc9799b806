"""A tool's result as the model reads it: compact JSON of bounded length, with instants in the person's time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agents.dates import with_local_times
from agents.tools.error import ToolError
from person import UTC_CALENDAR, Calendar

_CUT = "... [cut]"


def render_result(result: Any, max_chars: int, calendar: Calendar = UTC_CALENDAR, *, changes: bool = True) -> str:
    """`result`, a tool's data or its `ToolError`, as at most about `max_chars` characters.

    A list is a table, `{"count": n, "columns": [...], "rows": [[...], ...]}`, which has the name of each field once. A
    list that is too long loses whole items at its end, and a `note` says how many are shown. In other data the long
    strings are cut. The text is valid JSON unless a single item has more fields than fit. `changes`: the tool changes
    items, so an error says whether the change may have been made.
    """
    if isinstance(result, ToolError):
        message = _shorten(result.told(changes=changes), max_chars)
        return _dump({"error": {"code": result.code[:100], "message": message}})
    if isinstance(result, Mapping) and isinstance(items := result.get("items"), list):
        truncated = result.get("truncated") is True
        return _render_items(
            items, max_chars, calendar, more=truncated, total=result.get("total") if truncated else None
        )
    return _render_one(result, max_chars, calendar)


def _render_items(items: list[Any], max_chars: int, calendar: Calendar, *, more: bool, total: int | None) -> str:
    if not all(isinstance(item, Mapping) for item in items):
        items = [{"value": item} for item in items]
    columns = list(dict.fromkeys(key for item in items for key, value in item.items() if value is not None))
    shown: list[str] = []
    left = max_chars
    for item in items:
        text = _render_row([with_local_times(item, calendar).get(name) for name in columns], max_chars // 2)
        if shown and len(text) + 1 > left:
            break
        shown.append(text)
        left -= len(text) + 1
    # Small models cannot count the rows.
    counted = f'"count":{len(items)},' if len(items) > 1 and not more else ""
    fields = [f'{counted}"columns":{_dump(columns)},"rows":[{",".join(shown)}]' if items else '"items":[]']
    if more:
        fields.append('"truncated":true' + ("" if total is None else f',"total":{total}'))
    if len(shown) < len(items):
        note = f"{len(shown)} of {len(items)} items fit here. Narrow the filter to see the others."
        fields.append(f'"note":{_dump(note)}')
    return "{" + ",".join(fields) + "}"


def _render_row(values: list[Any], max_chars: int) -> str:
    text = _dump(values)
    longest = max_chars // 2
    while len(text) > max_chars and longest > 16:
        text = _dump([_shorten(value, longest) for value in values])
        longest //= 2
    return text if len(text) <= max_chars else _dump([_CUT])


def _render_one(item: Any, max_chars: int, calendar: Calendar) -> str:
    item = with_local_times(item, calendar)
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
