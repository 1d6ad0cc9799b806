"""Numbers that a model wrote as texts in a series: with thousands separators, a percent sign or a currency symbol.

A text is read only if it has one reading. `1,200` is 1200 or 1.2, so another text of its series must tell which.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import decimal

Number = int | float

_JSON = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")
_UNIT = "[%‰$€£¥₹₩₽₺₪₫฿₴₦]"
_TEXT = re.compile(
    rf"(?P<sign>[+-]?)[ \u00a0]?(?P<before>{_UNIT}?)[ \u00a0]?(?P<inner>[+-]?)"
    rf"(?P<digits>[0-9.][0-9eE.,'_ \u00a0\u2009\u202f+-]{{0,60}}?)[ \u00a0\u202f]?(?P<after>{_UNIT}?)"
)
_CLEAR_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?P<group>['_ \u00a0\u2009\u202f])[0-9]{3}(?:(?P=group)[0-9]{3}){0,9}")
_POINT = re.compile(
    r"(?:0|[1-9][0-9]{0,30}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,9}|[1-9][0-9]?(?:,[0-9]{2}){1,9},[0-9]{3})(?:\.[0-9]{1,30})?"
    r"|\.[0-9]{1,30}"
)
_COMMA = re.compile(r"(?:0|[1-9][0-9]{0,30}|[1-9][0-9]{0,2}(?:\.[0-9]{3}){1,9})(?:,[0-9]{1,30})?")
_SAME = str.maketrans({"−": "-", "’": "'", "٫": ".", "٬": "'"})
_GAPS = frozenset(("", "null", "none", "nil", "n/a", "na", "nan", "undefined", "-", "--", "\N{EN DASH}", "\N{EM DASH}"))


@dataclass(frozen=True, slots=True)
class SeriesNumbers:
    """The values of a series: numbers, and None for gaps."""

    values: tuple[Number | None, ...]
    unit: str
    """The percent sign or the currency symbol that all texts have; empty if none has one."""


def is_gap(value: Any) -> bool:
    """Whether a value of a series says that there is none."""
    return value is None or (isinstance(value, str) and value.strip().lower() in _GAPS)


def series_numbers(values: Sequence[Any]) -> SeriesNumbers | None:
    """The numbers of a series; None if a value is not a number or has two readings."""
    texts: list[_Text] = []
    bare = 0
    for value in values:
        if isinstance(value, str) and not is_gap(value):
            text = _text(value)
            if text is None:
                return None
            texts.append(text)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            bare += 1
        elif not is_gap(value):
            return None
    units = {text.unit for text in texts}
    if len(units) > 1 or (bare and units - {""}):
        return None
    numbers = _numbers([text.digits for text in texts], of_json=units <= {""})
    if numbers is None:
        return None
    read = iter(numbers)
    return SeriesNumbers(
        tuple(None if is_gap(value) else next(read) if isinstance(value, str) else value for value in values),
        next(iter(units), ""),
    )


@dataclass(frozen=True, slots=True)
class _Text:
    digits: str
    """With its sign, and without its unit."""
    unit: str


def _text(written: str) -> _Text | None:
    plain = "".join(
        str(decimal(character)) if character.isdecimal() else character for character in written.strip()[:100]
    ).translate(_SAME)
    match = _TEXT.fullmatch(plain)
    if match is None or (match["before"] and match["after"]) or (match["sign"] and match["inner"]):
        return None
    sign = (match["sign"] or match["inner"]).replace("+", "")
    return _Text(sign + match["digits"], match["before"] or match["after"])


def _numbers(texts: Sequence[str], *, of_json: bool) -> list[Number] | None:
    """The numbers, all by one convention for their separators. `of_json`: they may be numbers of JSON in quotes."""
    if of_json and all(_JSON.fullmatch(text) for text in texts):
        return [_value(text) for text in texts]
    with_point = _all(texts, _with_point)
    with_comma = _all(texts, _with_comma)
    if with_point is not None and with_comma is not None:
        return with_point if with_point == with_comma else None
    if with_comma is not None and any("." in text and _JSON.fullmatch(text) for text in texts):
        return None  # a number of JSON in quotes, next to others
    return with_point if with_comma is None else with_comma


def _all(texts: Sequence[str], read: Callable[[str], Number | None]) -> list[Number] | None:
    found = [read(text) for text in texts]
    numbers = [number for number in found if number is not None]
    return numbers if len(numbers) == len(found) else None


def _with_point(text: str) -> Number | None:
    """The number whose decimals follow a point."""
    plain = _clear(text)
    if _JSON.fullmatch(plain):
        return _value(plain)
    return _value(plain.replace(",", "")) if _POINT.fullmatch(plain.removeprefix("-")) else None


def _with_comma(text: str) -> Number | None:
    """The number whose decimals follow a comma."""
    plain = _clear(text)
    return _value(plain.replace(".", "").replace(",", ".")) if _COMMA.fullmatch(plain.removeprefix("-")) else None


def _clear(text: str) -> str:
    """Without separators that only stand between thousands. What follows them then has one reading."""
    groups = _CLEAR_GROUPS.match(text.removeprefix("-"))
    if groups is None:
        return text
    rest = text.removeprefix("-")[groups.end() :]
    return text[: len(text) - len(text.removeprefix("-"))] + groups.group().replace(groups["group"], "") + rest


def _value(text: str) -> Number:
    return float(text) if any(mark in text for mark in ".eE") else int(text)
