"""The text of a memory as the person reads it: one line, without JSON syntax, cut between words. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

MOST_CHARS: Final = 500
"""Characters of a shown text."""
_MOST_READ: Final = 20_000
_NAMES: Final = ("title", "name", "summary", "content", "body", "text", "description")
"""The fields that say what an item is, the best one first."""
# Syntax that only JSON has. A list of quoted words, as in `"yes", "no"`, may be ordinary writing.
_JSON: Final = re.compile(r'[\[{]\s*["\[{]|["\]}]\s*[\]}]|"\s*:|\\[nrtu"]')
_BETWEEN_STRINGS: Final = re.compile(r'"\s*,\s*"')
_KINDS: Final = frozenset({"type", "kind", "role", "op", "id"})
"""Fields that say nothing to a person."""
_KIND: Final = re.compile(rf'"(?:{"|".join(sorted(_KINDS))})"\s*:\s*"[^"\\]*"')
_NAME: Final = re.compile(r'"[^"\\\n]{0,60}"\s*:|^[^"\\\s]{0,60}"\s*:')
_ESCAPED: Final = re.compile(r'\\(?:u([0-9a-fA-F]{4})|([nrtbf])|(["\\/]))')
_SYNTAX: Final = re.compile(r'[\s,:]*[\[\]{}"]+[\s,:\[\]{}"]*')
_LITERALS: Final = frozenset({"true", "false", "null"})
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4,})+", re.IGNORECASE)
_ENDS: Final = (".", "!", "?", "…", "。", "！", "？", "؟", ":", ";", ",")
_QUOTE: Final = "\ufffc"
_ELLIPSIS: Final = "…"
_MARKS: Final = ".,;:!?-–— "


def shown(text: str, most: int = MOST_CHARS) -> str:
    """`text` as one line of at most `most` characters. JSON, also a part of it, is replaced by the texts in it.

    A longer text is cut after a word and ends with an ellipsis.
    """
    read = text[:_MOST_READ]
    if _JSON.search(read) is not None or (read.count('"') % 2 and _BETWEEN_STRINGS.search(read) is not None):
        read = _joined(_texts_in(read)) or read
    return _cut(" ".join(read.split()), most)


def shown_value(value: Any, yes: str, no: str) -> str:
    """The value of a preference: a list with commas, an object with the names of its fields."""
    match value:
        case bool():
            return yes if value else no
        case None:
            return no
        case str():
            return shown(value)
        case Mapping():
            parts = (f"{shown_name(str(name))}: {shown_value(one, yes, no)}" for name, one in value.items())
            return _cut(", ".join(parts), MOST_CHARS)
        case list() | tuple():
            return _cut(", ".join(shown_value(one, yes, no) for one in value), MOST_CHARS)
        case _:
            return _cut(str(value), MOST_CHARS)


def shown_name(name: str) -> str:
    """The name of a preference or field in words: "preferred_name" is "preferred name"."""
    return " ".join(name.replace("_", " ").split())


def shown_title(data: Mapping[str, Any] | None) -> str | None:
    """What the item with these fields is called; None if none of them says it."""
    if data is not None:
        for name in _NAMES:
            value = data.get(name)
            if isinstance(value, str) and (title := shown(value)):
                return title
    return None


def _cut(line: str, most: int) -> str:
    if len(line) <= most:
        return line
    kept = line[:most]
    words, space, _ = kept.rpartition(" ")
    # A text without spaces, such as Japanese or a long address, is cut anywhere.
    kept = words if space and len(words) >= most // 2 else kept[: most - 1]
    return kept[: most - 1].rstrip(_MARKS) + _ELLIPSIS


def _texts_in(text: str) -> Iterator[str]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        plain = _ESCAPED.sub(_unescaped, text)
        plain = _NAME.sub('"', _KIND.sub('"', plain))
        for piece in _SYNTAX.split(plain):
            yield piece.replace(_QUOTE, '"')
    else:
        yield from _strings(value, 0)


def _strings(value: Any, depth: int) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict() if depth < 20:
            for name, one in value.items():
                yield from _strings(one, depth + 1) if name not in _KINDS else ()
        case list() if depth < 20:
            for one in value:
                yield from _strings(one, depth + 1)


def _unescaped(found: re.Match[str]) -> str:
    code, blank, char = found.groups()
    if code is not None:
        number = int(code, 16)
        return " " if 0xD800 <= number < 0xE000 or number < 0x20 else chr(number).replace('"', _QUOTE)
    return " " if blank is not None else _QUOTE if char == '"' else char


def _joined(texts: Iterator[str]) -> str:
    """The texts that say something, with a comma after each one that has no mark at its end."""
    line = ""
    for text in texts:
        piece = " ".join(text.split()).strip(", ")
        if not any(char.isalnum() for char in piece) or piece in _LITERALS or _ID.fullmatch(piece):
            continue
        if line:
            line += " " if line.endswith(_ENDS) else ", "
        line += piece
    return line
