"""Calendar arithmetic in a time zone: days, weeks and months, and how days compare with instants. Pure.

A calendar day is a `date`. An instant is an `int`, epoch milliseconds. A day is not an instant: it is the same day in
every zone, and lasts 23, 24 or 25 hours in zones with daylight saving time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

When = date | int
"""A calendar day, or an instant in epoch milliseconds."""

Interval = Literal["day", "week", "month"]

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_A_DAY: Final = timedelta(days=1)
# The range of `datetime` without its first and last two days, because zones differ from UTC by up to a day.
_FIRST_DAY: Final = date(1, 1, 3)
_LAST_DAY: Final = date(9999, 12, 29)
_FIRST_MS: Final = (datetime(1, 1, 3, tzinfo=UTC) - _EPOCH) // _MS
_LAST_MS: Final = (datetime(9999, 12, 29, tzinfo=UTC) - _EPOCH) // _MS


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days, weeks and months of a time zone. `week_start` is the first day of the week, 0 for Monday."""

    zone: ZoneInfo
    week_start: int = 0

    # ---- reading and writing ----------------------------------------------------------------------------------------

    def read(self, value: object) -> When | None:
        """What an item's date says; None for other values, and near or outside the limits of the years 1 to 9999.

        `2026-03-09` is a day. A number is epoch milliseconds. An ISO 8601 date-time is an instant; without an offset it
        is local time.
        """
        if isinstance(value, str):
            return self._read_text(value.strip())
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        # A comparison with NaN is false.
        return int(value) if _FIRST_MS <= value <= _LAST_MS else None

    def _read_text(self, text: str) -> When | None:
        try:
            if _DAY.fullmatch(text):
                day = date.fromisoformat(text)
                return day if _FIRST_DAY <= day <= _LAST_DAY else None
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        instant = (moment - _EPOCH) // _MS
        return instant if _FIRST_MS <= instant <= _LAST_MS else None

    def write(self, when: When) -> str:
        """ISO 8601: `2026-03-09` for a day, `2026-03-09T20:30-04:00` for an instant, in local time."""
        if isinstance(when, int):
            return self.local(when).isoformat(timespec="minutes").replace("+00:00", "Z")
        return when.isoformat()

    def local(self, instant: int) -> datetime:
        """The local time of an instant."""
        return (_EPOCH + timedelta(milliseconds=instant)).astimezone(self.zone)

    # ---- days -------------------------------------------------------------------------------------------------------

    def day_of(self, when: When) -> date:
        """The day itself, or the local day of an instant."""
        return self.local(when).date() if isinstance(when, int) else when

    def start_of(self, day: date) -> int:
        """The first instant of a day. Where clocks skip midnight, it is the instant of the change."""
        return (datetime.combine(day, time(), self.zone) - _EPOCH) // _MS

    def end_of(self, day: date) -> int:
        """The first instant after a day."""
        return self.start_of(day + _A_DAY)

    def at_hour(self, day: date, hour: int) -> datetime:
        """The local time when the clock shows `hour` on `day`. Hours from 24 on are those of the next days."""
        days, hours = divmod(hour, 24)
        moment = datetime.combine(day + days * _A_DAY, time(hours), self.zone)
        return self.local((moment - _EPOCH) // _MS)

    def start(self, when: When) -> int:
        """The first instant of a day; an instant itself. Sorts days before the instants of the same day."""
        return when if isinstance(when, int) else self.start_of(when)

    def is_before(self, when: When, bound: When) -> bool:
        """Whether `when` is over at `bound`. A day is over at its end: so an item is late from the next local day on.

        A day as `bound` means its first instant.
        """
        if isinstance(when, int):
            return when < self.start(bound)
        if isinstance(bound, int):
            return self.end_of(when) <= bound
        return when < bound

    # ---- weeks and months -------------------------------------------------------------------------------------------

    def week_of(self, day: date) -> date:
        """The first day of the week of `day`."""
        return day - timedelta(days=(day.weekday() - self.week_start) % 7)

    def month_of(self, day: date) -> date:
        """The first day of the month of `day`."""
        return day.replace(day=1)

    def next_month(self, day: date) -> date:
        """The first day of the month after that of `day`."""
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)

    def period(self, when: When, interval: Interval) -> str:
        """The day, week or month of `when` in ISO 8601. Names of one interval are in order of time.

        `2026-03-09`; `2026-W11` for a week that begins on Monday, else its days, `2026-03-08/2026-03-14`; `2026-03`.
        """
        day = self.day_of(when)
        match interval:
            case "day":
                return day.isoformat()
            case "week" if self.week_start == 0:
                year, week, _ = day.isocalendar()
                return f"{year:04}-W{week:02}"
            case "week":
                first = self.week_of(day)
                return f"{first.isoformat()}/{(first + timedelta(days=6)).isoformat()}"
            case "month":
                return day.isoformat()[:7]


UTC_CALENDAR: Final = Calendar(ZoneInfo("UTC"))
