"""The range of time that a question names ("last week"), in the person's time zone. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from memory.recall.search import TimeRange
from person import StatedLocale, past_days, resolve_locale

# Verbs that say nothing about the topic: "What did we discuss last week?" asks for everything of that week.
_ASKING: Final = re.compile(
    r"\b(?:discuss(?:ed)?|mention(?:ed)?|spoken?|speak|chat(?:ted)?|happen(?:ed)?|besprochen|gesprochen|geredet|gesagt"
    r"|passiert|gemacht|discute|parle|dit|fait|passe|hablamos|dije|dijimos|hicimos|paso)\b|話し(?:た|ました)|言い?(?:った|ました)",
    re.IGNORECASE,
)
# Zones are from UTC-12 to UTC+14.
_EARLIER: Final = timedelta(hours=14)
_LATER: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Past:
    """`rest` is the question without the words that name the range, and without verbs that name no topic."""

    range: TimeRange
    rest: str


def past_range(message: str, locales: Sequence[StatedLocale], at: datetime) -> Past | None:
    """The past range that `message` names, seen from `at`; None if it names none.

    If no locale states the time zone, the range has all instants that belong to its days in any time zone.
    """
    locale = resolve_locale(*locales)
    calendar = locale.calendar
    days = past_days(message, at.astimezone(calendar.zone).date(), calendar)
    if days is None:
        return None
    since = calendar.local(calendar.start_of(days.since))
    until = calendar.local(calendar.start_of(days.until))
    if locale.time_zone_source == "default":
        since, until = since - _EARLIER, until + _LATER
    return Past(TimeRange(since, until), _ASKING.sub(" ", days.rest))
