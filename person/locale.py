"""The person's locale of one request, made from what each source says about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from person.calendar import Calendar
from person.weeks import week_start_of, weekday_named
from person.zones import UnknownZone, zone_named

LocaleSource = Literal["request", "device", "accept_language", "memory", "default"]
"""Where a value comes from: the body of a REST request, the device's last frame about it, the header Accept-Language,
the person's preferences in core memory, or none of them."""

HourCycle = Literal["h11", "h12", "h23", "h24"]
"""As in `Intl.DateTimeFormat`."""

_LOCALES: Final = 512
"""Locales that are kept, because each request asks for the same few several times."""
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")


_MAX_LANGUAGE_CHARS: Final = 35
"""RFC 5646, section 4.4.1: a tag of this length holds every part that a language, script and region need."""


def language_tag(text: str) -> str | None:
    """`text` if it has the form of a BCP 47 tag of at most 35 characters."""
    return text if len(text) <= _MAX_LANGUAGE_CHARS and _LANGUAGE.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class StatedLocale:
    """What one source says. None means that it says nothing about that value.

    `time_zone` is a known IANA name, `language` a BCP 47 tag, `week_start` the number of a weekday, 0 for Monday.
    """

    source: LocaleSource
    time_zone: str | None = None
    language: str | None = None
    week_start: int | None = None
    hour_cycle: HourCycle | None = None


@dataclass(frozen=True, slots=True)
class Locale:
    """The locale of a request, with the source of each value. Without any source: UTC, and weeks begin on Monday."""

    time_zone: str = "UTC"
    language: str | None = None
    week_start: int = 0
    hour_cycle: HourCycle | None = None
    time_zone_source: LocaleSource = "default"
    language_source: LocaleSource = "default"
    week_start_source: LocaleSource = "default"
    hour_cycle_source: LocaleSource = "default"

    @property
    def calendar(self) -> Calendar:
        return _calendar(self.time_zone, self.week_start)


@lru_cache(_LOCALES)
def _calendar(time_zone: str, week_start: int) -> Calendar:
    return Calendar(zone_named(time_zone), week_start)


UNSTATED: Final = Locale()
"""The locale of a person about whom nothing is known."""


@lru_cache(_LOCALES)
def resolve_locale(*stated: StatedLocale | None) -> Locale:
    """The locale of a request. For each value the first source that states it counts.

    If no source states the first day of the week, the region of the language decides.
    """
    sources = [one for one in stated if one is not None]
    zone = next((one for one in sources if one.time_zone is not None), None)
    language = next((one for one in sources if one.language is not None), None)
    week = next((one for one in sources if one.week_start is not None), None)
    hours = next((one for one in sources if one.hour_cycle is not None), None)
    week_start, week_source = (week.week_start, week.source) if week is not None else (None, UNSTATED.week_start_source)
    if week_start is None and language is not None:
        week_start, week_source = week_start_of(language.language), language.source
    return Locale(
        time_zone=(zone.time_zone if zone is not None else None) or UNSTATED.time_zone,
        language=language.language if language is not None else None,
        week_start=UNSTATED.week_start if week_start is None else week_start,
        hour_cycle=hours.hour_cycle if hours is not None else None,
        time_zone_source=zone.source if zone is not None else "default",
        language_source=language.source if language is not None else "default",
        week_start_source=week_source if week_start is not None else "default",
        hour_cycle_source=hours.source if hours is not None else "default",
    )


def remembered_locale(preferences: Mapping[str, Any]) -> StatedLocale:
    """What the person's preferences in core memory say, if they are IANA names, BCP 47 tags and weekdays."""
    zone = language = None
    with suppress(UnknownZone):
        zone = zone_named(str(preferences.get("time_zone"))).key
    said = preferences.get("language")
    # "German" is a preference for the model, but no tag.
    if isinstance(said, str) and _LANGUAGE.fullmatch(said.strip()):
        language = said.strip()
    return StatedLocale("memory", zone, language, weekday_named(preferences.get("week_start")))
