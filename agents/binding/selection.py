"""The filters and the sort order of a block's items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agents.binding.unbindable import Unbindable
from agents.binding.values import Item, is_date_field, require_field
from parser.blocks import BindReason, Condition, Filter
from person import Calendar, When

# Priorities and statuses are sorted by rank, not by the alphabet.
_RANKS = {
    word: rank
    for words in (
        ("low", "medium", "high", "urgent"),
        ("todo", "in_progress", "done"),
        ("active", "on_hold", "completed"),
    )
    for rank, word in enumerate(words)
}


def matching(entity: str, items: Sequence[Item], wanted: Filter | None, calendar: Calendar) -> list[Item]:
    """The items that match every condition of the filter. Raises `Unbindable`."""
    tests = []
    for field, condition in (wanted or {}).items():
        require_field(entity, field, items)
        tests.append((field, _test(field, condition, calendar)))
    return [item for item in items if all(test(item.get(field)) for field, test in tests)]


def matches_none(entity: str, items: Sequence[Item], wanted: Filter | None, calendar: Calendar) -> bool:
    """Whether the filter is valid and no item matches it. An invalid filter is a fault of the block."""
    try:
        return not matching(entity, items, wanted, calendar)
    except Unbindable:
        return False


def in_order(entity: str, items: Sequence[Item], sort: str | None, order: str | None, calendar: Calendar) -> list[Item]:
    """`items` sorted by the field `sort`; items without a value are last in both orders. The sort is stable."""
    if sort is None:
        return list(items)
    require_field(entity, sort, items)
    valued = [item for item in items if item.get(sort) not in (None, "")]
    empty = [item for item in items if item.get(sort) in (None, "")]
    return [*sorted(valued, key=lambda item: _key(sort, item[sort], calendar), reverse=order == "desc"), *empty]


def _key(field: str, value: Any, calendar: Calendar) -> tuple[int, float, str]:
    if is_date_field(field) and (when := calendar.read(value)) is not None:
        return (0, calendar.start(when), "")
    if isinstance(value, int | float):
        return (0, value, "")
    if field in {"status", "priority"} and isinstance(value, str) and value in _RANKS:
        return (0, _RANKS[value], "")
    return (1, 0, str(value).casefold())


def _test(field: str, condition: Any, calendar: Calendar) -> Callable[[Any], bool]:
    if isinstance(condition, Condition):
        return _conditional(field, condition, calendar)
    return _one_of(field, condition, calendar)


def _conditional(field: str, condition: Condition, calendar: Calendar) -> Callable[[Any], bool]:
    given = condition.model_fields_set
    before, after = _bound(field, condition.before, calendar), _bound(field, condition.after, calendar)
    excluded = _one_of(field, condition.unlike, calendar)

    def holds(value: Any) -> bool:
        if "unlike" in given and excluded(value):
            return False
        if before is None and after is None:
            return True
        when = calendar.read(value)
        if when is None:
            return False
        return (before is None or calendar.is_before(when, before)) and (
            after is None or not calendar.is_before(when, after)
        )

    return holds


def _bound(field: str, value: Any, calendar: Calendar) -> When | None:
    if value is None:
        return None
    when = calendar.read(value)
    if when is None:
        raise Unbindable(BindReason.NOT_A_DATE, f"The filter of {field} compares with a value that is not a date.")
    return when


def _one_of(field: str, wanted: Any, calendar: Calendar) -> Callable[[Any], bool]:
    several = wanted if isinstance(wanted, list) else [wanted]
    allowed = [comparable(field, one, calendar) for one in several]
    # A day matches all its instants, because items are seldom due exactly at midnight.
    dates = [_bound(field, one, calendar) for one in several if one != ""] if is_date_field(field) else []
    days = {when for when in dates if when is not None and not isinstance(when, int)}

    def holds(value: Any) -> bool:
        if comparable(field, value, calendar) in allowed:
            return True
        when = calendar.read(value) if days else None
        return when is not None and calendar.day_of(when) in days

    return holds


def comparable(field: str, value: Any, calendar: Calendar) -> tuple[bool, Any]:
    """A key that is equal for equal values.

    All empty values are equal, True is not 1, an id equals its text, and an ISO 8601 time equals the same instant in
    milliseconds.
    """
    if value in (None, ""):
        return False, None
    if is_date_field(field) and (when := calendar.read(value)) is not None:
        return False, when
    if field == "id" or field.endswith("Id"):
        return False, str(value)
    return isinstance(value, bool), value
