"""The values of item fields: dates, numbers and cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from agents.binding.labels import Labels
from agents.binding.unbindable import Unbindable
from agents.dates import DATE_FIELDS
from parser.blocks import BindReason
from person import Calendar, When

Item = Mapping[str, Any]

# The fields of each entity in the protocol. An item may lack some and have others.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "task": ("id", "title", "status", "priority", "assignee", "dueDate", "projectId"),
    "project": ("id", "name", "clientId", "status"),
    "note": ("id", "title", "createdAt", "projectId"),
    "checkpoint": ("id", "title", "date", "projectId", "isAiSuggested", "isApproved"),
}


def require_field(entity: str, name: str, items: Iterable[Item]) -> None:
    """Raise `Unbindable` if neither the protocol nor any of `items` has a field of this name."""
    if name in FIELDS[entity] or any(name in item for item in items):
        return
    known = ", ".join(FIELDS[entity])
    raise Unbindable(BindReason.UNKNOWN_FIELD, f"No {entity} has the field {name}; the fields are {known}.")


def required_date(entity: str, field: str, value: object, calendar: Calendar) -> When:
    """As `Calendar.read`. Raises `Unbindable` if `value` is not a date."""
    when = calendar.read(value)
    if when is None:
        raise Unbindable(BindReason.NOT_A_DATE, f"The field {field} of a {entity} has a value that is not a date.")
    return when


def required_number(entity: str, field: str, value: object) -> int | float:
    """`value` if it is a finite number. Raises `Unbindable` otherwise."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            if isfinite(value):
                return value
        except OverflowError:
            pass
    raise Unbindable(
        BindReason.NOT_A_NUMBER, f"The field {field} of a {entity} has a value that is not a finite number."
    )


def is_date_field(name: str) -> bool:
    return name in DATE_FIELDS


def cell(field: str, value: object, labels: Labels, calendar: Calendar) -> str | int | float | bool | None:
    """A field's value as a table's cell: days and local times in ISO 8601. Raises `Unbindable` for a list or object."""
    if value is None or isinstance(value, bool):
        return value
    if is_date_field(field) and (when := calendar.read(value)) is not None:
        return calendar.write(when)
    if isinstance(value, str):
        return labels.value(field, value) if value else value
    if isinstance(value, int | float):
        return value if _is_finite(value) else str(value)
    raise not_a_value(field)


def not_a_value(field: str) -> Unbindable:
    return Unbindable(BindReason.NOT_A_VALUE, f"The field {field} holds lists or objects, which a block cannot show.")


def _is_finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:
        return False
