"""The locale that the terminal client reads from the system."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from client.terminal.system_locale import ToldLocale, system_locale
from person import zone_named
from streaming.wire import WsLocale, WsLocaleChanged


@pytest.mark.parametrize(
    ("environment", "locale"),
    [
        ({"TZ": "Europe/Vienna", "LANG": "de_AT.UTF-8"}, WsLocale(time_zone="Europe/Vienna", language="de-AT")),
        ({"TZ": ":Asia/Kathmandu", "LANG": "C"}, WsLocale(time_zone="Asia/Kathmandu")),
        ({"TZ": "UTC", "LC_ALL": "en_US", "LANG": "de_DE"}, WsLocale(time_zone="UTC", language="en-US")),
        ({"TZ": "UTC", "LC_TIME": "pt_BR@euro"}, WsLocale(time_zone="UTC", language="pt-BR")),
        ({"TZ": "EST5EDT4,M3"}, None),
    ],
)
def test_the_environment_names_zone_and_language(environment: Mapping[str, str], locale: WsLocale | None) -> None:
    assert system_locale(environment) == locale


def test_without_a_variable_the_system_names_the_zone() -> None:
    found = system_locale({})
    assert found is None or zone_named(found.time_zone or "").key == found.time_zone


def test_the_server_is_told_of_a_journey_once() -> None:
    home, away = WsLocale(time_zone="Europe/Vienna"), WsLocale(time_zone="Asia/Kathmandu")
    places = [home, home, away, away, None, home]
    told = ToldLocale(lambda: places.pop(0))
    assert told.for_hello() == home
    assert told.changed() is None
    assert told.changed() == WsLocaleChanged(locale=away)
    assert told.changed() is None
    assert told.changed() is None
    assert told.changed() == WsLocaleChanged(locale=home)
    assert ToldLocale().for_hello() is None
    assert ToldLocale().changed() is None
