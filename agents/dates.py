"""Conversion of dates: the model reads and writes ISO 8601, the device stores epoch milliseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

DATE_FIELDS = frozenset({"date", "dueDate", "createdAt", "updatedAt", "completedAt", "startDate", "endDate"})
"""The fields of items that hold dates."""

_MILLISECONDS = re.compile(r"-?\d{11,15}")
# 1e11 ms is in 1973. Epoch seconds are below it: they are refused, because guessing could be wrong.
_LEAST_MS = 100_000_000_000
_MOST_MS = 253_402_300_799_999
_FIRST_MS = -62_135_596_800_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_epoch_ms(value: Any) -> int:
    """Epoch milliseconds of an argument that a model wrote.

    It is an ISO 8601 date (midnight UTC), a date-time (UTC if it has no offset), or epoch milliseconds. Raises
    ValueError with a sentence for the model.
    """
    if isinstance(value, str):
        text = value.strip()
        if _MILLISECONDS.fullmatch(text):
            value = int(text)
        else:
            return _from_iso(text)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _LEAST_MS <= value <= _MOST_MS:
        return value
    raise ValueError("give an ISO 8601 date such as 2026-03-09, or a date-time such as 2026-03-09T14:30:00Z")


def _from_iso(text: str) -> int:
    try:
        # A date without a time is parsed as a date-time at midnight.
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "give an ISO 8601 date such as 2026-03-09, or a date-time such as 2026-03-09T14:30:00Z"
        ) from None
    epoch_ms = _since_epoch(moment)
    if not _FIRST_MS <= epoch_ms <= _MOST_MS:
        # On the first and last day, an offset can move the moment out of the years 1 to 9999 in UTC.
        raise ValueError("give a date of the years 1 to 9999 in UTC, such as 2026-03-09")
    return epoch_ms


def item_ms(value: object) -> int | None:
    """Epoch milliseconds of a date that a device stores, as milliseconds or ISO 8601 (UTC if it has no offset).

    None for every other value, and for moments outside the years 1 to 9999 in UTC. So every result can be converted
    back to a date.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        value = _since_epoch(moment)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if _FIRST_MS <= value <= _MOST_MS else None


def _since_epoch(moment: datetime) -> int:
    """Milliseconds, rounded down; UTC if `moment` has no time zone. The result can lie outside the years 1 to 9999."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def iso_utc(epoch_ms: float) -> str | None:
    """`2026-03-09` for a UTC midnight, else `2026-03-09T14:30Z`; None outside the years 1 to 9999."""
    try:
        moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    if moment.time() == time():
        return date.isoformat(moment)
    return moment.strftime("%Y-%m-%dT%H:%MZ")


def with_iso_dates(item: Any) -> Any:
    """`item` with an extra field `<field>_iso` for each date that is a number: models misread epoch milliseconds."""
    if not isinstance(item, Mapping):
        return item
    readable: dict[str, Any] = {}
    for key, value in item.items():
        readable[key] = value
        if key in DATE_FIELDS and isinstance(value, int | float) and not isinstance(value, bool):
            day = iso_utc(value)
            if day is not None:
                readable[f"{key}_iso"] = day
    return readable


EpochMs = Annotated[
    int,
    BeforeValidator(to_epoch_ms),
    WithJsonSchema({"type": "string", "description": "ISO 8601 date or date-time, UTC if it has no offset."}),
]
"""A date argument: the model writes ISO 8601, the tool receives epoch milliseconds."""
