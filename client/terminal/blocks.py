"""Tables, timelines and entity rows for the terminal, from the data of `stream_block` frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from client.terminal.charts import chart
from client.terminal.plain_text import clean, day, is_day, listed
from person import ENGLISH, UTC_CALENDAR, Calendar, Sentences

Item = Mapping[str, Any]
# Field by field; the first one names the item. The fields of None have no heading.
_COLUMNS: Mapping[str, tuple[tuple[str | None, str], ...]] = {
    "task": ((None, "status"), ("one.task", "title"), ("field.dueDate", "dueDate"), ("field.priority", "priority"),
             ("field.assignee", "assignee")),
    "project": (("one.project", "name"), ("field.status", "status"), ("field.clientId", "clientId")),
    "note": (("one.note", "title"), ("field.createdAt", "createdAt"), (None, "content")),
    "checkpoint": (("one.checkpoint", "title"), ("field.date", "date"), ("field.projectId", "projectId"),
                   (None, "isApproved")),
}  # fmt: skip
_DATES = {"dueDate", "createdAt", "date"}
_VALUES = {"status", "priority"}
_MARKS = {"todo": ("○", "[ ]"), "in_progress": ("◐", "[~]"), "done": ("●", "[x]")}
_AXIS = 24


@dataclass(frozen=True, slots=True)
class Style:
    """How values are written: the person's day, calendar and language, the width in cells, and only ASCII (`plain`)."""

    today: date
    width: int
    plain: bool
    calendar: Calendar = UTC_CALENDAR
    sentences: Sentences = ENGLISH

    def day(self, value: object) -> str:
        """A day or a time as people write it."""
        return day(value, self.today, self.calendar, self.sentences)


def block(block_type: str, data: Item, style: Style) -> RenderableType:
    """Render a block of any type."""
    match block_type:
        case "chart":
            return chart(data, width=style.width, plain=style.plain)
        case "table":
            return _table(data, style)
        case "timeline":
            return _timeline(_items(data, "checkpoints"), style)
        case "entity_ref":
            return entity_rows(str(data.get("entity")), _items(data, "items"), style)
    return Text(style.sentences.say("terminal.unknown_block", kind=clean(block_type)), style="dim")


def entity_rows(entity: str, items: Sequence[Item], style: Style) -> RenderableType:
    """Render the items of one entity, one row per item."""
    columns = _COLUMNS.get(entity, (("field.id", "id"), (None, "title")))
    table = _new_table(plain=style.plain)
    for key, _ in columns:
        heading = "" if key is None else style.sentences.say(key)
        table.add_column(heading, overflow="ellipsis" if key is None else "fold", max_width=60)
    for item in items:
        table.add_row(*(_cell(field, item.get(field), style) for _, field in columns))
    return table


def _table(data: Item, style: Style) -> RenderableType:
    parts: list[RenderableType] = [_rows(data, style)]
    if title := _written(data.get("title")):
        parts.insert(0, Text(title, style="bold"))
    if note := _written(data.get("note")):
        parts.append(Text(note, style="dim"))
    return Group(*parts)


def _written(value: object) -> str:
    return "\n".join(clean(line) for line in value.strip().splitlines()) if isinstance(value, str) else ""


def _rows(data: Item, style: Style) -> RenderableType:
    table = _new_table(plain=style.plain)
    rows = [row for row in listed(data.get("rows")) if isinstance(row, list)]
    for number, heading in enumerate(listed(data.get("headers"))):
        numeric = bool(rows) and all(
            isinstance(row[number], int | float) and not isinstance(row[number], bool)
            for row in rows
            if number < len(row)
        )
        table.add_column(Text(clean(heading)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_word(cell, style)) for cell in row[: len(table.columns)]))
    return table


def _timeline(points: Sequence[Item], style: Style) -> RenderableType:
    calendar = style.calendar
    dated = sorted(
        ((calendar.start(when), point) for point in points if (when := calendar.read(point.get("date"))) is not None),
        key=lambda pair: pair[0],
    )
    grid = Table.grid(padding=(0, 2))
    if not dated:
        return grid
    first, reach = dated[0][0], (dated[-1][0] - dated[0][0]) or 1
    line, mark, suggested = ("-", "o", "?") if style.plain else ("─", "●", "◇")
    for moment, point in dated:
        place = round((moment - first) / reach * _AXIS)
        sign = suggested if point.get("isApproved") is False else mark
        axis = Text(line * place, style="dim") + Text(sign, style="cyan") + Text(line * (_AXIS - place), style="dim")
        grid.add_row(Text(style.day(point.get("date"))), axis, Text(clean(point.get("title"))))
    return grid


def _cell(field: str, value: object, style: Style) -> Text:
    if field == "status" and isinstance(value, str) and value in _MARKS:
        return Text(_MARKS[value][style.plain], style="green" if value == "done" else "")
    if field in _DATES:
        return Text(style.day(value))
    if field == "isApproved":
        return Text("" if value is None or value else style.sentences.say("terminal.suggested"), style="dim")
    if field in _VALUES:
        return Text(style.sentences.find(f"value.{value}") or clean(value))
    return Text(clean(value))


def _word(cell: object, style: Style) -> str:
    if isinstance(cell, bool):
        return _yes_or_no(style.sentences, cell)
    if is_day(cell):
        return style.day(cell)
    return f"{cell:g}" if isinstance(cell, float) else clean(cell)


def fields(data: Item, style: Style) -> str:
    """The fields of an item in words, such as `Title: Pay the rent, Due date: today`."""
    sentences = style.sentences
    named = ((sentences.find(f"field.{name}") or clean(name), name, value) for name, value in data.items())
    return ", ".join(f"{label}: {_field(name, value, style)}" for label, name, value in named)


def _field(name: str, value: object, style: Style) -> str:
    if value is None:
        return style.sentences.find(f"empty.{name}") or "-"
    if name in _DATES:
        return style.day(value)
    if name in _VALUES:
        return style.sentences.find(f"value.{value}") or clean(value)
    return _word(value, style)


def _yes_or_no(sentences: Sentences, value: bool) -> str:
    """The second word is the whole one: `y yes`."""
    return sentences.say("terminal.yes" if value else "terminal.no").split()[1]


def _items(data: Item, field: str) -> list[Item]:
    return [item for item in listed(data.get(field)) if isinstance(item, Mapping)]


def _new_table(*, plain: bool) -> Table:
    return Table(box=box.ASCII2 if plain else box.SIMPLE_HEAD, pad_edge=False)
