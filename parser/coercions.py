"""Schema coercions: correct the members of a structured block where only one reading is possible.

Each records its kind. None changes a number or drops a row, a point or an item. None invents data: a missing value is a
gap, a missing title is empty, a missing colour is one of the theme.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from parser.blocks import CONDITION_KEYS, BlockType, ChartType, Entity
from parser.events import Repair
from parser.series_numbers import series_numbers
from parser.vocabulary import FIELDS, MEMBERS, chart_type

Members = dict[str, Any]
COLORS = 5
_LABELS = ("label", "title", "name", "header", "key")
_ENTITIES: Mapping[str, str] = {name: member.value for member in Entity for name in (member.value, f"{member.value}s")}


def coerced(kind: BlockType, members: Mapping[str, Any], repairs: list[Repair]) -> Members:
    """The members of a block of type `kind`, corrected where only one reading is possible."""
    made = _named(kind, members, repairs)
    _COERCIONS[kind](made, members, repairs)
    return made


def theme_color(number: int) -> str:
    """A colour of the client's chart theme. After the last one the first follows."""
    return f"var(--chart-{number % COLORS + 1})"


def _named(kind: BlockType, members: Mapping[str, Any], repairs: list[Repair]) -> Members:
    """The members by the names that the format gives."""
    made: Members = {"type": kind.value}
    written = members.get("type")
    if written != kind.value:
        repairs.append(Repair.TYPE_MISSING if written is None else Repair.TYPE_NAME)
    own = MEMBERS[kind]
    for key, value in members.items():
        if key in own:
            made[key] = value
    for key, value in members.items():
        name = FIELDS.get(key)
        if name in own and name not in made and name is not None:
            made[name] = value
            repairs.append(Repair.MEMBER_NAME)
    return made


# ---- charts ---------------------------------------------------------------------------------------------------------


def _chart(made: Members, members: Mapping[str, Any], repairs: list[Repair]) -> None:
    _chart_kind(made, members, repairs)
    if not isinstance(made.get("title"), str):
        made["title"] = _text(made.get("title"))
        repairs.append(Repair.TITLE)
    if made.get("from") is not None:
        return
    data = _points(made.get("data"), members, repairs)
    if data is None:
        return
    made["data"] = data
    config = _series(made.get("config"), data, repairs)
    made["config"] = config
    made["data"] = _read_series(data, config, repairs)


def _chart_kind(made: Members, members: Mapping[str, Any], repairs: list[Repair]) -> None:
    written = made.get("chartType")
    if isinstance(written, str):
        meant = chart_type(written)
    else:
        meant = chart_type(str(members.get("type"))) or (ChartType.BAR if written is None else None)
    if meant is not None and meant.value != written:
        made["chartType"] = meant.value
        repairs.append(Repair.CHART_TYPE)


def _points(data: Any, members: Mapping[str, Any], repairs: list[Repair]) -> list[Members] | None:
    """One object a point: also from labels with datasets or values, from pairs, and from one object of numbers."""
    source: Mapping[str, Any] = data if isinstance(data, dict) else members
    labels = _first_list(source, "labels", "categories")
    datasets = _first_list(source, "datasets", "series")
    if labels and datasets and all(isinstance(one, dict) for one in datasets):
        columns = {
            str(one.get("label", one.get("name", f"series {number}"))): one.get("data")
            for number, one in enumerate(datasets, 1)
        }
        if len(columns) == len(datasets) and all(
            isinstance(values, list) and len(values) == len(labels) for values in columns.values()
        ):
            repairs.append(Repair.CHART_DATA)
            return [
                {"label": label} | {name: values[number] for name, values in columns.items()}
                for number, label in enumerate(labels)
            ]
        return None
    if isinstance(data, dict) and data and _is_series(list(data.values())):
        repairs.append(Repair.CHART_DATA)
        return [{"label": label, "value": value} for label, value in data.items()]
    if isinstance(data, list) and data and all(isinstance(point, dict) for point in data):
        return data
    pairs = _pairs(labels, data if isinstance(data, list) else _first_list(source, "values", "data"))
    if pairs is not None:
        repairs.append(Repair.CHART_DATA)
    return pairs


def _first_list(members: Mapping[str, Any], *names: str) -> list[Any]:
    return next((found for name in names if isinstance(found := members.get(name), list)), [])


