"""Degradation: a readable replacement for a structured block that stayed invalid.

A chart becomes a table of its data. A table or a timeline becomes a text list. Of anything else nothing is shown. No
value is invented and no number changes. Of a block with broken syntax, what can be read is shown as the model wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from parser.blocks import BlockType, TableBlock
from parser.lenient_reader import read_leniently
from parser.repair import is_cut, repaired, written_numbers

_LAST_WHOLE = re.compile(r"[}\]](?=[^}\]]*\Z)")
_KINDS = frozenset((BlockType.CHART, BlockType.TABLE, BlockType.TIMELINE, BlockType.ENTITY_REF))


@dataclass(frozen=True, slots=True)
class Unshown:
    """A block of which nothing can be shown: its type, or `part` if that is not known, and its title.

    The caller says so to the person; one sentence counts equal ones.
    """

    kind: str
    title: str = ""


def degraded(block_type: str | None, source: str, rest_unshown: str) -> TableBlock | str | Unshown:
    """The table or the text that replaces the block with this `source`, which may be cut.

    `rest_unshown` is the sentence that ends the text of a cut block.
    """
    members = _members(source, as_text=block_type != BlockType.CHART)
    title = members.get("title")
    title = title.strip() if isinstance(title, str) else ""
    shown: TableBlock | str | None = None
    if block_type == BlockType.CHART:
        shown = _chart(members)
    elif block_type == BlockType.TABLE:
        shown = _table(members)
    elif block_type == BlockType.TIMELINE:
        shown = _timeline(members)
    if shown is None:
        return Unshown(block_type if block_type in _KINDS else "part", title)
    if isinstance(shown, TableBlock):
        return shown
    rest = ("", rest_unshown) if is_cut(source) else ()
    return "\n".join(filter(None, (title, shown))) + "\n".join(rest)


def _members(source: str, *, as_text: bool) -> Mapping[str, Any]:
    """The readable members. Of a cut source, these are the members up to the last complete container.

    `as_text`: decimals are texts with the digits that the model wrote.
    """
    if is_cut(source) and (whole := _LAST_WHOLE.search(source)):
        source = source[: whole.end()]
    members = repaired(source)
    if members is None:
        read = read_leniently(source)
        return read if isinstance(read, dict) else {}
    written = written_numbers(source)
    if not as_text:
        written = {number: digits for number, digits in written.items() if Decimal(repr(number)) != Decimal(digits)}
    exact = _spelled(members, written)
    return exact if isinstance(exact, dict) else {}


def _spelled(value: Any, written: Mapping[float, str]) -> Any:
    if isinstance(value, dict):
        return {key: _spelled(item, written) for key, item in value.items()}
    if isinstance(value, list):
        return [_spelled(item, written) for item in value]
    return written.get(value, value) if isinstance(value, float) else value


def _rows(members: Mapping[str, Any], *names: str) -> Sequence[Any]:
    found = (members.get(name) for name in names)
    return next((rows for rows in found if isinstance(rows, list) and rows), ())


def _chart(members: Mapping[str, Any]) -> TableBlock | None:
    points = [point for point in _rows(members, "data", "points") if isinstance(point, dict)]
    headers = list(dict.fromkeys(key for point in points for key in point))
    if not headers:
        return None
    try:
        return TableBlock.model_validate(
            {
                "type": BlockType.TABLE,
                "headers": headers,
                "rows": [[point.get(header) for header in headers] for point in points],
            }
        )
    except ValidationError:
        return None


def _table(members: Mapping[str, Any]) -> str | None:
    headers = [_shown(header) for header in _rows(members, "headers", "columns")]
    return _listed(
        _pairs(row) if isinstance(row, dict) else _cells(headers, row) if isinstance(row, list) else _shown(row)
        for row in _rows(members, "rows", "data")
    )


def _timeline(members: Mapping[str, Any]) -> str | None:
    lines = []
    for item in _rows(members, "checkpoints", "milestones", "events", "items"):
        if isinstance(item, dict):
            title, date = _shown(item.get("title", item.get("name"))), _shown(item.get("date", item.get("dueDate")))
            lines.append(f"{title} ({date})" if title and date else title or _pairs(item))
        else:
            lines.append(_shown(item))
    return _listed(lines)


def _cells(headers: Sequence[str], row: Sequence[Any]) -> str:
    named = [f"{header}: {_shown(cell)}" for header, cell in zip(headers, row, strict=False) if _shown(cell)]
    return ", ".join([*named, *(_shown(cell) for cell in row[len(headers) :] if _shown(cell))])


def _pairs(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {_shown(cell)}" for name, cell in row.items() if _shown(cell))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, map(_shown, value)))
    return _pairs(value) if isinstance(value, dict) else str(value)


def _listed(lines: Any) -> str | None:
    return "\n".join(f"- {line}" for line in lines if line) or None
