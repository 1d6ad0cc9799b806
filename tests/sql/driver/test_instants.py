"""Times at and beyond the ends of Python's range: no stored time makes reading the others fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sql.driver.instants import EARLIEST, LATEST, storable
from sql.pool import Pool

EAST, WEST = timezone(timedelta(hours=14)), timezone(-timedelta(hours=14))


@pytest.mark.parametrize(
    ("when", "held"),
    [
        (datetime(1, 1, 1, tzinfo=EAST), EARLIEST),
        (datetime.min.replace(tzinfo=UTC), EARLIEST),
        (datetime.max.replace(tzinfo=WEST), LATEST),
        (datetime.max.replace(tzinfo=UTC), LATEST),
        (datetime(2026, 1, 2, 3, tzinfo=EAST), datetime(2026, 1, 2, 3, tzinfo=EAST)),
        (datetime(2026, 1, 2, 3), datetime(2026, 1, 2, 3, tzinfo=UTC)),  # noqa: DTZ001  # that one has none is the point
    ],
)
def test_what_is_written_fits_every_zone(when: datetime, held: datetime) -> None:
    assert storable(when) == held
    for zone in (EAST, WEST, timezone(timedelta(hours=23, minutes=59)), timezone(-timedelta(hours=23, minutes=59))):
        assert storable(when).astimezone(zone) == held


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Honolulu"])
async def test_every_time_of_the_database_can_be_read(pool: Pool, zone: str, binary: bool) -> None:
    times = {
        "4713-01-01 00:00:00+00 BC": EARLIEST,
        "0001-12-31 10:00:00+00 BC": EARLIEST,
        "0001-01-01 00:00:00+00": EARLIEST,
        "-infinity": EARLIEST,
        "2026-01-02 03:04:05.678+00": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        "9999-12-31 23:59:59+00": LATEST,
        "10000-01-01 13:00:00+00": LATEST,
        "294276-01-01 00:00:00+00": LATEST,
        "infinity": LATEST,
    }
    async with pool.connection() as connection:
        await connection.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        cursor = await connection.execute("SELECT unnest(%s::text[])::timestamptz", [list(times)], binary=binary)
        assert [row[0] for row in await cursor.fetchall()] == list(times.values())
