"""Groups of items, and the number computed for each group."""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from agents.binding.labels import Labels
from agents.binding.selection import comparable, in_order, matching
from agents.binding.unbindable import Unbindable
from agents.binding.values import (
    Item,
    is_date_field,
    not_a_value,
    require_field,
    required_date,
    required_number,
)
from parser.blocks import Aggregate, BindReason, Grouping, Interval
from person import Calendar

Number = int | float
MAX_GROUPS = 500
MAX_ROWS = 500
# The order in which people list these values; other values follow in the order of their first item.
_KNOWN_ORDER = ("todo", "in_progress", "done", "active", "on_hold", "completed", "urgent", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Group:
    """`value`: None if the aggregate is undefined, such as an average of no numbers."""

    label: str
    items: Sequence[Item]
    value: Number | None


def grouped(source: Grouping, items: Sequence[Item], labels: Labels, calendar: Calendar) -> list[Group]:
    """The groups of the matching items, sorted and limited by `source`. Raises `Unbindable`."""
    entity = source.entity
    for field in (source.field, source.group_by):
        if field is not None:
            require_field(entity, field, items)
    chosen = matching(entity, items, source.filter, calendar)
    if not chosen:
        raise Unbindable(BindReason.NO_DATA, f"No {entity} that a tool returned matches.")
    if source.group_by is None:
        parts: Mapping[str, Sequence[Item]] = {labels.items(entity): chosen}
    else:
        parts = partition(entity, source.group_by, source.interval, chosen, labels, calendar)
    groups = [Group(label, own, aggregate(source, own)) for label, own in parts.items()]
    return _limited(source, groups)


def partition(
    entity: str,
    field: str,
    interval: Interval | None,
    items: Sequence[Item],
    labels: Labels,
    calendar: Calendar,
) -> dict[str, list[Item]]:
    """`items` grouped by `field`, by label. Different values with one label get numbers (`Web`, `Web (2)`).

    Dates are in order of time, statuses and priorities in their usual order; the group of empty values is last.
    """
    dated = interval is not None or is_date_field(field)
    if not dated:
        # Statuses and priorities in their usual order, before all other values.
        items = sorted(items, key=lambda item: _known_place(item.get(field)))
    parts: dict[Hashable, list[Item]] = {}
    empty: list[Item] = []
    for item in items:
        value = item.get(field)
        if value is None or value == "":
            empty.append(item)
        elif isinstance(value, list | dict):
            raise not_a_value(field)
        elif dated:
            when = required_date(entity, field, value, calendar)
            parts.setdefault(calendar.period(when, interval or "day"), []).append(item)
        else:
            parts.setdefault(comparable(field, value, calendar), []).append(item)
    if len(parts) + bool(empty) > MAX_GROUPS:
        raise Unbindable(BindReason.TOO_MANY_GROUPS, f"The field {field} makes more than {MAX_GROUPS} groups.")
    named: dict[str, list[Item]] = {}
    # The group of empty values is last, but its label is reserved first, so it gets no number.
    nothing = labels.value(field, None)
    taken = {nothing} if empty else set()
    if dated:
        return {str(day): parts[day] for day in sorted(parts, key=str)} | ({nothing: empty} if empty else {})
    for own in parts.values():
        label = _unique(labels.value(field, own[0].get(field)), taken)
        taken.add(label)
        named[label] = own
    return named | ({nothing: empty} if empty else {})


def _unique(label: str, taken: Container[str]) -> str:
    """`label`, followed by a number if another group has the same label."""
    distinct, number = label, 1
    while distinct in taken:
        number += 1
        distinct = f"{label} ({number})"
    return distinct


def aggregate(source: Grouping, items: Sequence[Item]) -> Number | None:
    """The number of the group. Items whose field is empty are ignored, except by `count` without a field."""
    field = source.field
    if field is None:
        return len(items)
    present = [value for item in items if (value := item.get(field)) not in (None, "")]
    if source.agg is Aggregate.COUNT:
        return len(present)
    numbers = [required_number(source.entity, field, value) for value in present]
    try:
        match source.agg:
            case Aggregate.SUM:
                return _sum(numbers)
            case Aggregate.AVG:
                return round(_sum(numbers) / len(numbers), 6) if numbers else None
            case Aggregate.MIN:
                return min(numbers, default=None)
            case Aggregate.MAX:
                return max(numbers, default=None)
    except OverflowError:
        raise Unbindable(BindReason.NOT_A_NUMBER, f"The field {field} adds up to more than a number holds.") from None


def _sum(numbers: Sequence[Number]) -> Number:
    """Raises `OverflowError` if the sum is too large for a double, the only number type that clients have."""
    whole = sum(numbers) if all(isinstance(number, int) for number in numbers) else fsum(numbers)
    float(whole)
    return whole


def _limited(source: Grouping, groups: list[Group]) -> list[Group]:
    backwards = source.order == "desc"
    match source.sort:
        case None:
            pass
        case sort if sort in {"value", source.agg.value, source.field}:
            known = [group for group in groups if group.value is not None]
            unknown = [group for group in groups if group.value is None]
            groups = [*sorted(known, key=_value, reverse=backwards), *unknown]
        case sort if sort in {"group", "label", source.group_by}:
            groups = groups[::-1] if backwards else groups
        case _:
            raise Unbindable(BindReason.UNKNOWN_FIELD, "Groups can be sorted only by value or by group.")
    return groups[: source.limit]


def _value(group: Group) -> Number:
    return 0 if group.value is None else group.value


def _known_place(value: Any) -> int:
    return _KNOWN_ORDER.index(value) if value in _KNOWN_ORDER else len(_KNOWN_ORDER)


def rows_of(source: Grouping, items: Sequence[Item], calendar: Calendar) -> list[Item]:
    """The matching items, one per row, sorted and limited by `source`. Raises `Unbindable`."""
    chosen = matching(source.entity, items, source.filter, calendar)
    if not chosen:
        raise Unbindable(BindReason.NO_DATA, f"No {source.entity} that a tool returned matches.")
    return in_order(source.entity, chosen, source.sort, source.order, calendar)[: source.limit or MAX_ROWS]
