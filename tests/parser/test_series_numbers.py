"""Numbers of a series that a model wrote as texts: read if they have one reading, else left as written."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parser.series_numbers import series_numbers
from tests.parser.shown import CHART, seen

READ: list[tuple[list[Any], list[Any], str]] = [
    (["3", "2.50", "-7"], [3, 2.5, -7], ""),
    (["+7", " 4 ", "1e3", ".5"], [7, 4, 1000.0, 0.5], ""),
    (["1.200"], [1.2], ""),  # a number of JSON in quotes
    (["25%", "75 %"], [25, 75], "%"),
    (["12.5%", None, "n/a"], [12.5, None, None], "%"),
    (["$1,200.50", "-$3", "$-4"], [1200.5, -3, -4], "$"),
    (["€ 3", "3,50 €"], [3, 3.5], "€"),
    (["12,345,678"], [12345678], ""),
    (["1,200", "12,345,678"], [1200, 12345678], ""),
    (["1,200", "950.5"], [1200, 950.5], ""),
    (["1,200", "0,5"], [1.2, 0.5], ""),
    (["1.234.567,5"], [1234567.5], ""),
    (["1,200", "2.125,5"], [1.2, 2125.5], ""),
    (["12,5", 3], [12.5, 3], ""),
    (["1 200", "1\u202f200,50"], [1200, 1200.5], ""),
    (["1'000", "1_000", "1\u2019000.5"], [1000, 1000, 1000.5], ""),
    (["12,34,567"], [1234567], ""),
    (["\u0663", "\u0663\u066b\u0665"], [3, 3.5], ""),  # Arabic digits
    (["\u22123"], [-3], ""),
    (["-", "\u2013", "\u2014", "null", "", 2], [None, None, None, None, None, 2], ""),
]
REFUSED: list[list[Any]] = [
    ["1,200"],
    ["1,200", "3"],
    ["1.200", "1.234,5"],
    ["$12.500"],
    ["25%", 3],
    ["25%", "3"],
    ["$3", "€3"],
    ["3 h"],
    ["1/2"],
    ["10:30"],
    ["2024-01-02"],
    ["007"],
    ["1,2,3"],
    ["1 2"],
    ["1 200 3"],
    ["--5"],
    ["5."],
    ["1e999"],
    ["0x1F"],
    ["$3%"],
    [True],
    [[1]],
]


@pytest.mark.parametrize(("values", "numbers", "unit"), READ)
def test_read(values: list[Any], numbers: list[Any], unit: str) -> None:
    read = series_numbers(values)
    assert read is not None
    assert (list(read.values), read.unit) == (numbers, unit)


@pytest.mark.parametrize("values", REFUSED)
def test_refused(values: list[Any]) -> None:
    assert series_numbers(values) is None


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=5))
def test_numbers_in_english_and_german_spelling_keep_their_values(numbers: list[Decimal]) -> None:
    english = [f"{number:,}" for number in numbers]
    swap = str.maketrans(",.", ".,")
    german = [text.translate(swap) for text in english]
    for texts in (english, german):
        read = series_numbers(texts)
        assert read is not None
        assert list(read.values) == [float(number) for number in numbers]


def chart(*values: Any) -> dict[str, Any]:
    return {**CHART, "data": [{"s": str(number), "n": value} for number, value in enumerate(values)]}


def test_a_unit_goes_into_the_label() -> None:
    shown = chart(25, None, 75.5)
    shown["config"] = {"n": {"label": "N (%)", "color": "c"}}
    assert seen(json.dumps(chart("25%", "-", "75.5%"))) == [shown]


def test_a_unit_that_the_label_has_is_not_repeated() -> None:
    config = {"n": {"label": "Share in %", "color": "c"}}
    assert seen(json.dumps({**chart("25%"), "config": config})) == [{**chart(25), "config": config}]


def test_a_chart_with_two_readings_is_rejected() -> None:
    assert seen(json.dumps(chart("1,200", "3"))) == []
