"""Repair of invalid JSON that never changes a readable number.

json-repair knows the faults that models make, but it also guesses. A guess that changes a number is refused here.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

import json_repair

from parser.surrogates import well_formed_json

MOST_CHARACTERS = 65_536
"""Longer sources are not repaired."""
MOST_WORK = 4_000_000
"""Characters times stray quotes: json-repair looks for the end of the string again after each."""

MOST_LEVELS = 64
"""Sources with more brackets inside one another are not repaired: json-repair reads the rest again for each of them."""

_SPACE = r"[ \t\r\n]*"
_OPENING = re.compile(rf'[{{\[,:]{_SPACE}"')
_CLOSING = re.compile(rf'"{_SPACE}[,:}}\]]')
_TOKEN = re.compile(
    r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'  # a string
    r"|//[^\n]*|/\*.*?(?:\*/|\Z)"  # a comment
    r"|(?P<bare>[^\s\"{}\[\],:]+)",  # a number, a literal, a word
    re.DOTALL,
)
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[(\[{)\]}]', re.DOTALL)
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NOT_A_NUMBER = re.compile(rf"(?P<before>[:\[,]{_SPACE})-?(?:NaN|Infinity|nan|inf|undefined)(?={_SPACE}[,}}\]])")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"[^\W_]{2,}")
_ESCAPED = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)")
_HALF = re.compile("[\ud800-\udfff]")
_SIDE_BY_SIDE = re.compile(r"(?<![(\[{,:])['\"]\s*['\"]")
_CUT_END = re.compile(r"[}\]][,\s]*\Z")


def repaired(source: str, budget: int = MOST_WORK) -> dict[str, Any] | None:
    """The object that `source` means. None if it is not an object or if the repair would change a number.

    `budget` bounds `work(source)`.
    """
    if len(source) > MOST_CHARACTERS or work(source) > budget or _too_deep(source):
        return None
    if "(" in source and (literal := _python_literal(source)) is not None:
        return literal
    cleaned = _outside_strings(_NOT_A_NUMBER, r"\g<before>null", well_formed_json(source))
    try:
        value: Any = json_repair.loads(cleaned, skip_json_loads=True)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict) or not keeps_numbers(cleaned, value) or not keeps_words(cleaned, value):
        return None
    # json-repair makes half a surrogate pair of half an escape.
    return value if not any(isinstance(leaf, str) and _HALF.search(leaf) for leaf in leaves(value)) else None


def _python_literal(source: str) -> dict[str, Any] | None:
    """The object that a Python literal with tuples is, with lists for its tuples. None if JSON cannot say the same.

    Nothing is guessed: escapes, which the two languages read in different ways, and strings side by side are refused.
    """
    if "\\" in source or _SIDE_BY_SIDE.search(source):
        return None
    try:
        value = _of_json(ast.literal_eval(source))
    except (MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _of_json(value: Any) -> Any:
    """The value with lists for tuples. Raises `TypeError` for anything that is not JSON."""
    if isinstance(value, list | tuple):
        return [_of_json(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _of_json(item) for key, item in value.items()}
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and isfinite(value)):
        return value
    raise TypeError(f"JSON has no {type(value).__name__}")


def work(source: str) -> int:
    """An upper bound of the work of json-repair that is not linear in the characters."""
    quotes = source.count('"')
    # A string has both. Many openings without closings are as hard as quotes that are neither.
    stray = quotes - 2 * min(len(_OPENING.findall(source)), len(_CLOSING.findall(source)))
    return len(source) * max(0, stray)


def _too_deep(source: str) -> bool:
    if sum(map(source.count, "([{")) <= MOST_LEVELS:
        return False
    level = 0
    for token in _STRING_OR_BRACKET.finditer(source):
        if token[0] in ("(", "[", "{"):
            level += 1
            if level > MOST_LEVELS:
                return True
        elif token[0] in (")", "]", "}"):
            level = max(0, level - 1)
    return False


def is_cut(source: str) -> bool:
    """Whether a cut source ends inside a value, so that the value is not known."""
    return _CUT_END.search(source) is None


def keeps_numbers(source: str, value: Any) -> bool:
    """Whether every number of `value` is written in `source`, and every one that can be read there is in `value`.

    A number that the repair made a string counts as kept if the string has its digits.
    """
    numbers: Counter[Decimal] = Counter()
    strings: list[str] = []
    for leaf in leaves(value):
        if isinstance(leaf, str):
            strings.append(leaf)
        elif isinstance(leaf, int | float) and not isinstance(leaf, bool):
            if isinstance(leaf, float) and not isfinite(leaf):
                return False
            numbers[_number(repr(leaf))] += 1
    texts = "\n".join(strings)
    readable: Counter[Decimal] = Counter()
    for token in _TOKEN.finditer(source):
        bare = token["bare"]
        if not bare:
            continue
        if _JSON_NUMBER.fullmatch(bare):
            exact = _number(bare)
            number = exact if _is_integer(bare) else _number(repr(float(bare)))
            if numbers[number] > readable[number]:
                readable[number] += 1
            elif bare not in texts:
                return False
        elif any(character.isdigit() for character in bare) and bare.strip("'") not in texts and bare not in texts:
            return False
    return numbers == readable


def keeps_words(source: str, value: Any) -> bool:
    """Whether every word of `source` is in `value`: json-repair drops what it cannot place."""
    kept = " ".join(str(leaf) for leaf in leaves(value)) + " None null nan undefined infinity"
    known = set(_WORD.findall(kept.lower()))
    # `keeps_numbers` compares these. Python writes 2.50 and 1e3 with other digits.
    bare = (token["bare"] or "" for token in _TOKEN.finditer(source))
    known.update(word for number in bare if _JSON_NUMBER.fullmatch(number) for word in _WORD.findall(number.lower()))
    written = _ESCAPED.sub(" ", _COMMENT.sub(" ", source))
    return all(word in known for word in _WORD.findall(written.lower()))


def written_numbers(source: str) -> dict[float, str]:
    """The decimals in `source` outside strings, by their value: how the model wrote each."""
    bare = (token["bare"] or "" for token in _TOKEN.finditer(source))
    return {float(number): number for number in bare if _JSON_NUMBER.fullmatch(number) and not _is_integer(number)}


def _is_integer(written: str) -> bool:
    return written.lstrip("-").isdigit()


def _number(written: str) -> Decimal:
    try:
        return Decimal(written)
    except InvalidOperation:
        return Decimal("NaN")


def leaves(value: Any) -> Iterator[Any]:
    """Keys and scalars."""
    for part in _parts(value):
        if isinstance(part, dict):
            yield from part
        elif not isinstance(part, list):
            yield part


def written_keys(value: Any) -> Iterator[str]:
    """The keys of all objects in `value`."""
    for part in _parts(value):
        if isinstance(part, dict):
            yield from part


def _parts(value: Any) -> Iterator[Any]:
    """The value and every value in it, in their order."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, dict):
            waiting += reversed(part.values())
        elif isinstance(part, list):
            waiting += reversed(part)


def _outside_strings(pattern: re.Pattern[str], replacement: str, source: str) -> str:
    pieces: list[str] = []
    at = 0
    for token in re.finditer(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', source, re.DOTALL):
        pieces += pattern.sub(replacement, source[at : token.start()]), token.group()
        at = token.end()
    return "".join((*pieces, pattern.sub(replacement, source[at:])))
