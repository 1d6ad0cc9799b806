from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.dates import iso_utc, item_ms, to_epoch_ms

MARCH_9 = 1_773_014_400_000


@pytest.mark.parametrize(
    ("value", "epoch_ms"),
    [
        ("2026-03-09", MARCH_9),
        (" 2026-03-09 ", MARCH_9),
        ("2026-03-09T00:00", MARCH_9),
        ("2026-03-09T00:00:00Z", MARCH_9),
        ("2026-03-09T02:00:00+02:00", MARCH_9),
        ("2026-03-09T00:00:00.250Z", MARCH_9 + 250),
        (MARCH_9, MARCH_9),
        (float(MARCH_9), MARCH_9),
        (str(MARCH_9), MARCH_9),
    ],
)
def test_dates_a_model_writes(value: Any, epoch_ms: int) -> None:
    assert to_epoch_ms(value) == epoch_ms


@pytest.mark.parametrize(
    "value",
    ["tomorrow", "", "2026-13-01", "09/03/2026", 20260309, 1_773_014_400, True, 1.5, None, [], 10**30, "9" * 15],
)
def test_a_value_that_is_not_a_date_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match="2026-03-09"):
        to_epoch_ms(value)


@pytest.mark.parametrize(
    ("epoch_ms", "text"),
    [
        (MARCH_9, "2026-03-09"),
        (MARCH_9 + 52_200_000, "2026-03-09T14:30Z"),
        (float(MARCH_9), "2026-03-09"),
        (0, "1970-01-01"),
        (1e300, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_dates_a_model_reads(epoch_ms: float, text: str | None) -> None:
    assert iso_utc(epoch_ms) == text


@given(st.integers(min_value=100_000_000_000 // 60_000 + 1, max_value=253_402_300_799_999 // 60_000))
def test_the_model_may_write_a_date_as_it_reads_it(minute: int) -> None:
    text = iso_utc(minute * 60_000)
    assert text is not None
    assert to_epoch_ms(text) == minute * 60_000


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00"])
def test_a_moment_outside_the_years_1_to_9999_is_not_a_date(text: str) -> None:
    assert item_ms(text) is None
    with pytest.raises(ValueError, match="2026-03-09"):
        to_epoch_ms(text)


@given(st.datetimes(timezones=st.timezones() | st.sampled_from([timezone(timedelta(hours=h)) for h in (-23, 14)])))
def test_every_moment_of_an_item_can_be_converted_back(moment: datetime) -> None:
    found = item_ms(moment.isoformat())
    assert found is None or iso_utc(found) is not None
