"""The values of item fields: dates, numbers, and the labels that people read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

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
NAME_FIELD: Mapping[str, str] = {"task": "title", "project": "name", "note": "title", "checkpoint": "title"}
PLURAL_LABELS: Mapping[str, str] = {
    "task": "Tasks",
    "project": "Projects",
    "note": "Notes",
    "checkpoint": "Checkpoints",
}
_FIELD_LABELS: Mapping[str, str] = {
    "id": "ID",
    "projectId": "Project",
    "clientId": "Client",
    "isApproved": "Approved",
    "isAiSuggested": "Suggested by AI",
    "createdAt": "Created",
}
_WORDS: Mapping[str, str] = {"todo": "To do"}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CODE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


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


def field_label(name: str) -> str:
    """`dueDate` as `Due date`."""
    if name in _FIELD_LABELS:
        return _FIELD_LABELS[name]
    words = _HUMP.sub(" ", name).replace("_", " ").split()
    return " ".join([words[0].capitalize(), *(word.lower() for word in words[1:])]) if words else name


def value_label(field: str, value: object, project_names: Mapping[str, str]) -> str:
    """The label of a value: a project's name, `In progress` for `in_progress`, `No project` for an empty value."""
    if value is None or value == "":
        return f"No {field_label(field).lower()}"
    if field == "projectId":
        return project_names.get(str(value), str(value))
    if isinstance(value, bool):
        label = field_label(field)
        return label if value else f"Not {label[0].lower()}{label[1:]}"
    if isinstance(value, str):
        coded = field in {"status", "priority"} and _CODE.fullmatch(value)
        return _WORDS.get(value, value.replace("_", " ").capitalize()) if coded else value
    return str(value)


def cell(
    field: str, value: object, project_names: Mapping[str, str], calendar: Calendar
) -> str | int | float | bool | None:
    """A field's value as a table's cell: days and local times in ISO 8601. Raises `Unbindable` for a list or object."""
    if value is None or isinstance(value, bool):
        return value
    if is_date_field(field) and (when := calendar.read(value)) is not None:
        return calendar.write(when)
    if isinstance(value, str):
        return value_label(field, value, project_names) if value else value
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
