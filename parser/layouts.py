"""Objects that lay out texts: cards, lists of keys and values, an answer with its sources. All of one is shown.

The tables of words are in `parser/vocabulary.py`; `docs/parser.md` describes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from parser.prose import container, headings, is_prose, lines, scalar, without_headings
from parser.vocabulary import (
    CONTENT_KEYS,
    HEADING_KEYS,
    LAYOUT_TYPES,
    LIST_KEYS,
    MACHINE_KEYS,
    PART_KEYS,
    TEXT_KEYS,
    type_word,
)

_SIGNS = HEADING_KEYS | PART_KEYS | {*CONTENT_KEYS, *LIST_KEYS}
_PAIR = frozenset(("key", "value"))


def is_layout(members: Mapping[str, Any]) -> bool:
    """Whether the type says that the object lays out texts, and it has a member of such an object."""
    kind = members.get("type")
    return isinstance(kind, str) and type_word(kind) in LAYOUT_TYPES and not _SIGNS.isdisjoint(members)


def laid_out(members: Mapping[str, Any]) -> str:
    """The texts of all members, without machine data: the titles first, then a paragraph or a line for each."""
    return "\n\n".join([*headings(members), *details(without_headings(members))])


def details(members: Mapping[str, Any]) -> list[str]:
    """The texts of the members. Neighbouring members with one line each are one text."""
    if members.keys() >= _PAIR:
        pair = lines([{key: members[key] for key in ("key", "value")}])
        return [pair, *details({key: value for key, value in members.items() if key not in _PAIR})]
    made: list[str] = []
    named: list[str] = []
    for key, value in members.items():
        if key in MACHINE_KEYS:
            continue
        text, of_one_line = detail(key, value)
        if text and of_one_line:
            named.append(text)
        elif text:
            made += _listed(named)
            named.clear()
            made.append(text)
    return made + _listed(named)


def detail(key: str, value: Any) -> tuple[str, bool]:
    """The text of a member, and whether it is one line that begins with the key."""
    if isinstance(value, dict | list):
        return container(key, value), False
    text = scalar(value)
    if not text:
        return "", False
    of_text = isinstance(value, str) and is_prose(text)
    return (text, False) if key in TEXT_KEYS or of_text else (f"{key}: {text}", True)


def _listed(named: Sequence[str]) -> list[str]:
    return ["\n".join(f"- {text}" for text in named) if len(named) > 1 else named[0]] if named else []
