"""Names of preferences: the well-known ones stand in the database as they are, all others are sealed with the value.

A name that a person or a model makes up may say as much as the value does ("favourite_affair"). So what the database
sees of it is a random token; within memory it is known by its name.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

WELL_KNOWN: Final = frozenset({
    "preferred_name", "pronouns", "language", "time_zone", "week_start", "birthday", "home", "employer",
    "answer_style", "answer_length", "tone", "units", "currency", "date_format", "time_format", "working_hours",
})  # fmt: skip
_BLIND: Final = "~"


def new_column(name: str) -> str:
    """What `memory_core.key` holds for a preference of this name that is not there yet."""
    return name if name in WELL_KNOWN else f"{_BLIND}{uuid4().hex}"


def is_token(column: str) -> bool:
    """Whether the name is sealed with the value. No name starts so."""
    return column.startswith(_BLIND)


def wrapped(column: str, name: str, value: Any) -> Any:
    """What is sealed for the value."""
    return {"name": name, "value": value} if is_token(column) else value


def unwrapped(column: str, sealed: Any) -> tuple[str, Any]:
    """(name, value) of what `wrapped` gave; `column` names a preference that was stored under its name."""
    return (sealed["name"], sealed["value"]) if is_token(column) else (column, sealed)
