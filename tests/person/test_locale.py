"""Which source decides each value of the person's locale."""

from __future__ import annotations

from typing import Any

import pytest

from person import UNSTATED, Locale, StatedLocale, UnknownZone, remembered_locale, resolve_locale, zone_named


def test_without_any_source_it_is_utc_and_says_so() -> None:
    assert resolve_locale() == resolve_locale(None) == UNSTATED
    assert (UNSTATED.time_zone, UNSTATED.time_zone_source, UNSTATED.calendar.zone.key) == ("UTC", "default", "UTC")


def test_the_first_source_that_states_a_value_decides_it() -> None:
    found = resolve_locale(
        None,
        StatedLocale("request", language="fr-CA"),
        StatedLocale("device", "America/New_York", "en-US", hour_cycle="h12"),
        StatedLocale("memory", "Europe/Berlin", "de", week_start=0),
    )
    assert found == Locale(
        "America/New_York", "fr-CA", 0, "h12", "device", "request", "memory", "device"
    )  # weeks: memory states them, before the region of the language
    assert found.calendar.zone.key == "America/New_York"


@pytest.mark.parametrize(
    ("language", "first"),
    [
        ("en-US", 6),
        ("en-GB", 0),
        ("ar-EG", 5),
        ("dv-MV", 4),
        ("zh-Hant-TW", 6),
        ("en", 0),
        ("en-u-ca-us", 0),
        ("de-AT-1996", 0),
    ],
)
def test_the_region_of_the_language_says_when_weeks_begin(language: str, first: int) -> None:
    found = resolve_locale(StatedLocale("device", language=language))
    assert found.week_start == first


@pytest.mark.parametrize(
    ("preferences", "stated"),
    [
        ({}, StatedLocale("memory")),
        ({"time_zone": "Europe/Berlin"}, StatedLocale("memory", "Europe/Berlin")),
        ({"time_zone": "europe/berlin"}, StatedLocale("memory", "Europe/Berlin")),
        ({"time_zone": "Pacific time", "language": "German"}, StatedLocale("memory")),
        ({"time_zone": 5, "language": ["de"], "week_start": 7}, StatedLocale("memory")),
        ({"language": "pt-BR", "week_start": "Sunday"}, StatedLocale("memory", None, "pt-BR", 6)),
        ({"week_start": "mon"}, StatedLocale("memory", week_start=0)),
        ({"week_start": ""}, StatedLocale("memory")),
    ],
)
def test_preferences_count_if_they_are_names_of_zones_tags_and_weekdays(
    preferences: dict[str, Any], stated: StatedLocale
) -> None:
    assert remembered_locale(preferences) == stated


@pytest.mark.parametrize("name", ["UTC", "Etc/UTC", "US/Eastern", "Asia/Calcutta", "AMERICA/NEW_YORK"])
def test_every_name_of_the_database_is_known(name: str) -> None:
    assert zone_named(name).key.casefold() == name.casefold()


@pytest.mark.parametrize("name", ["", "Mars/Base", "localtime", "America", "../etc/passwd", "/etc/localtime", "UTC\0"])
def test_other_names_are_refused_with_an_example(name: str) -> None:
    with pytest.raises(UnknownZone, match="such as Europe/Berlin"):
        zone_named(name)
