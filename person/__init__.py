"""The person's locale and calendar: their time zone, language, first day of the week, and what a day is for them.

Pure, and the only place that does calendar arithmetic in a time zone. Everything that shows or compares days uses it.
"""

from person.calendar import UTC_CALENDAR, Calendar, Interval, When
from person.day_forms import DAY_FIELDS, MOMENT_FIELDS, DayForm, DayForms
from person.day_words import day_in_words
from person.locale import (
    UNSTATED,
    HourCycle,
    Locale,
    LocaleSource,
    StatedLocale,
    language_tag,
    remembered_locale,
    resolve_locale,
)
from person.past_days import PastDays, past_days
from person.periods import Period, days_in_words, period_in_words
from person.sentences import ENGLISH, LANGUAGES, Sentences
from person.weeks import WEEKDAYS
from person.zones import UnknownZone, zone_named

__all__ = [
    "DAY_FIELDS",
    "ENGLISH",
    "LANGUAGES",
    "MOMENT_FIELDS",
    "UNSTATED",
    "UTC_CALENDAR",
    "WEEKDAYS",
    "Calendar",
    "DayForm",
    "DayForms",
    "HourCycle",
    "Interval",
    "Locale",
    "LocaleSource",
    "PastDays",
    "Period",
    "Sentences",
    "StatedLocale",
    "UnknownZone",
    "When",
    "day_in_words",
    "days_in_words",
    "language_tag",
    "past_days",
    "period_in_words",
    "remembered_locale",
    "resolve_locale",
    "zone_named",
]
