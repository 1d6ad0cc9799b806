"""The filters and the sort order of a block's items."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from agents.binding.unbindable import Unbindable
from agents.binding.values import Item, is_date_field, require_field
from agents.dates import item_ms
from parser.blocks import BindReason, Condition, Filter

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
_A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY_MS = 86_400_000


def matching(entity: str, items: Sequence[Item], wanted: Filter | None) -> list[Item]:
    """The items that match every condition of the filter. Raises `Unbindable`."""
    tests = []
    for field, condition in (wanted or {}).items():
        require_field(entity, field, items)
        tests.append((field, _test(field, condition)))
    return [item for item in items if all(test(item.get(field)) for field, test in tests)]


def in_order(entity: str, items: Sequence[Item], sort: str | None, order: str | None) -> list[Item]:
    """`items` sorted by the field `sort`; items without a value are last in both orders. The sort is stable."""
    if sort is None:
        return list(items)
    require_field(entity, sort, items)
    valued = [item for item in items if item.get(sort) not in (None, "")]
    empty = [item for item in items if item.get(sort) in (None, "")]
    return [*sorted(valued, key=lambda item: _key(sort, item[sort]), reverse=order == "desc"), *empty]


def _key(field: str, value: Any) -> tuple[int, float, str]:
    if is_date_field(field) and (moment := item_ms(value)) is not None:
        return (0, moment, "")
    if isinstance(value, int | float):
        return (0, value, "")
    if field in {"status", "priority"} and isinstance(value, str) and value in _RANKS:
        return (0, _RANKS[value], "")
    return (1, 0, str(value).casefold())


def _test(field: str, condition: Any) -> Callable[[Any], bool]:
    if isinstance(condition, Condition):
        return _conditional(field, condition)
    return _one_of(field, condition)


def _conditional(field: str, condition: Condition) -> Callable[[Any], bool]:
    given = condition.model_fields_set
    before, after = _bound(field, condition.before), _bound(field, condition.after)
    excluded = _one_of(field, condition.unlike)

    def holds(value: Any) -> bool:
        if "unlike" in given and excluded(value):
            return False
        if before is None and after is None:
            return True
        moment = item_ms(value)
        return moment is not None and (before is None or moment < before) and (after is None or moment >= after)

    return holds


def _bound(field: str, value: Any) -> int | None:
    if value is None:
        return None
    moment = item_ms(value)
    if moment is None:
        raise Unbindable(BindReason.NOT_A_DATE, f"The filter of {field} compares with a value that is not a date.")
    return moment


def _one_of(field: str, wanted: Any) -> Callable[[Any], bool]:
    several = wanted if isinstance(wanted, list) else [wanted]
    allowed = [comparable(field, one) for one in several]
    # A date without a time matches the whole day, because items are seldom due exactly at midnight.
    days = [midnight for one in several if is_date_field(field) and (midnight := _day(one)) is not None]

    def holds(value: Any) -> bool:
        if comparable(field, value) in allowed:
            return True
        moment = item_ms(value) if days else None
        return moment is not None and any(midnight <= moment < midnight + _DAY_MS for midnight in days)

    return holds


def _day(value: Any) -> int | None:
    """The UTC midnight of a date without a time; None for every other value."""
    return item_ms(value) if isinstance(value, str) and _A_DAY.fullmatch(value.strip()) else None


def comparable(field: str, value: Any) -> tuple[bool, Any]:
    """A key that is equal for equal values.

    All empty values are equal, True is not 1, an id equals its text, and a date equals the same moment in milliseconds.
    """
    if value in (None, ""):
        return False, None
    if is_date_field(field) and (moment := item_ms(value)) is not None:
        return False, moment
    if field == "id" or field.endswith("Id"):
        return False, str(value)
    return isinstance(value, bool), value
