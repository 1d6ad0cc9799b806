"""Reads tool calls from a JSON value, and finds where a JSON value ends."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from agents.written_calls.head import ARGUMENT_KEYS, LIST_KEYS, NAME_KEYS, OBJECT_KEYS, OTHER_KEYS
from agents.written_calls.json_text import read_value, whole_arguments
from agents.written_calls.names import ToolNames

Call = tuple[str, str]
"""A tool's name and its arguments as JSON text."""

_MARKS: Final = re.compile(r'["\\{}\[\]]')
_MARKS_AND_SINGLE: Final = re.compile(r'["\'\\{}\[\]]')
_ARGUMENTS: Final = re.compile(r"""(?<!\w)["']?(?:""" + "|".join(ARGUMENT_KEYS) + r""")["']?\s*:\s*""")
_NAME: Final = re.compile(r"""(?<!\w)["']?(?:""" + "|".join(NAME_KEYS) + r""")["']?\s*:\s*["']([^"'\\]*)["']""")
_NAME_AS_KEY: Final = re.compile(r"""[\[\s]*\{\s*["']?([\w.]+)["']?\s*:\s*(?=\{)""")
_CALL_KEYS: Final = frozenset((*NAME_KEYS, *ARGUMENT_KEYS, *OTHER_KEYS))


class Nesting:
    """Follows a JSON value piece by piece, each character once."""

    def __init__(self, *, single_quotes: bool = False) -> None:
        """`single_quotes`: strings may also be in single quotes."""
        self.open: list[str] = []
        """The closers that are due, the innermost last."""
        self._marks = _MARKS_AND_SINGLE if single_quotes else _MARKS
        self._quote = ""
        self._escaped = False

    @property
    def in_string(self) -> bool:
        """Whether a string has begun and is not closed."""
        return bool(self._quote)

    def feed(self, piece: str) -> int | None:
        """Continue with `piece`. Returns where in it the value ends, or None if it goes on."""
        at = int(self._escaped)
        self._escaped = False
        while (mark := self._marks.search(piece, at)) is not None:
            at = mark.end()
            match mark[0]:
                case "\\":
                    if self.in_string:
                        self._escaped = at == len(piece)
                        at += 1
                case '"' | "'" if self._quote in ("", mark[0]):
                    self._quote = "" if self._quote else mark[0]
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


def calls_in(source: str, names: ToolNames, *, listed: bool = False) -> list[Call] | None:
    """The calls in the JSON text `source`; None if it does not call an offered tool.

    `listed`: the value is an item of a list, where a name alone is not a call. JSON with one reading is repaired. If
    it is broken but names a tool, the call has the broken arguments, so that the model reads what is wrong.
    """
    value = read_value(source)
    if listed and isinstance(value, dict) and not _has_more(value):
        return None
    return broken_call(source, names) if value is None else _calls(value, names)


def broken_call(source: str, names: ToolNames) -> list[Call] | None:
    """The call that begins in `source` and is broken or cut off; None if no offered tool is named."""
    named, arguments = _NAME.search(source), _ARGUMENTS.search(source)
    name = names.find(named[1]) if named is not None else None
    if name is None:
        named = arguments = _NAME_AS_KEY.match(source)
        name = names.key(named[1]) if named is not None else None
    if name is None:
        return None
    return [(name, source[arguments.end() :] if arguments is not None else "{")]


def may_become_call(source: str, names: ToolNames) -> bool:
    """Whether more text could make a call of `source`: it is not JSON, or an object with no member that calls lack."""
    try:
        value = json.loads(source, strict=False)
    except (ValueError, RecursionError):
        return True
    return not isinstance(value, dict) or value.keys() <= _CALL_KEYS or _by_key(value, names) is not None


def _calls(value: Any, names: ToolNames) -> list[Call] | None:
    if isinstance(value, list):
        found = [call for item in value for call in _calls(item, names) or ()]
        # Several names without arguments are a list of the tools.
        listed = len(value) > 1 and not any(isinstance(item, dict) and _has_more(item) for item in value)
        return None if listed else found or None
    if not isinstance(value, dict):
        return None
    for key in LIST_KEYS:
        if key in value:
            return _calls(value[key], names)
    for key in OBJECT_KEYS:
        inner = value.get(key)
        if isinstance(inner, dict):
            beside = {other: given for other, given in value.items() if other != key and other not in OTHER_KEYS}
            return _calls(beside | inner, names)
    call = _by_key(value, names) or _call(value, names)
    return None if call is None else [call]


def _has_more(value: Mapping[str, Any]) -> bool:
    """Whether an object has more than a name."""
    return not value.keys() <= {*NAME_KEYS, "id", "index"} or any(isinstance(value.get(key), dict) for key in NAME_KEYS)


def _by_key(value: Mapping[str, Any], names: ToolNames) -> Call | None:
    """The call of an object whose only key is the tool's name and whose value is an object of arguments."""
    if len(value) != 1:
        return None
    ((key, given),) = value.items()
    name = names.key(key)
    if name is None or key in _CALL_KEYS or not isinstance(given, dict) or _describes(given):
        return None
    if len(given) == 1:
        ((inner_key, inner),) = given.items()
        given = inner if inner_key in ARGUMENT_KEYS and isinstance(inner, dict) else given
    return name, json.dumps(given, ensure_ascii=False)


def _describes(given: Mapping[str, Any]) -> bool:
    """Whether an object is the JSON Schema of arguments, or the description of a tool, instead of arguments."""
    schema = given.get("type") == "object" and "properties" in given
    return schema or ("description" in given and "parameters" in given)


def _call(value: Mapping[str, Any], names: ToolNames) -> Call | None:
    # A description of a tool has a name and parameters too.
    if not value.keys() <= _CALL_KEYS:
        return None
    written = next((value[key] for key in NAME_KEYS if isinstance(value.get(key), str)), None)
    name = names.find(written) if written is not None else None
    given = next((value[key] for key in ARGUMENT_KEYS if key in value), None)
    if name is None:
        return None
    if given is None or given == []:
        return name, "{}"
    if isinstance(given, str):
        return name, whole_arguments(given)
    if not isinstance(given, dict) or _describes(given):
        return None
    return name, json.dumps(given, ensure_ascii=False)
