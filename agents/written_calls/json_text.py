"""Reads the JSON of a written call, also if it has faults that leave only one reading."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any, Final

from agents.written_calls.head import has_single_quotes
from parser import repaired

_COMMENT: Final = re.compile(r'(?P<string>"(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_MAX_LITERAL: Final = 50_000
_WORDS: Final = {"true": True, "false": False, "null": None}


def read_value(source: str) -> Any:
    """The value of a JSON text, with control characters in strings; None if it is broken and has several readings.

    Trailing commas, comments, keys without quotes and the literals of Python are repaired, and a dictionary in Python's
    notation is read. Unescaped quotes inside a string are not repaired: it is not certain where the string ends.
    """
    try:
        return json.loads(source, strict=False)
    except (ValueError, RecursionError):
        if has_single_quotes(source, 0):
            return _dictionary(source)
        return repaired(_COMMENT.sub(lambda found: found["string"] or " ", source), budget=0)


def whole_arguments(source: str) -> str:
    """`source`, the arguments of a call, as JSON text; unchanged if it is not an object that can be read."""
    if is_json(source):
        return source
    value = read_value(source)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else source


def is_json(source: str) -> bool:
    """Whether `source` is JSON, raw control characters in strings allowed."""
    try:
        json.loads(source, strict=False)
    except (ValueError, RecursionError):
        return False
    return True


def literal(node: ast.expr) -> Any:
    """The value of a literal in Python's notation, or with JSON's words. Raises ValueError for any other expression."""
    if isinstance(node, ast.Name) and node.id in _WORDS:
        return _WORDS[node.id]
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [literal(element) for element in elements]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {ast.literal_eval(key): literal(value) for key, value in pairs if key is not None}
    return ast.literal_eval(node)


def _dictionary(source: str) -> Any:
    """A dictionary or a list of Python; None if it is another expression."""
    if len(source) > _MAX_LITERAL:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in the model's strings
            value = literal(ast.parse(source.strip(), mode="eval").body)
        # Two escapes of surrogates are one character in JSON.
        return json.loads(json.dumps(value, allow_nan=False)) if isinstance(value, dict | list) else None
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
