"""Calendar days in the three forms in which applications store them."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from person import UTC_CALENDAR, Calendar, DayForms

HOUR = 3_600_000
MARCH_9 = 1_773_014_400_000
BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
NEW_YORK = Calendar(ZoneInfo("America/New_York"))
LOCAL = DayForms("local_midnight", BERLIN)
UTC_MIDNIGHT = DayForms("utc_midnight", NEW_YORK)


@pytest.mark.parametrize(
    ("forms", "stored", "day"),
    [
        (LOCAL, MARCH_9 - HOUR, "2026-03-09"),
        (LOCAL, MARCH_9 + 60_000, MARCH_9 + 60_000),  # a midnight in no zone
        (UTC_MIDNIGHT, MARCH_9, "2026-03-09"),
        (UTC_MIDNIGHT, MARCH_9 + 4 * HOUR, MARCH_9 + 4 * HOUR),
        (DayForms("date"), "2026-03-09", "2026-03-09"),
        (LOCAL, None, None),
        (LOCAL, "2026-03-09T10:00Z", "2026-03-09T10:00Z"),
        (UTC_MIDNIGHT, 1e300, 1e300),
    ],
)
def test_a_midnight_of_the_form_is_a_day(forms: DayForms, stored: Any, day: Any) -> None:
    assert forms.read_item({"id": 1, "dueDate": stored}) == {"id": 1, "dueDate": day}
    assert forms.write_item({"id": 1, "dueDate": day}) == {"id": 1, "dueDate": stored}


@pytest.mark.parametrize(
    ("zone", "time", "day"),
    [
        ("America/New_York", "2026-03-09T20:00", MARCH_9),
        ("Pacific/Auckland", "2026-03-10T13:00", MARCH_9 + 24 * HOUR),
        ("Asia/Kathmandu", "2026-03-10T05:45", MARCH_9 + 24 * HOUR),
    ],
)
def test_a_time_is_written_as_the_persons_day_if_the_form_is_a_midnight_in_utc(zone: str, time: str, day: int) -> None:
    calendar = Calendar(ZoneInfo(zone))
    forms = DayForms("utc_midnight", calendar)
    instant = calendar.read(time)
    assert forms.write_data({"dueDate": instant, "createdAt": instant}) == {"dueDate": day, "createdAt": instant}
    assert forms.write_data({"dueDate": time}) == {"dueDate": day}
    assert forms.read_item({"dueDate": day}) == {"dueDate": time[:10]}


@pytest.mark.parametrize(
    ("stored_in", "read_in"),
    [
        ("Europe/Berlin", "America/New_York"),
        ("America/New_York", "Europe/Berlin"),
        ("Asia/Kathmandu", "Europe/Berlin"),
        ("Asia/Tokyo", "Europe/Lisbon"),
        ("UTC", "America/St_Johns"),
    ],
)
@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-10", "2026-03-29", "2026-07-01", "2026-10-25"])
def test_a_local_midnight_from_before_a_journey_is_the_same_day(stored_in: str, read_in: str, day: str) -> None:
    there, here = Calendar(ZoneInfo(stored_in)), Calendar(ZoneInfo(read_in))
    stored = there.start_of(date.fromisoformat(day))
    item = DayForms("local_midnight", here).read_item({"dueDate": stored})
    assert item == {"dueDate": day}
    bounds = DayForms("local_midnight", here).write_filter({"dueDate": {"after": day, "before": day}})["dueDate"]
    assert bounds["after"] <= stored <= bounds["before"]


def test_the_app_of_a_local_midnight_is_sent_days_and_no_times() -> None:
    assert LOCAL.write_data({"dueDate": "2026-03-09T20:00"}) == {"dueDate": MARCH_9 - HOUR}
    assert LOCAL.write_data({"dueDate": MARCH_9 + 22 * HOUR}) == {"dueDate": MARCH_9 - HOUR}


def test_the_time_when_something_was_made_is_never_a_day() -> None:
    item = {"createdAt": MARCH_9, "points": MARCH_9}
    assert UTC_MIDNIGHT.read_item(item) == item


@given(st.dates(date(1950, 1, 1), date(2150, 1, 1)), st.sampled_from(["Europe/Berlin", "Africa/Cairo", "Asia/Tokyo"]))
def test_every_day_survives_the_way_to_the_device_and_back(day: date, zone: str) -> None:
    for forms in (DayForms("local_midnight", Calendar(ZoneInfo(zone))), DayForms("utc_midnight"), DayForms("date")):
        item = {"date": day.isoformat()}
        assert forms.read_item(forms.write_item(item)) == item


@pytest.mark.parametrize(
    ("forms", "bounds", "written"),
    [
        (LOCAL, {"after": "2026-03-09"}, {"after": MARCH_9 - 14 * HOUR}),
        (
            UTC_MIDNIGHT,
            {"after": "2026-03-09", "before": "2026-03-10"},
            {"after": MARCH_9, "before": MARCH_9 + 28 * HOUR},
        ),
        (DayForms("utc_midnight", BERLIN), {"after": "2026-03-09"}, {"after": MARCH_9 - HOUR}),
        (
            DayForms("utc_midnight"),
            {"after": "2026-03-09", "before": "2026-03-10"},
            {"after": MARCH_9 - 14 * HOUR, "before": MARCH_9 + 36 * HOUR},
        ),
        (UTC_MIDNIGHT, {"after": MARCH_9 + 5}, {"after": MARCH_9 + 5}),
    ],
)
def test_a_range_includes_the_stored_days_and_the_persons_instants(forms: DayForms, bounds: Any, written: Any) -> None:
    assert forms.write_filter({"dueDate": bounds, "status": "todo"}) == {"dueDate": written, "status": "todo"}


@given(st.sampled_from(["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu", "America/St_Johns"]), st.dates())
def test_without_a_zone_the_range_has_the_day_of_every_zone(zone: str, day: date) -> None:
    if not date(1, 1, 5) < day < date(9999, 12, 20):
        return
    bounds = DayForms("utc_midnight").write_filter({"date": {"after": day.isoformat(), "before": day.isoformat()}})
    start = Calendar(ZoneInfo(zone)).start_of(day)
    assert bounds["date"]["after"] <= min(start, UTC_CALENDAR.start_of(day))
    assert bounds["date"]["before"] >= max(start, UTC_CALENDAR.start_of(day))
