"""Which items a block is about: filters and sorting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agents.binding.unbindable import Unbindable
from agents.binding.values import Item, is_date_field, require_field
from agents.tools.dates import item_ms
from parser.bindings import BindReason, Condition, Filter

# Words that name a rank sort by it; a person sorting by priority does not mean the alphabet.
_RANKS = {"low": 0, "medium": 1, "high": 2, "urgent": 3, "todo": 0, "in_progress": 1, "done": 2}


def matching(entity: str, items: Sequence[Item], wanted: Filter | None) -> list[Item]:
    """The items for which every condition of the filter holds. Raises `Unbindable`."""
    tests = []
    for field, condition in (wanted or {}).items():
        require_field(entity, field, items)
        tests.append((field, _test(field, condition)))
    return [item for item in items if all(test(item.get(field)) for field, test in tests)]


def in_order(entity: str, items: Sequence[Item], sort: str | None, order: str | None) -> list[Item]:
    """`items` by the field `sort`, those without a value last in either order; equal ones keep their places."""
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
    allowed = condition if isinstance(condition, list) else [condition]
    return lambda value: _is_one_of(value, allowed)


def _conditional(field: str, condition: Condition) -> Callable[[Any], bool]:
    given = condition.model_fields_set
    before, after = _bound(field, condition.before), _bound(field, condition.after)
    excluded = condition.unlike if isinstance(condition.unlike, list) else [condition.unlike]

    def holds(value: Any) -> bool:
        if "unlike" in given and _is_one_of(value, excluded):
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
        raise Unbindable(BindReason.NOT_A_DATE, f"The filter of {field} compares with something that is no date.")
    return moment


def _is_one_of(value: Any, allowed: Sequence[Any]) -> bool:
    # True == 1 in Python, and not on the device.
    return any(
        (wanted in (None, "") and value in (None, ""))
        or (value == wanted and isinstance(value, bool) == isinstance(wanted, bool))
        for wanted in allowed
    )
