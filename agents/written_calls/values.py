"""Reads tool calls from a JSON value, and finds where a JSON value ends."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from agents.written_calls.head import ARGUMENT_KEYS, CALL_TYPES, LIST_KEYS, NAME_KEYS, OTHER_KEYS
from agents.written_calls.names import ToolNames

Call = tuple[str, str]
"""A tool's name and its arguments as JSON text."""

_MARKS: Final = re.compile(r'["\\{}\[\]]')
_ARGUMENTS: Final = re.compile(r'"(?:' + "|".join(ARGUMENT_KEYS) + r')"\s*:\s*')
_NAME: Final = re.compile(r'"(?:' + "|".join(NAME_KEYS) + r')"\s*:\s*"([^"\\]*)"')
_CALL_KEYS: Final = frozenset((*NAME_KEYS, *ARGUMENT_KEYS, *OTHER_KEYS))


class Nesting:
    """Follows a JSON value piece by piece, each character once."""

    def __init__(self) -> None:
        self.open: list[str] = []
        """The closers that are due, the innermost last."""
        self.in_string = False
        self._escaped = False

    def feed(self, piece: str) -> int | None:
        """Continue with `piece`. Returns where in it the value ends, or None if it goes on."""
        at = int(self._escaped)
        self._escaped = False
        while (mark := _MARKS.search(piece, at)) is not None:
            at = mark.end()
            match mark[0]:
                case "\\":
                    if self.in_string:
                        self._escaped = at == len(piece)
                        at += 1
                case '"':
                    self.in_string = not self.in_string
                case _ if self.in_string:
                    pass
                case "{":
                    self.open.append("}")
                case "[":
                    self.open.append("]")
                case _:
                    if self.open:
                        self.open.pop()
                    if not self.open:
                        return at
        return None


def calls_in(source: str, names: ToolNames) -> list[Call] | None:
    """The calls in the JSON text `source`; None if it does not call an offered tool.

    If the JSON is broken but names a tool, the call has the broken arguments, so that the model reads what is wrong.
    """
    try:
        value = json.loads(source, strict=False)
    except (ValueError, RecursionError):
        return broken_call(source, names)
    return _calls(value, names)


def broken_call(source: str, names: ToolNames) -> list[Call] | None:
    """The call that begins in `source` and is broken or cut off; None if no offered tool is named."""
    named, arguments = _NAME.search(source), _ARGUMENTS.search(source)
    name = names.find(named[1]) if named is not None else None
    if name is None:
        return None
    return [(name, source[arguments.end() :] if arguments is not None else "{")]


def is_json(source: str) -> bool:
    """Whether `source` is JSON, raw control characters in strings allowed."""
    try:
        json.loads(source, strict=False)
    except (ValueError, RecursionError):
        return False
    return True


def may_become_call(source: str) -> bool:
    """Whether more text could make a call of `source`: it is not JSON, or an object with no member that calls lack."""
    try:
        value = json.loads(source, strict=False)
    except (ValueError, RecursionError):
        return True
    return not isinstance(value, dict) or value.keys() <= _CALL_KEYS


def _calls(value: Any, names: ToolNames) -> list[Call] | None:
    if isinstance(value, list):
        found = [call for item in value for call in _calls(item, names) or ()]
        return found or None
    if not isinstance(value, dict):
        return None
    for key in LIST_KEYS:
        if key in value:
            return _calls(value[key], names)
    inner = value.get("function")
    if isinstance(inner, dict):
        return _calls({"type": "function", **inner}, names)
    call = _call(value, names)
    return None if call is None else [call]


def _call(value: Mapping[str, Any], names: ToolNames) -> Call | None:
    # A description of a tool has a name and parameters too.
    if not value.keys() <= _CALL_KEYS:
        return None
    written = next((value[key] for key in NAME_KEYS if isinstance(value.get(key), str)), None)
    name = names.find(written) if written is not None else None
    given = next((value[key] for key in ARGUMENT_KEYS if key in value), None)
    if name is None:
        return None
    if given is None:
        is_call = value.get("type") in CALL_TYPES or any(key in value for key in ARGUMENT_KEYS)
        return (name, "{}") if is_call else None
    if isinstance(given, str):
        return name, given
    if not isinstance(given, dict) or (given.get("type") == "object" and "properties" in given):
        return None
    return name, json.dumps(given, ensure_ascii=False)
