"""How an application stores calendar days: as text, or as the epoch milliseconds of a midnight. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from person.calendar import UTC_CALENDAR, Calendar

DAY_FIELDS: Final = frozenset({"date", "dueDate", "startDate", "endDate"})
"""The fields of items that may hold a calendar day."""

MOMENT_FIELDS: Final = frozenset({"createdAt", "updatedAt", "completedAt"})
"""The fields of items that hold instants."""

DayForm = Literal["date", "local_midnight", "utc_midnight"]
"""`date`: `2026-03-09`. Otherwise the epoch milliseconds of the day's midnight, in the device's zone or in UTC."""

# The first instant of a day is up to 14 hours before and 12 hours after that of the same day in UTC.
_EARLIEST_MS: Final = -14 * 3_600_000
_LATEST_MS: Final = 12 * 3_600_000
# A local midnight that was stored in another zone is read as the nearest midnight, at most half a day of 25 hours away.
_JOURNEY_MS: Final = 13 * 3_600_000
# The offsets of all zones from UTC are multiples of this. So only such numbers can be the midnight of a zone.
_OFFSET_STEP_MS: Final = 15 * 60_000


@dataclass(frozen=True, slots=True)
class DayForms:
    """Converts the days of a device's items from and to its form. `calendar` is the device's, None if not known.

    Inside the server a day is always `2026-03-09`. Instants and all other values stay as they are.
    """

    form: DayForm
    calendar: Calendar | None = None

    @property
    def converts(self) -> bool:
        """Whether the device's form differs from the server's."""
        return self.form != "date"

    @property
    def _midnights(self) -> Calendar:
        return self.calendar if self.form == "local_midnight" and self.calendar is not None else UTC_CALENDAR

    def read_item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """A device's item with its days as text.

        With `utc_midnight`, numbers at other times than midnight are instants. With `local_midnight`, a number may have
        been stored before a journey: it is the day of the nearest midnight in the zone, if it is midnight in any zone.
        """
        return {
            name: self._read(value) if name in DAY_FIELDS and self.converts else value for name, value in item.items()
        }

    def write_item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """An item with its days in the device's form."""
        return {
            name: self._write(value) if name in DAY_FIELDS and self.converts else value for name, value in item.items()
        }

    def write_data(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a tool call with its days in the device's form.

        A time becomes the day it is in for the person, because the device reads its numbers as days: 20:00 in New York
        is a midnight in UTC.
        """
        if self.converts:
            data = {name: self._day_of_time(value) if name in DAY_FIELDS else value for name, value in data.items()}
        return self.write_item(data)

    def _day_of_time(self, value: Any) -> Any:
        calendar = self.calendar or UTC_CALENDAR
        when = calendar.read(value)
        return calendar.day_of(when).isoformat() if isinstance(when, int) else value

    def write_filter(self, conditions: Mapping[str, Any]) -> dict[str, Any]:
        """A list tool's filter with its ranges of days in the device's form.

        An item may hold a day in the device's form, a local midnight of a zone before a journey, or an instant in the
        person's zone. The range includes them all, so it can be some hours too wide. The server then drops the items
        that are not in it.
        """
        return {
            name: {end: self._bound(end, value) for end, value in condition.items()}
            if name in DAY_FIELDS | MOMENT_FIELDS and isinstance(condition, Mapping)
            else condition
            for name, condition in conditions.items()
        }

    def _read(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        instant = UTC_CALENDAR.read(value)
        if isinstance(instant, int):
            day = self._midnights.day_of(instant)
            start = self._midnights.start_of(day)
            if start == instant:
                return day.isoformat()
            if self.form == "local_midnight" and instant % _OFFSET_STEP_MS == 0:
                end = self._midnights.end_of(day)
                return self._midnights.day_of(start if instant - start <= end - instant else end).isoformat()
        return value

    def _write(self, value: Any) -> Any:
        day = UTC_CALENDAR.read(value) if isinstance(value, str) else None
        return self._midnights.start_of(day) if isinstance(day, date) else value

    def _bound(self, end: str, value: Any) -> Any:
        day = UTC_CALENDAR.read(value) if isinstance(value, str) and self.converts else None
        if not isinstance(day, date):
            return value
        stored = self._midnights.start_of(day)
        if self.calendar is None:
            midnight = UTC_CALENDAR.start_of(day)
            return midnight + (_EARLIEST_MS if end == "after" else _LATEST_MS)
        if self.form == "local_midnight":
            return stored - _JOURNEY_MS if end == "after" else stored + _JOURNEY_MS
        local = self.calendar.start_of(day)
        return min(stored, local) if end == "after" else max(stored, local)