def _pairs(labels: Sequence[Any], values: Sequence[Any]) -> list[Members] | None:
    """The points of as many labels as numbers, or of pairs of a label and a number; None for anything else."""
    if labels and len(labels) == len(values):
        pairs = list(zip(labels, values, strict=True))
    elif not labels and values and all(isinstance(one, list) and len(one) == 2 for one in values):
        pairs = [(one[0], one[1]) for one in values]
    else:
        return None
    if all(isinstance(label, str) for label, _ in pairs) and _is_series([value for _, value in pairs]):
        return [{"label": label, "value": value} for label, value in pairs]
    return None


def _series(config: Any, data: Sequence[Members], repairs: list[Repair]) -> Members:
    """The series that occur in `data`, each with a label and a colour."""
    if isinstance(config, list):
        config = _series_by_key(config)
    known = set().union(*data)
    made: Members = {}
    for key, series in config.items() if isinstance(config, dict) else ():
        if key not in known:
            repairs.append(Repair.SERIES)
            continue
        one = dict(series) if isinstance(series, dict) else {"label": series} if isinstance(series, str) else {}
        if not isinstance(one.get("label"), str):
            one["label"] = next((one[name] for name in ("name", "title") if isinstance(one.get(name), str)), key)
            repairs.append(Repair.SERIES)
        if not isinstance(one.get("color"), str):
            one["color"] = next(
                (one[name] for name in ("colour", "fill", "stroke") if isinstance(one.get(name), str)),
                theme_color(len(made)),
            )
            repairs.append(Repair.COLOR)
        made[key] = one
    if made:
        return made
    repairs.append(Repair.SERIES)
    keys = dict.fromkeys(key for point in data for key in point)
    numeric = [key for key in keys if _is_series([point[key] for point in data if key in point])]
    if len(numeric) == len(keys) and len(numeric) > 1:
        numeric = numeric[1:]  # the first names the points
    return {key: {"label": key, "color": theme_color(number)} for number, key in enumerate(numeric)}


def _series_by_key(config: Iterable[Any]) -> Members:
    made: Members = {}
    for one in config:
        if isinstance(one, dict):
            key = next((one[name] for name in ("key", "dataKey", "id", "name") if isinstance(one.get(name), str)), None)
            if key is not None:
                made[key] = {name: value for name, value in one.items() if name not in ("key", "dataKey")}
        elif isinstance(one, str):
            made[one] = {}
    return made


def _is_series(values: Sequence[Any]) -> bool:
    numbers = series_numbers(values)
    return numbers is not None and any(number is not None for number in numbers.values)


def _read_series(data: Sequence[Members], config: Members, repairs: list[Repair]) -> list[Members]:
    """The points with numbers for texts. A unit that the texts have goes into the label of its series."""
    points = [dict(point) for point in data]
    for key, series in config.items():
        having = [point for point in points if key in point]
        values = [point[key] for point in having]
        if not any(isinstance(value, str) for value in values):
            continue
        read = series_numbers(values)
        if read is None:
            continue
        for point, value, number in zip(having, values, read.values, strict=True):
            if isinstance(value, str):
                point[key] = number
                repairs.append(Repair.GAP if number is None else Repair.NUMBER)
        if read.unit and read.unit not in series["label"]:
            config[key] = {**series, "label": f"{series['label']} ({read.unit})"}
    return points


# ---- tables ---------------------------------------------------------------------------------------------------------


def _table(made: Members, members: Mapping[str, Any], repairs: list[Repair]) -> None:
    if made.get("from") is not None:
        return
    rows = made.get("rows")
    if rows is None and isinstance(rows := members.get("data"), list):
        repairs.append(Repair.MEMBER_NAME)
    if not isinstance(rows, list):
        return
    keys, headers = _headers(made.get("headers"), rows, repairs)
    made["headers"] = headers
    made["rows"] = [_row(row, keys, headers, repairs) for row in rows]


def _headers(headers: Any, rows: Sequence[Any], repairs: list[Repair]) -> tuple[list[str], list[str]]:
    """The key of each column in rows that are objects, and its header."""
    if not isinstance(headers, list) or not headers:
        keys = list(dict.fromkeys(key for row in rows if isinstance(row, dict) for key in row))
        if keys:
            repairs.append(Repair.HEADER)
        return keys, keys
    keys, texts = [], []
    for header in headers:
        if isinstance(header, dict):
            label = next((header[name] for name in _LABELS if isinstance(header.get(name), str)), "")
            key = next(
                (
                    header[name]
                    for name in ("key", "field", "accessor", "dataKey", "id")
                    if isinstance(header.get(name), str)
                ),
                label,
            )
        else:
            label = key = header if isinstance(header, str) else _text(header)
        if label != header:
            repairs.append(Repair.HEADER)
        keys.append(key)
        texts.append(label)
    return keys, texts


