"""An answer that is only a JSON string, or a JSON array of strings, on one line each: words without a block."""

from __future__ import annotations

import json
import re

from parser.prose import lines
from parser.strings import unescaped

_S = r"[ \t\r\n]*"
_OPEN = r'"(?:[^"\\\r\n]|\\[^\r\n])*+'
_ONE = _OPEN + '"'
STRING = re.compile(rf'"(?=[^"\\\r\n]*+\\){_OPEN[1:]}"{_S}\Z')
"""The rest of the text is one string with a backslash. Without one, it is a quotation."""
STRING_PREFIX = re.compile(rf"(?:{_ONE}{_S}|{_OPEN}\\?)\Z")
STRINGS = re.compile(rf"\[{_S}(?:{_ONE}{_S}(?:,{_S}{_ONE}{_S})*+)?\]{_S}\Z")
"""The rest of the text is one array of strings, perhaps an empty one."""
STRINGS_PREFIX = re.compile(rf"\[{_S}(?:{_ONE}{_S},{_S})*+(?:{_ONE}{_S}(?:\]{_S})?|{_OPEN}\\?|\]{_S})?\Z")
_STRING = re.compile(_ONE)
# In valid JSON a backslash in a path is doubled.
_PATH = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]:\\(?!\\)")


def plain_text(source: str) -> str:
    """The text of the strings in `source`: several are a Markdown list, without the empty ones.

    In a path such as `C:\\new`, and in a string that is not valid JSON, the backslashes are text.
    """
    return lines([text for string in _STRING.findall(source) if (text := _text(string)).strip()] or [""])


def _text(string: str) -> str:
    if _PATH.search(string):
        return string[1:-1]
    try:
        json.loads(string)
    except ValueError:
        return string[1:-1]
    return unescaped(string[1:-1])
