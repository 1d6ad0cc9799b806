"""Days, weeks and months in time zones, also on days with a change of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from person import UTC_CALENDAR, Calendar

HOUR = 3_600_000
BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
NEW_YORK = Calendar(ZoneInfo("America/New_York"), week_start=6)
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kathmandu", "Africa/Cairo", "Pacific/Apia"]
)
DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "day", "first", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00Z", 23),
        ("Europe/Berlin", date(2026, 10, 25), "2026-10-24T22:00Z", 25),
        ("Europe/Berlin", date(2026, 6, 1), "2026-05-31T22:00Z", 24),
        ("America/New_York", date(2026, 3, 8), "2026-03-08T05:00Z", 23),
        ("Pacific/Auckland", date(2026, 4, 5), "2026-04-04T11:00Z", 25),
        ("Asia/Kathmandu", date(2026, 3, 8), "2026-03-07T18:15Z", 24),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00Z", 23),  # clocks go from 0:00 to 1:00
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00Z", 25),  # clocks go from 1:00 back to 0:00
    ],
)
def test_a_day_begins_at_its_first_instant_and_has_23_to_25_hours(zone: str, day: date, first: str, hours: int) -> None:
    calendar = Calendar(ZoneInfo(zone))
    assert calendar.start_of(day) == ms(first)
    assert calendar.end_of(day) - calendar.start_of(day) == hours * HOUR


@given(ZONES, DAYS)
def test_every_day_contains_its_instants_and_no_others(zone: str, day: date) -> None:
    calendar = Calendar(ZoneInfo(zone))
    start, end = calendar.start_of(day), calendar.end_of(day)
    if start == end:
        assert zone == "Pacific/Apia"  # it had no December 30 in 2011
        return
    assert calendar.day_of(start) == calendar.day_of(end - 1) == day
    assert calendar.day_of(end) > day
    assert calendar.day_of(start - 1) < day


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2026-03-09", date(2026, 3, 9)),
        (" 2026-03-09 ", date(2026, 3, 9)),
        ("2026-03-09T20:30", ms("2026-03-10T00:30Z")),
        ("2026-03-09T20:30-04:00", ms("2026-03-10T00:30Z")),
        ("2026-03-09T20:30Z", ms("2026-03-09T20:30Z")),
        (0, 0),
        (1.5, 1),
        ("2026-02-30", None),
        ("tomorrow", None),
        ("", None),
        (True, None),
        (None, None),
        (float("nan"), None),
        (10**20, None),
        ([], None),
    ],
)
def test_what_a_date_says(value: object, read: object) -> None:
    found = NEW_YORK.read(value)
    assert found == read
    assert isinstance(found, int) is isinstance(read, int)


@pytest.mark.parametrize("value", ["2026-03-09", "2026-03-09T20:30-04:00", "2026-11-01T01:30-05:00"])
def test_a_date_is_written_as_it_was_read(value: str) -> None:
    when = NEW_YORK.read(value)
    assert when is not None
    assert NEW_YORK.write(when) == value


def test_a_day_is_over_at_its_local_end() -> None:
    day = date(2026, 3, 9)
    for bound, over in [
        ("2026-03-09T23:59:59-04:00", False),
        ("2026-03-10T00:00-04:00", True),
        ("2026-03-10T00:00Z", False),
    ]:
        assert NEW_YORK.is_before(day, ms(bound)) is over
    assert NEW_YORK.is_before(day, date(2026, 3, 10))
    assert not NEW_YORK.is_before(day, day)
    assert NEW_YORK.is_before(ms("2026-03-09T03:59Z"), day)
    assert not NEW_YORK.is_before(ms("2026-03-09T04:00Z"), day)


@given(ZONES, DAYS, st.integers(-3, 3), st.integers(0, 24 * HOUR))
def test_days_and_their_instants_are_in_the_same_order(zone: str, day: date, later: int, offset: int) -> None:
    """For a bound that is a day, an instant counts like its day."""
    calendar = Calendar(ZoneInfo(zone))
    bound = day + timedelta(days=later)
    instant = calendar.start_of(day) + offset
    assert calendar.is_before(instant, bound) is calendar.is_before(calendar.day_of(instant), bound)


@pytest.mark.parametrize(
    ("when", "interval", "name"),
    [
        (date(2026, 3, 9), "day", "2026-03-09"),
        (ms("2026-03-09T02:00Z"), "day", "2026-03-08"),
        (date(2026, 3, 9), "month", "2026-03"),
        (ms("2026-03-01T02:00Z"), "month", "2026-02"),
        (date(2026, 3, 7), "week", "2026-03-01/2026-03-07"),
        (date(2026, 3, 8), "week", "2026-03-08/2026-03-14"),
    ],
)
def test_periods_of_new_york_whose_weeks_begin_on_sunday(when: date | int, interval: str, name: str) -> None:
    assert NEW_YORK.period(when, interval) == name  # type: ignore[arg-type]  # the table's words


@pytest.mark.parametrize(
    ("day", "name"),
    [(date(2026, 3, 8), "2026-W10"), (date(2026, 3, 9), "2026-W11"), (date(2027, 1, 1), "2026-W53")],
)
def test_weeks_that_begin_on_monday_have_iso_numbers(day: date, name: str) -> None:
    assert BERLIN.period(day, "week") == name


@given(DAYS, st.integers(0, 6))
def test_a_week_begins_on_its_first_weekday_and_contains_its_day(day: date, week_start: int) -> None:
    first = Calendar(ZoneInfo("UTC"), week_start).week_of(day)
    assert first.weekday() == week_start
    assert 0 <= (day - first).days <= 6


@given(DAYS)
def test_months_follow_each_other(day: date) -> None:
    first, following = UTC_CALENDAR.month_of(day), UTC_CALENDAR.next_month(day)
    assert first.day == following.day == 1
    assert first <= day < following
    assert (following - timedelta(days=1)).month == day.month


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "0001-01-01T00:00Z", "9999-12-31T23:59Z"])
def test_dates_that_some_zone_can_not_hold_are_none(text: str) -> None:
    assert UTC_CALENDAR.read(text) is None


def test_the_ends_of_the_range_can_be_shown_in_every_zone() -> None:
    for text in ("0001-01-03", "9999-12-29", "0001-01-03T00:00Z", "9999-12-29T00:00Z"):
        when = UTC_CALENDAR.read(text)
        assert when is not None
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            calendar = Calendar(ZoneInfo(zone))
            assert calendar.write(when)
            assert calendar.period(when, "week")
            assert calendar.end_of(calendar.day_of(when)) > calendar.start(when)
    assert datetime(1, 1, 3, tzinfo=UTC).date() == UTC_CALENDAR.read("0001-01-03")