def _row(row: Any, keys: Sequence[str], headers: Sequence[str], repairs: list[Repair]) -> Any:
    if isinstance(row, dict):
        if isinstance(row.get("cells"), list) and len(row) == 1:
            row = row["cells"]
        else:
            return _object_row(row, keys, headers, repairs)
        repairs.append(Repair.ROW)
    elif not isinstance(row, list) and len(headers) == 1:
        repairs.append(Repair.ROW)
        row = [row]
    if isinstance(row, list) and len(row) < len(headers):
        repairs.append(Repair.ROW)
        row = row + [None] * (len(headers) - len(row))
    return row


def _object_row(row: Members, keys: Sequence[str], headers: Sequence[str], repairs: list[Repair]) -> Any:
    """The cells of a row that names its columns; the row itself if a name belongs to no column."""
    columns = {_folded(name): number for number, name in reversed([*enumerate(headers), *enumerate(keys)])}
    cells: list[Any] = [None] * len(headers)
    for name, cell in row.items():
        column = columns.get(_folded(name))
        if column is None:
            return row
        cells[column] = cell
    repairs.append(Repair.ROW)
    return cells


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


# ---- timelines and references ---------------------------------------------------------------------------------------


def _timeline(made: Members, _members: Mapping[str, Any], repairs: list[Repair]) -> None:
    items = made.get("checkpoints")
    if made.get("from") is None and isinstance(items, list):
        made["checkpoints"] = [
            _checkpoint(item, number, repairs) if isinstance(item, dict) else item
            for number, item in enumerate(items, 1)
        ]


def _checkpoint(item: Members, number: int, repairs: list[Repair]) -> Members:
    made = dict(item)
    if not isinstance(made.get("id"), str):
        made["id"] = _text(made.get("id")) or str(number)
        repairs.append(Repair.ID)
    _take(made, "title", ("name", "label", "text"), str, repairs, Repair.TITLE)
    _take(made, "date", ("dueDate", "due", "when", "start", "startDate"), (str, int, float), repairs, Repair.DATE)
    date = made.get("date")
    if isinstance(date, str) and date.strip().lstrip("-").isdigit() and len(date.strip()) > 9:
        made["date"] = int(date)
        repairs.append(Repair.DATE)
    return made


def _take(
    made: Members,
    name: str,
    others: Sequence[str],
    kind: type | tuple[type, ...],
    repairs: list[Repair],
    repair: Repair,
) -> None:
    """Take the member `name` from the first of `others` that has one, if it is missing."""
    if made.get(name) is None:
        for other in others:
            if isinstance(made.get(other), kind):
                made[name] = made[other]
                repairs.append(repair)
                return


def _reference(made: Members, members: Mapping[str, Any], repairs: list[Repair]) -> None:
    entity = made.get("entity")
    if isinstance(entity, str) and (meant := _ENTITIES.get(entity.strip().lower())) not in (None, entity):
        made["entity"] = meant
        repairs.append(Repair.ENTITY)
    ids = made.get("ids", members.get("id"))
    if isinstance(ids, str | int) and not isinstance(ids, bool):
        ids = [ids]
    if isinstance(ids, list):
        texts = [_text(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in ids]
        if texts != made.get("ids"):
            made["ids"] = texts
            repairs.append(Repair.ID)
    else:
        # Without its condition, the block would mean all items.
        made |= {name: members[name] for name in CONDITION_KEYS if members.get(name)}


def _nothing(_made: Members, _members: Mapping[str, Any], _repairs: list[Repair]) -> None:
    """Text blocks are not coerced: they are read while they arrive."""


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, list | dict) else str(value)


_COERCIONS: Mapping[BlockType, Callable[[Members, Mapping[str, Any], list[Repair]], None]] = {
    BlockType.TEXT: _nothing,
    BlockType.CHART: _chart,
    BlockType.TABLE: _table,
    BlockType.TIMELINE: _timeline,
    BlockType.ENTITY_REF: _reference,
}
