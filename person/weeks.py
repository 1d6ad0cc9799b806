"""The first day of the week, by its name and by the region of a language tag."""

from __future__ import annotations

from typing import Final

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""The number of a weekday is its index, as in `date.weekday`."""

_MONDAY: Final = 0

# CLDR 46, supplemental/weekData.xml, firstDay. Weeks begin on Monday in all other regions.
_SUNDAY_REGIONS: Final = frozenset(
    (  # noqa: SIM905 - a table that can be compared with its source
        "AG AS BD BR BS BT BW BZ CA CO DM DO ET GT GU HK HN ID IL IN JM JP KE KH KR LA MH MM MO MT MX MZ NI NP PA PE PH"
        " PK PR PT PY SA SG SV TH TT TW UM US VE VI WS YE ZA ZW"
    ).split()
)
_SATURDAY_REGIONS: Final = frozenset("AE AF BH DJ DZ EG IQ IR JO KW LY OM QA SD SY".split())  # noqa: SIM905
_FRIDAY_REGIONS: Final = frozenset(("MV",))


def weekday_named(name: object) -> int | None:
    """The number of a weekday from its English name or its first three letters, in any case; None for other values."""
    if not isinstance(name, str):
        return None
    wanted = name.strip().casefold()
    return next(
        (number for number, known in enumerate(WEEKDAYS) if wanted == known or (wanted and wanted == known[:3])), None
    )


def week_start_of(language: str | None) -> int | None:
    """The first day of the week in the region of a BCP 47 tag such as `en-US`; None if the tag has no region."""
    for part in (language or "").split("-")[1:]:
        if len(part) == 1:
            break  # an extension follows, such as `u-ca-buddhist`
        if len(part) == 2 and part.isalpha():
            region = part.upper()
            for number, regions in ((6, _SUNDAY_REGIONS), (5, _SATURDAY_REGIONS), (4, _FRIDAY_REGIONS)):
                if region in regions:
                    return number
            return _MONDAY
    return None
