"""Tables, timelines and entity rows for the terminal, from the data of `stream_block` frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from client.terminal.charts import chart
from client.terminal.plain_text import clean, day, listed
from person import UTC_CALENDAR, Calendar

Item = Mapping[str, Any]
_COLUMNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "task": (("", "status"), ("Task", "title"), ("Due", "dueDate"), ("Priority", "priority"), ("Who", "assignee")),
    "project": (("Project", "name"), ("Status", "status"), ("Client", "clientId")),
    "note": (("Note", "title"), ("Written", "createdAt"), ("", "content")),
    "checkpoint": (("Checkpoint", "title"), ("Date", "date"), ("Project", "projectId"), ("", "isApproved")),
}
_DATES = {"dueDate", "createdAt", "date"}
_MARKS = {"todo": ("○", "[ ]"), "in_progress": ("◐", "[~]"), "done": ("●", "[x]")}
_AXIS = 24


def block(
    block_type: str, data: Item, *, today: date, width: int, plain: bool, calendar: Calendar = UTC_CALENDAR
) -> RenderableType:
    """Render a block of any type. `plain` uses only ASCII."""
    match block_type:
        case "chart":
            return chart(data, width=width, plain=plain)
        case "table":
            return _table(data, plain=plain)
        case "timeline":
            return _timeline(_items(data, "checkpoints"), today=today, plain=plain, calendar=calendar)
        case "entity_ref":
            return entity_rows(
                str(data.get("entity")), _items(data, "items"), today=today, plain=plain, calendar=calendar
            )
    return Text(f"(This client cannot show blocks of type {clean(block_type)}.)", style="dim")


def entity_rows(
    entity: str, items: Sequence[Item], *, today: date, plain: bool, calendar: Calendar = UTC_CALENDAR
) -> RenderableType:
    """Render the items of one entity, one row per item."""
    columns = _COLUMNS.get(entity, (("Id", "id"), ("", "title")))
    table = _new_table(plain=plain)
    for heading, _ in columns:
        table.add_column(heading, overflow="ellipsis" if heading == "" else "fold", max_width=60)
    for item in items:
        table.add_row(*(_cell(field, item.get(field), today, calendar, plain=plain) for _, field in columns))
    return table


def _table(data: Item, *, plain: bool) -> RenderableType:
    table = _new_table(plain=plain)
    rows = [row for row in listed(data.get("rows")) if isinstance(row, list)]
    for number, heading in enumerate(listed(data.get("headers"))):
        numeric = bool(rows) and all(
            isinstance(row[number], int | float) and not isinstance(row[number], bool)
            for row in rows
            if number < len(row)
        )
        table.add_column(Text(clean(heading)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_word(cell)) for cell in row[: len(table.columns)]))
    return table


def _timeline(points: Sequence[Item], *, today: date, plain: bool, calendar: Calendar) -> RenderableType:
    dated = sorted(
        ((calendar.start(when), point) for point in points if (when := calendar.read(point.get("date"))) is not None),
        key=lambda pair: pair[0],
    )
    grid = Table.grid(padding=(0, 2))
    if not dated:
        return grid
    first, reach = dated[0][0], (dated[-1][0] - dated[0][0]) or 1
    line, mark, suggested = ("-", "o", "?") if plain else ("─", "●", "◇")
    for moment, point in dated:
        place = round((moment - first) / reach * _AXIS)
        sign = suggested if point.get("isApproved") is False else mark
        axis = Text(line * place, style="dim") + Text(sign, style="cyan") + Text(line * (_AXIS - place), style="dim")
        grid.add_row(Text(day(point.get("date"), today, calendar)), axis, Text(clean(point.get("title"))))
    return grid


def _cell(field: str, value: object, today: date, calendar: Calendar, *, plain: bool) -> Text:
    if field == "status" and isinstance(value, str) and value in _MARKS:
        return Text(_MARKS[value][plain], style="green" if value == "done" else "")
    if field in _DATES:
        return Text(day(value, today, calendar))
    if field == "isApproved":
        return Text("" if value is None or value else "suggested", style="dim")
    return Text(clean(value))


def _word(cell: object) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:g}" if isinstance(cell, float) else clean(cell)


def _items(data: Item, field: str) -> list[Item]:
    return [item for item in listed(data.get(field)) if isinstance(item, Mapping)]


def _new_table(*, plain: bool) -> Table:
    return Table(box=box.ASCII2 if plain else box.SIMPLE_HEAD, pad_edge=False)
