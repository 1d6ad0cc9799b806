"""Decoding one whole block through ijson's C builder: the one place that names a backend."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Any

# Never fall back to ijson's other backends: they report faults differently.
from ijson.backends.yajl2_c import items_coro
from ijson.common import JSONError

from parser.surrogates import well_formed_json

JsonValue = Any
DECODE_ERRORS = (JSONError, ArithmeticError, ValueError, SystemError)
"""What ijson raises for wrong JSON, and for a number that no Python value can hold."""

_ENDLESS = re.compile(r"[0-9]{4000}")


class _Items(list[JsonValue]):
    """What an ijson coroutine sends the values to."""

    send = list.append


class Decoder:
    """Decodes whole JSON objects, one after another.

    For ijson they are the elements of one array, because a new start costs as much as a small block.
    """

    __slots__ = ("_items", "_push")

    def __init__(self) -> None:
        self._items = _Items()
        self._push: Callable[[bytes], object] | None = None

    def decode(self, source: str) -> dict[str, JsonValue]:
        """The object that `source` is. Raises one of `DECODE_ERRORS`.

        Integers are exact, other numbers are floats, an unpaired surrogate is U+FFFD. ijson keeps the path of every
        open container, so `source` must not be nested deeply.
        """
        if "\x0b" in source or "\x0c" in source:
            raise ValueError("yajl takes vertical tab and form feed for white space")
        if "\\" in source:
            source = well_formed_json(source)
        items = self._items
        push = self._push
        self._push = None
        separator = ","
        if push is None:
            push = items_coro(items, "item", use_float=True).send
            separator = "["
        try:
            push((separator + source).encode())
        except JSONError as error:
            items.clear()
            if "overflow" not in str(error):
                raise
            return _decode_exactly(source)
        if len(items) != 1 or type(items[0]) is not dict or source[-1] != "}":
            items.clear()
            raise ValueError("not one whole object")
        self._push = push
        value: dict[str, JsonValue] = items.pop()
        return value


def _decode_exactly(source: str) -> dict[str, JsonValue]:
    """With an integer that needs more than 64 bits, or a float that is out of range: slower, and exact."""
    # int() refuses more digits, inside yajl2_c, which goes on with a null pointer.
    if _ENDLESS.search(source):
        raise OverflowError("a number has more digits than Python reads")
    items = _Items()
    items_coro(items, "").send(source.encode())
    if not items or type(items[0]) is not dict:
        raise ValueError("not one whole object")
    value: dict[str, JsonValue] = _with_floats(items[0])
    return value


def _with_floats(value: JsonValue) -> JsonValue:
    """`value` with floats for decimals. Raises `OverflowError` for one that is not finite."""
    if isinstance(value, dict):
        return {key: _with_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_floats(item) for item in value]
    if isinstance(value, Decimal):
        number = float(value)
        if not isfinite(number):
            raise OverflowError("a number is out of range")
        return number
    return value
