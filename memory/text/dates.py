"""Dates in texts: how they are written, and the words by which they are indexed, however they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_MONTH_NAMES: Final = {name[:3]: number for number, name in enumerate(MONTHS, start=1)} | {
    name: number for number, name in enumerate(MONTHS, start=1)
}
_MONTH: Final = "(?P<{}>" + "|".join(sorted([*_MONTH_NAMES, "sept"], key=len, reverse=True)) + r")\b\.?"
_DAY: Final = r"(?P<{}>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_YEAR: Final = r"(?:,?\s+(?P<{}>(?:19|20)\d\d))?"

# 2024-05-20, 2024/5/20 · 20 May 2024, 20th of May · May 20, 2024, May 20th · May 2024
DATE: Final = re.compile(
    r"\b(?:"
    r"(?P<y1>(?:19|20)\d\d)[-/.](?P<m1>1[0-2]|0?[1-9])[-/.](?P<d1>3[01]|[12]\d|0?[1-9])(?!\d)"
    rf"|{_DAY.format('d2')}\s+(?:of\s+)?{_MONTH.format('m2')}{_YEAR.format('y2')}"
    rf"|{_MONTH.format('m3')}\s+{_DAY.format('d3')}\b(?!:){_YEAR.format('y3')}"
    rf"|{_MONTH.format('m4')},?\s+(?:of\s+)?(?P<y4>(?:19|20)\d\d)\b"
    r")"
)
# Every date has one of these. Looking for them takes a fifth of the time of the search.
_MONTH_STEMS: Final = tuple(name[:3] for name in MONTHS)
_NUMERIC: Final = re.compile(r"(?:19|20)\d\d[-/.]\d")


def dates_in(text: str) -> Iterator[re.Match[str]]:
    """The matches of `DATE` in a normalised text, in order."""
    if any(stem in text for stem in _MONTH_STEMS) or _NUMERIC.search(text):
        yield from DATE.finditer(text)


def date_words(match: re.Match[str]) -> list[str]:
    """The words for a match of `DATE`: see `_words`."""
    found = {name[0]: value for name, value in match.groupdict().items() if value is not None}
    month = int(found["m"]) if found["m"].isdecimal() else _MONTH_NAMES[found["m"][:3]]
    year, day = found.get("y"), found.get("d")
    return _words(int(year) if year else None, month, int(day) if day else None)


def _words(year: int | None, month: int, day: int | None) -> list[str]:
    """The month's name, the day, the year, and the month combined with each of them ("may5")."""
    name = MONTHS[month - 1]
    words = [name]
    for number in (day, year):
        if number is not None:
            words += [str(number), f"{name[:3]}{number}"]
    return words
