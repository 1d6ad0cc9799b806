"""What a value-bound block's `from` asks of the device: the part of its filter and limit that a list tool can take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.binding.table import shown_columns
from agents.tools import ENTITIES
from parser.blocks import BoundBlock, BoundChartBlock, BoundTableBlock, Condition
from person import UTC_CALENDAR, Calendar
from streaming.wire import Entity

MAX_LISTED = 500
"""The most items that a list tool takes in one call."""
_MOST_CALLS = 3
_STATUS = "status"
_PROJECT = "projectId"


def device_lists(block: BoundBlock, calendar: Calendar = UTC_CALENDAR) -> list[dict[str, Any]]:
    """The `args` of the device's list calls that return every item which can match the block.

    The device filters by one value or by a range of dates; several statuses take one call each. Everything else is
    done by the server afterwards, so it is only pushed down where both give the same items: the limit too, if the whole
    filter was pushed down and the block does not sort or group. A device may return more than a range of dates asks for
    (`DayForms.write_filter`), so a limit is not pushed down with one. No device sorts: its list tools have no such
    argument.
    """
    source = block.source
    pushed: dict[str, Any] = {}
    statuses: list[str] = []
    whole = True
    for name, condition in (source.filter or {}).items():
        wanted = _pushed(source.entity, name, condition, calendar)
        if wanted is None:
            whole = False
        elif isinstance(wanted, list):
            statuses = wanted
        else:
            pushed[name] = wanted
    limit = MAX_LISTED
    ranged = any(isinstance(wanted, dict) for wanted in pushed.values())
    if whole and not statuses and not ranged and _takes_first_rows(block):
        limit = source.limit or MAX_LISTED
    if statuses:
        return [{"limit": limit, "filter": {_STATUS: status, **pushed}} for status in statuses]
    return [{"limit": limit, "filter": pushed} if pushed else {"limit": limit}]


def needs_all_items(block: BoundBlock) -> bool:
    """Whether the block would be wrong if the device cut the list: it counts, sums up, or sorts its items."""
    if isinstance(block, BoundTableBlock):
        return block.source.group_by is not None or block.source.sort is not None
    return True


def names_projects(block: BoundBlock) -> bool:
    """Whether the block shows projects, whose names are separate items."""
    match block:
        case BoundChartBlock(source=source):
            return _PROJECT in (source.group_by, source.split_by)
        case BoundTableBlock(source=source):
            columns: Sequence[str] = shown_columns(source) if source.group_by is None else [source.group_by]
            return _PROJECT in columns
    return False


def _takes_first_rows(block: BoundBlock) -> bool:
    return isinstance(block, BoundTableBlock) and block.source.group_by is None and block.source.sort is None


def _pushed(entity: Entity, name: str, condition: Any, calendar: Calendar) -> Any:
    """The device's form of one condition; a list of values for several statuses; None if the device cannot test it."""
    ranges, values = _fields(entity)
    if isinstance(condition, Condition):
        given = condition.model_fields_set
        if name not in ranges or "unlike" in given:
            return None
        dates = {end: calendar.read(getattr(condition, end)) for end in ("after", "before")}
        ends = {
            end: when if isinstance(when, int) else when.isoformat() for end, when in dates.items() if when is not None
        }
        return ends if len(ends) == len(given) else None
    if name not in values:
        return None
    if isinstance(condition, list):
        several = list(dict.fromkeys(condition))
        texts = [value for value in several if isinstance(value, str) and value]
        if name != _STATUS or len(texts) != len(several) or not 0 < len(texts) <= _MOST_CALLS:
            return None
        return texts
    return condition if isinstance(condition, bool) or (isinstance(condition, str) and condition) else None


def _fields(entity: Entity) -> tuple[set[str], set[str]]:
    """The fields that the entity's list tool filters by a range of dates, and by a value."""
    args = ENTITIES[entity].list_args
    ranges: Mapping[str, tuple[str, str]] = args.RANGES
    aliases = {field.alias or name for name, field in args.model_fields.items()}
    return {field for field, _ in ranges.values()}, aliases - ranges.keys() - {"text", "limit"}
