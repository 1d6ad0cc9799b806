"""Degradation: a readable replacement for a structured block that stayed invalid.

A chart becomes a table of its data. A table or a timeline becomes a text list. Of anything else nothing is shown. No
value is invented and no number changes. Of a block with broken syntax, what can be read is shown as the model wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from pydantic import ValidationError

from parser.blocks import BlockType, TitledTable
from parser.lenient_reader import read_leniently
from parser.nested_members import flattened
from parser.prose import remarks
from parser.repair import is_cut, leaves, repaired, written_numbers
from parser.vocabulary import ANSWER_KEYS, folded

_LAST_WHOLE = re.compile(r"[}\]](?=[^}\]]*\Z)")
_KINDS = frozenset((BlockType.CHART, BlockType.TABLE, BlockType.TIMELINE, BlockType.ENTITY_REF))
_AXES = ("x", "y", "z", "xAxis", "yAxis", "labels", "categories", "values")
_DEEPEST = 32
"""Of deeper objects, only the values are shown, without their form."""
_DATES = ("date", "dueDate", "due", "when", "start", "startDate")


@dataclass(frozen=True, slots=True)
class Unshown:
    """A block of which nothing can be shown: its type, or `part` if that is not known, and its title.

    The caller says so to the person; one sentence counts equal ones.
    """

    kind: str
    title: str = ""


def degraded(block_type: str | None, source: str, rest_unshown: str) -> TitledTable | str | Unshown:
    """The table or the text that replaces the block with this `source`, which may be cut.

    `rest_unshown` is the sentence that ends the text of a cut block, or the note of its table.
    """
    rest = rest_unshown if is_cut(source) else ""
    members = _members(block_type, source, as_text=block_type != BlockType.CHART)
    if block_type == BlockType.CHART and (table := _chart(members, rest)) is not None:
        return table
    return _text(block_type, members, rest)


def degraded_text(block_type: str | None, source: str, rest_unshown: str) -> str | Unshown:
    """The same as text only: a chart is a list of its points too."""
    return _text(block_type, _members(block_type, source, as_text=True), rest_unshown if is_cut(source) else "")


def data_text(block_type: str, data: Mapping[str, Any]) -> str | Unshown:
    """The text of a valid block with this data."""
    return _text(block_type, data, "")


def readable(value: Any) -> str:
    """The text of a JSON value that is not a block: a line for each member and item. Only null and "" are left out.

    A text under a key of a wrapper has no key before it.
    """
    if isinstance(value, list):
        return _listed(map(_shown, value)) or ""
    if not isinstance(value, dict):
        return _shown(value)
    texts = {name: text for name, item in value.items() if (text := _member(item))}
    return "\n".join(
        text
        if name in ANSWER_KEYS and isinstance(value[name], str)
        else f"{name}:\n{text}"
        if "\n" in text
        else f"{name}: {text}"
        for name, text in texts.items()
    )


def _member(value: Any) -> str:
    nested = isinstance(value, list) and len(value) > 1
    return _listed(map(_shown, value)) or "" if nested else _shown(value)


def _text(block_type: str | None, members: Mapping[str, Any], rest: str) -> str | Unshown:
    shown = _TEXTS[block_type](members) if block_type in _TEXTS else None
    title = _title(members)
    if shown is None:
        return Unshown(block_type if block_type in _KINDS else "part", title)
    return "\n".join(filter(None, (title, *remarks(members), shown))) + (f"\n{rest}" if rest else "")


def _title(members: Mapping[str, Any]) -> str:
    title = members.get("title")
    return title.strip() if isinstance(title, str) else ""


def _members(block_type: str | None, source: str, *, as_text: bool) -> Mapping[str, Any]:
    """The readable members. Of a cut source, these are the members up to the last complete container.

    `as_text`: decimals are texts with the digits that the model wrote.
    """
    if is_cut(source) and (whole := _LAST_WHOLE.search(source)):
        source = source[: whole.end()]
    members = repaired(source)
    if members is None:
        read = read_leniently(source)
        return _folded(block_type, read)
    written = written_numbers(source)
    if not as_text:
        written = {number: digits for number, digits in written.items() if Decimal(repr(number)) != Decimal(digits)}
    return _folded(block_type, _spelled(members, written))


def _folded(block_type: str | None, value: Any) -> Mapping[str, Any]:
    """The members in their canonical letter case, also those that are one object too deep."""
    members = folded(value) if isinstance(value, dict) else {}
    return flattened(BlockType(block_type), members) if block_type in _KINDS else members


def _spelled(value: Any, written: Mapping[float, str]) -> Any:
    if isinstance(value, dict):
        return {key: _spelled(item, written) for key, item in value.items()}
    if isinstance(value, list):
        return [_spelled(item, written) for item in value]
    return written.get(value, value) if isinstance(value, float) else value


def _rows(members: Mapping[str, Any], *names: str) -> Sequence[Any]:
    found = (members.get(name) for name in names)
    return next((rows for rows in found if isinstance(rows, list) and rows), ())


def _chart(members: Mapping[str, Any], rest: str) -> TitledTable | None:
    points = _points(members)
    keys = list(dict.fromkeys(key for point in points for key in point))
    if not keys:
        return None
    labels = _series_labels(members)
    headers = [labels.get(key, key) for key in keys]
    if len(set(headers)) < len(headers):  # two columns must not have the same name
        headers = keys
    try:
        return TitledTable.model_validate(
            {
                "type": BlockType.TABLE,
                "title": _title(members),
                "note": "\n".join(filter(None, (*remarks(members), rest))),
                "headers": headers,
                "rows": [[_cell(point.get(key)) for key in keys] for point in points],
            }
        )
    except ValidationError:
        return None


def _cell(value: Any) -> Any:
    return _shown(value) if isinstance(value, list | dict) else value


def _points(members: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """One object for each point, from every form of data that models write. No value is left out."""
    data = next((data for name in ("data", "points", "values") if (data := members.get(name))), None)
    source = data if isinstance(data, dict) else members
    labels = next((found for name in ("labels", "categories") if isinstance(found := source.get(name), list)), [])
    datasets = next((found for name in ("datasets", "series") if isinstance(found := source.get(name), list)), [])
    if datasets and all(isinstance(one, dict) and isinstance(one.get("data"), list) for one in datasets):
        return _columns(
            [("label", labels), *((str(one.get("label") or one.get("name") or ""), one["data"]) for one in datasets)]
        )
    if isinstance(data, dict):
        if all(isinstance(values, list) for values in data.values()):
            return _columns(list(data.items()))
        return [{"label": label, "value": value} for label, value in data.items()]
    if not isinstance(data, list):
        return _columns([(key, values) for key, values in members.items() if key in _AXES and isinstance(values, list)])
    if labels and not any(isinstance(point, dict | list) for point in data):
        return _columns([("label", labels), ("value", data)])
    return [_point(point) for point in data]


def _columns(columns: Sequence[tuple[str, Sequence[Any]]]) -> list[Mapping[str, Any]]:
    """The points of named columns. A name that occurs again gets a number."""
    named: dict[str, Sequence[Any]] = {}
    for number, (name, values) in enumerate(columns):
        if values:
            named[name if name and name not in named else f"{name or 'series'} {number}"] = values
    rows = zip_longest(*named.values())
    return [dict(zip(named, row, strict=True)) for row in rows]


def _point(point: Any) -> Mapping[str, Any]:
    if isinstance(point, dict):
        return point
    if not isinstance(point, list):
        return {"value": point}
    return dict(zip(("label", "value"), point, strict=True)) if len(point) == 2 else dict(_numbered(point))


def _numbered(values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    return ((str(number), value) for number, value in enumerate(values, 1))


def _series_labels(members: Mapping[str, Any]) -> Mapping[str, str]:
    """The label of each series that has one."""
    config = members.get("config")
    return {
        key: series["label"]
        for key, series in (config.items() if isinstance(config, dict) else ())
        if isinstance(series, dict) and isinstance(series.get("label"), str) and series["label"]
    }


def _chart_text(members: Mapping[str, Any]) -> str | None:
    labels = _series_labels(members)
    return _listed(_pairs({labels.get(key, key): value for key, value in point.items()}) for point in _points(members))


def _table(members: Mapping[str, Any]) -> str | None:
    headers = [_shown(header) for header in _rows(members, "headers", "columns")]
    return _listed(
        _pairs(row) if isinstance(row, dict) else _cells(headers, row) if isinstance(row, list) else _shown(row)
        for row in _rows(members, "rows", "data")
    )


def _timeline(members: Mapping[str, Any]) -> str | None:
    items = _rows(members, "checkpoints", "milestones", "events", "items")
    if not items and isinstance(named := members.get("checkpoints"), dict):
        items = list(named.values())
    return _listed(_checkpoint(item) if isinstance(item, dict) else _shown(item) for item in items)


def _checkpoint(item: Mapping[str, Any]) -> str:
    title_key = next((name for name in ("title", "name", "label", "text") if _shown(item.get(name))), None)
    if title_key is None:
        return _pairs(item)
    date_key = next((name for name in _DATES if _shown(item.get(name))), None)
    title, date = _shown(item[title_key]), _shown(item[date_key]) if date_key else ""
    own = (title_key, date_key, "id", "projectId")
    others = _pairs({name: value for name, value in item.items() if name not in own})
    return ", ".join(filter(None, (f"{title} ({date})" if date else title, others)))


def _items(members: Mapping[str, Any]) -> str | None:
    items = members.get("items")
    return _listed(_checkpoint(item) if isinstance(item, dict) else _shown(item) for item in items or ())


def _cells(headers: Sequence[str], row: Sequence[Any]) -> str:
    named = [f"{header}: {_shown(cell)}" for header, cell in zip(headers, row, strict=False) if _shown(cell)]
    return ", ".join([*named, *(_shown(cell) for cell in row[len(headers) :] if _shown(cell))])


def _pairs(row: Mapping[str, Any], depth: int = 0) -> str:
    shown = ((name, _shown(cell, depth)) for name, cell in row.items())
    return ", ".join(f"{name}: {text}" for name, text in shown if text)


def _shown(value: Any, depth: int = 0) -> str:
    """The text of a value that is inside `depth` other ones."""
    if value is None:
        return ""
    if not isinstance(value, list | dict):
        return str(value)
    if depth == _DEEPEST:
        return "; ".join(str(leaf) for leaf in leaves(value) if leaf is not None)
    if isinstance(value, dict):
        return _pairs(value, depth + 1)
    return "; ".join(filter(None, (_shown(item, depth + 1) for item in value)))


def _listed(lines: Any) -> str | None:
    return "\n".join(f"- {line}" for line in lines if line) or None


_TEXTS: Mapping[str | None, Callable[[Mapping[str, Any]], str | None]] = {
    BlockType.CHART: _chart_text,
    BlockType.TABLE: _table,
    BlockType.TIMELINE: _timeline,
    BlockType.ENTITY_REF: _items,
}
