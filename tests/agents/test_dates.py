from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.dates import date_argument, is_within, with_local_times
from person import UTC_CALENDAR, Calendar

MARCH_9 = 1_773_014_400_000
HOUR = 3_600_000
NEW_YORK = Calendar(ZoneInfo("America/New_York"))
KATHMANDU = Calendar(ZoneInfo("Asia/Kathmandu"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-09", "2026-03-09"),
        (" 2026-03-09 ", "2026-03-09"),
        ("2026-03-09T00:00", MARCH_9 + 4 * HOUR),
        ("2026-03-09T20:30", MARCH_9 + 24 * HOUR + HOUR // 2),
        ("2026-03-09T00:00:00Z", MARCH_9),
        ("2026-03-09T02:00:00+02:00", MARCH_9),
        ("2026-03-09T00:00:00.250Z", MARCH_9 + 250),
        (MARCH_9, MARCH_9),
        (float(MARCH_9), MARCH_9),
        (str(MARCH_9), MARCH_9),
    ],
)
def test_dates_a_model_writes_are_days_or_instants_of_the_persons_zone(value: Any, expected: str | int) -> None:
    assert date_argument(value, NEW_YORK) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("tomorrow", "", "2026-13-01", "2026-02-30", "2026-02-30T10:00", "09/03/2026", "9" * 15, "9" * 400),
        *(20260309, 1_773_014_400, True, 1.5, MARCH_9 + 0.5, float("nan"), float("inf"), None, [], 10**30),
    ],
)
def test_a_value_that_is_not_a_date_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        date_argument(value, UTC_CALENDAR)


@pytest.mark.parametrize(
    ("value", "calendar", "text"),
    [
        (MARCH_9, NEW_YORK, "2026-03-08T20:00-04:00"),
        (float(MARCH_9), KATHMANDU, "2026-03-09T05:45+05:45"),
        (MARCH_9, UTC_CALENDAR, "2026-03-09T00:00Z"),
        ("2026-03-09T00:00:00Z", NEW_YORK, "2026-03-08T20:00-04:00"),
        ("2026-03-09", NEW_YORK, None),
        ("soon", NEW_YORK, None),
        (1e300, NEW_YORK, None),
        (float("nan"), NEW_YORK, None),
        (True, NEW_YORK, None),
    ],
)
def test_instants_are_local_times_of_the_persons_zone(value: Any, calendar: Calendar, text: str | None) -> None:
    copied = with_local_times({"id": "t1", "dueDate": value}, calendar)
    assert copied["id"] == "t1"
    assert copied["dueDate"] is value if text is None else copied["dueDate"] == text


@given(
    st.integers(min_value=100_000_000_000 // 60_000 + 1, max_value=253_402_000_000_000 // 60_000),
    st.sampled_from([UTC_CALENDAR, NEW_YORK, KATHMANDU]),
)
def test_the_model_may_write_a_date_as_it_reads_it(minute: int, calendar: Calendar) -> None:
    text = with_local_times({"date": minute * 60_000}, calendar)["date"]
    assert date_argument(text, calendar) == minute * 60_000


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00", "0001-01-01", "9999-12-31"])
def test_a_date_that_some_zone_can_not_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        date_argument(text, UTC_CALENDAR)


@given(st.datetimes(timezones=st.timezones() | st.sampled_from([timezone(timedelta(hours=h)) for h in (-23, 14)])))
def test_every_date_of_an_item_can_be_written_in_every_zone(moment: datetime) -> None:
    for calendar in (UTC_CALENDAR, NEW_YORK, KATHMANDU, Calendar(ZoneInfo("Pacific/Kiritimati"))):
        when = calendar.read(moment.isoformat())
        assert when is None or calendar.write(when)


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        ("2026-03-08", False),
        ("2026-03-09", True),
        ("2026-03-10", False),
        (MARCH_9 + 3 * HOUR, False),  # 23:00 on March 8 in New York
        (MARCH_9 + 4 * HOUR, True),
        (MARCH_9 + 28 * HOUR - 1, True),
        (MARCH_9 + 28 * HOUR, False),
        (None, False),
    ],
)
def test_a_range_of_days_has_the_days_and_the_instants_of_these_days(value: Any, inside: bool) -> None:
    bounds = {"after": "2026-03-09", "before": "2026-03-10"}
    assert is_within(NEW_YORK.read(value), bounds, NEW_YORK) is inside


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("today", "2026-03-08"),  # in New York it is still Sunday
        ("tomorrow", "2026-03-09"),
        ("next tuesday", "2026-03-10"),
        ("+3d", "2026-03-11"),
        ("tomorrow 14:30", MARCH_9 + 18 * HOUR + HOUR // 2),
        ("tomorrow at 9:00", MARCH_9 + 13 * HOUR),
    ],
)
def test_words_are_dates_of_the_persons_calendar(words: str, expected: str | int) -> None:
    assert date_argument(words, NEW_YORK, MARCH_9) == expected


@pytest.mark.parametrize("words", ["soon", "tomorrow 25:00", "soon 14:30"])
def test_other_words_are_refused(words: str) -> None:
    with pytest.raises(ValueError, match="tomorrow"):
        date_argument(words, NEW_YORK, MARCH_9)
