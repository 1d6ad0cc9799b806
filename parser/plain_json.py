"""Decoding a plain block in one step with pydantic-core's reader. ijson is three to seven times as slow.

It takes only what ijson takes, with the same values. Everything else is a doubt: the block goes through ijson.
`tests/parser/test_plain_json.py` compares the two.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
# An integer part of fewer digits, with an exponent of at most two digits, is far below the largest float.
_MOST_DIGITS = b"0" * 100


def plain_object(encoded: bytes) -> dict[str, Any] | None:
    """The object that `encoded` is; None at any doubt: wrong JSON, an unpaired surrogate, a number out of range.

    Integers are exact, other numbers are floats. `encoded` must not be nested deeply.
    """
    shape = encoded.translate(_DIGITS)
    # from_json makes such a number infinite, which no JSON can spell.
    if b"0e000" in shape or b"0e+000" in shape or _MOST_DIGITS in shape:
        return None
    try:
        value = from_json(encoded, allow_inf_nan=False)
    except ValueError:
        return None
    return value if type(value) is dict else None
