"""The person's locale, from the system's time zone and the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

import tzlocal

from person import UnknownZone, zone_named
from streaming.wire import WsLocale, WsLocaleChanged

_VARIABLES: Final = ("LC_ALL", "LC_TIME", "LANG")
_NO_LANGUAGE: Final = {"C", "POSIX", ""}


def system_locale(environment: Mapping[str, str] = os.environ) -> WsLocale | None:
    """The locale now; None if the system does not name its time zone."""
    name = environment.get("TZ", "").removeprefix(":") or tzlocal.reload_localzone().key
    try:
        zone = zone_named(name).key
    except UnknownZone:
        return None
    return WsLocale(time_zone=zone, language=_language(environment))


class ToldLocale:
    """The locale that the server was last told. `read` returns the person's locale now."""

    def __init__(self, read: Callable[[], WsLocale | None] = lambda: None) -> None:
        self._read = read
        self._told: WsLocale | None = None

    def for_hello(self) -> WsLocale | None:
        """The locale for `device_hello`."""
        self._told = self._read()
        return self._told

    def changed(self) -> WsLocaleChanged | None:
        """The frame to send before a request if the person has travelled; else None."""
        locale = self._read()
        if locale is None or locale == self._told:
            return None
        self._told = locale
        return WsLocaleChanged(locale=locale)


def _language(environment: Mapping[str, str]) -> str | None:
    """`de_AT.UTF-8` as `de-AT`."""
    said = next((value for name in _VARIABLES if (value := environment.get(name))), "")
    language = said.partition(".")[0].partition("@")[0]
    return None if language in _NO_LANGUAGE else language.replace("_", "-")
